// A host that is down behind a network that drops what is sent to it. TCP would try again ever more seldom, up to half a
// minute after the host is back: an outage that nobody's hardware asks for.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgents } from '@pitstop/coordinator/adapters/agents/agents'
import t from 'tap'
import { deafListener } from './deaf-listener.ts'
import { listeningAgent, planNode } from './listening-agent.ts'
import { authority, issue } from './issue-certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'pitstop-silent-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })

/** Looks as the engine does, a second apart, until one succeeds. @returns ms since `from`. */
async function untilSeen(look: () => Promise<unknown>, from: () => number): Promise<number> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const began = Date.now()
    if (await look().then(() => true, () => false)) return Date.now() - from()
    await new Promise((resolve) => { setTimeout(resolve, Math.max(0, began + 1000 - Date.now())) })
  }
  return Infinity
}

void t.test('a host that was silent for long is seen soon after it is back', async (t) => {
  const ca = await authority(folder, 'ours', 'lab')
  const agents = createAgents({ fleet: 'lab', tls: await issue(ca, 'coordinator', 'coordinator.test') })
  const { port } = await listeningAgent(t, await issue(ca, 'agent', 'gitaly-01.test'))
  await using deaf = await deafListener(port)
  t.teardown(() => { agents.close() })
  const node = planNode(deaf.port)
  let backAt = Infinity
  // TCP's own tries are 1, 3, 7 and 15 s after the first, with newer kernels 1, 2, 3, 4, 5, 7 and 11 s.
  setTimeout(() => { backAt = Date.now(); deaf.hear() }, 7300)
  const ms = await untilSeen(() => agents.describe(node, 0, []), () => backAt)
  t.comment(`${ms} ms`)
  t.ok(ms < 2500, `${ms} ms`)
})

void t.test('the host\'s own report gives up whatever waits for it: a new connection, and an answer over an old one', async (t) => {
  const ca = await authority(folder, 'again', 'lab')
  const agents = createAgents({ fleet: 'lab', tls: await issue(ca, 'coordinator', 'coordinator.test') })
  t.teardown(() => { agents.close() })
  const { port } = await listeningAgent(t, await issue(ca, 'agent', 'gitaly-01.test'))
  await using deaf = await deafListener(port)
  const silent = planNode(deaf.port)
  const connecting = agents.describe(silent, 0, [])
  deaf.hear()
  agents.reconnect(silent)
  await t.rejects(connecting, { code: 'AGENT_UNREACHABLE', message: /given up/ })
  t.match(await agents.describe(silent, 0, []), { protocol: { max: 1 } })
  const asked = agents.health(silent, 0, '', false)
  await agents.describe(silent, 0, [])
  agents.reconnect(silent)
  await t.rejects(asked, { code: 'AGENT_UNREACHABLE', message: /cut off/ })
  t.match(await agents.describe(silent, 0, []), { protocol: { max: 1 } })
})
