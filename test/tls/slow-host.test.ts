// A host that takes its time: its name is found late, or it has just booted and its handshakes are slow. It answers, so it is
// reached; being slow is not being silent.
import dns from 'node:dns'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgents } from '@pitstop/coordinator/adapters/agents/agents'
import t from 'tap'
import { listeningAgent, planNode } from './listening-agent.ts'
import { authority, issue } from './issue-certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'pitstop-slow-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })

/** A resolver that finds gitaly-01.test, after a while. */
function resolveSlowly(t: { teardown(handler: () => void): unknown }, ms: number): void {
  const { lookup } = dns
  const found = dns.promises.lookup
  const slowly = (host: string, ...rest: unknown[]): void => {
    if (host !== 'gitaly-01.test') Reflect.apply(lookup, dns, [host, ...rest])
    else setTimeout(() => { Reflect.apply(lookup, dns, ['127.0.0.1', ...rest]) }, ms)
  }
  Object.assign(dns, { lookup: slowly })
  Object.assign(dns.promises, { lookup: async (host: string, options: dns.LookupAllOptions) => {
    if (host !== 'gitaly-01.test') return found(host, options)
    await new Promise((resolve) => { setTimeout(resolve, ms) })
    return found('127.0.0.1', options)
  } })
  t.teardown(() => { Object.assign(dns, { lookup }); Object.assign(dns.promises, { lookup: found }) })
}

void t.test('a name that is found late is no silence of its host', async (t) => {
  const ca = await authority(folder, 'names', 'lab')
  const agents = createAgents({ fleet: 'lab', tls: await issue(ca, 'coordinator', 'coordinator.test') })
  t.teardown(() => { agents.close() })
  const { port } = await listeningAgent(t, await issue(ca, 'agent', 'gitaly-01.test'))
  resolveSlowly(t, 1500)
  t.match(await agents.describe({ ...planNode(port), address: `gitaly-01.test:${port}` }, 0, []), { protocol: { max: 1 } })
})

void t.test('two callers of a host with slow handshakes do not cut each other off', async (t) => {
  const ca = await authority(folder, 'handshakes', 'lab')
  const agents = createAgents({ fleet: 'lab', tls: await issue(ca, 'coordinator', 'coordinator.test') })
  t.teardown(() => { agents.close() })
  const { port } = await listeningAgent(t, await issue(ca, 'agent', 'gitaly-01.test'))
  // Takes each connection at once, and lets its first bytes through later.
  const slow = createServer((inside) => {
    const outside = connect(port, '127.0.0.1')
    for (const socket of [inside, outside]) socket.on('error', () => undefined)
    setTimeout(() => { inside.pipe(outside).pipe(inside) }, 1500)
    inside.on('close', () => { outside.destroy() })
  })
  await new Promise<void>((resolve) => { slow.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { slow.close() })
  const address = slow.address()
  const node = planNode(typeof address === 'object' && address !== null ? address.port : 0)
  const looked = agents.describe(node, 0, [])
  // What the first asks must have had its time to be called stuck.
  await new Promise((resolve) => { setTimeout(resolve, 1100) })
  t.match(await Promise.all([looked, agents.describe(node, 0, [])]), [{ protocol: { max: 1 } }, { protocol: { max: 1 } }])
})
