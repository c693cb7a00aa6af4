// One stand-in host with a real agent, and orders as a coordinator gives them: hooks with what the host promises to undo,
// and observe mode. The host's own history says what really happened.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createAgents } from '@pitstop/coordinator/adapters/agents/agents'
import type { HostView, OrderView } from '@pitstop/coordinator/domain/observed'
import type { OrderPayload } from '@pitstop/coordinator/ports'
import { manifestHash } from '@pitstop/shared/digest'
import { orderId } from '@pitstop/shared/order-id'
import t from 'tap'
import { createHost, type Host } from '../stand-ins/host/stand-in-host.ts'
import { authority, issue } from '../tls/issue-certificates.ts'

const node = 'gitaly-01.test'
const planHash = 'a'.repeat(64)

interface Ordered {
  readonly host: Host
  readonly describe: () => Promise<HostView>
  readonly give: (step: 'stage' | 'upgrade' | 'reboot', packages?: readonly { name: string, version: string }[]) => Promise<OrderView>
  readonly healthy: () => Promise<string>
  readonly hook: (place: string, body?: string) => void
  readonly ran: () => readonly string[]
  readonly promises: () => readonly string[]
}

async function ordered(t: { teardown(undo: () => unknown): void }, configuration: Readonly<Record<string, unknown>> = {}): Promise<Ordered> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pitstop-orders-')))
  const ca = await authority(folder, 'ca', 'lab')
  const host = await createHost({
    folder, fleet: 'lab', node, storages: ['s1'], address: '127.0.3.1', tls: await issue(ca, 'agent', node), coordinators: [], rebootMs: 300, gitalyStartMs: 200, aptMs: 100,
    overrides: { configuration }
  })
  const agents = createAgents({ fleet: 'lab', tls: await issue(ca, 'coordinator', 'coordinator.test') })
  t.teardown(async () => {
    agents.close()
    await host.powerOff()
    rmSync(folder, { recursive: true, force: true })
  })
  const hooks = join(host.root, 'etc/pitstop/hooks.d')
  const planNode = { node, address: host.agentAddress, gitaly: '', storages: ['s1'], zone: 'z', platform: '' }
  const payload = (step: 'stage' | 'upgrade' | 'reboot', bootId: string, manifest: OrderPayload['manifest']): OrderPayload => ({
    order: {
      id: orderId({ planHash, node, step, attempt: 1 }), step, node, attempt: 1, notBefore: Date.now(), notAfter: Date.now() + 60_000, bootId,
      manifestHash: manifest.length === 0 ? '' : manifestHash(manifest)
    },
    epoch: 1, fleet: 'lab', planHash, manifest, delayMs: 0, reason: 'CVE-1', deadlineMs: 60_000
  })
  await host.powerOn()
  await host.waitFor('a ready agent', (each) => each.events().some(({ event }) => event === 'agent-ready'))
  await host.whenServing()
  return {
    host,
    describe: () => agents.describe(planNode, 0, []),
    give: (step, manifest = []) => agents.order(planNode, payload(step, host.bootId(), manifest), () => undefined),
    healthy: async () => {
      const id = orderId({ planHash, node, step: 'reboot', attempt: 1 })
      for (const end = Date.now() + 30_000; Date.now() < end;) {
        const { status, reasons } = await agents.health(planNode, 0, id, false).catch(() => ({ status: 'unknown', reasons: [] }))
        if (status !== 'unknown') return `${status} ${reasons.map(({ text }) => text).join('; ')}`.trim()
        await new Promise((resolve) => { setTimeout(resolve, 100) })
      }
      return 'unknown'
    },
    hook: (place, body = '') => {
      const path = join(hooks, place)
      mkdirSync(dirname(path), { recursive: true })
      for (let at = dirname(path); at.length >= host.root.length; at = dirname(at)) chmodSync(at, 0o755)
      writeFileSync(path, `#!/bin/sh\necho '${place}' "$PITSTOP_BOOT_ID" >> '${host.root}/ran'\n${body}\n`)
      chmodSync(path, 0o755)
    },
    ran: () => existsSync(join(host.root, 'ran')) ? readFileSync(join(host.root, 'ran'), 'utf8').trim().split('\n') : [],
    promises: () => { try { return readdirSync(join(host.root, 'var/lib/pitstop-agent/obligations')).filter((name) => name.endsWith('.json')) } catch { return [] } }
  }
}

async function until(what: string, look: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    if (look()) return
    await new Promise((resolve) => { setTimeout(resolve, 50) })
  }
  throw new Error(`${what} did not come`)
}

void t.test('hooks around upgrade and reboot; their undos are the agent\'s own work once the node is healthy, last first', async (t) => {
  const { host, give, healthy, hook, ran, promises } = await ordered(t)
  for (const place of ['before-upgrade/50-chef', 'before-upgrade/50-chef.undo', 'before-reboot/10-pool', 'before-reboot/10-pool.undo', 'after-ready/90-warm']) hook(place)
  const before = host.bootId()
  const staged = await give('stage')
  const manifest = staged.changes.map(({ name, to }) => ({ name, version: to }))
  t.equal((await give('upgrade', manifest)).status, 'succeeded')
  t.same(ran(), [`before-upgrade/50-chef ${before}`])
  // apt's timers are put back by the unit's last act, behind the outcome.
  t.equal(promises().filter((name) => name.startsWith('hook-')).length, 1, 'kept until the node is done')
  await give('reboot')
  await host.waitFor('another boot', (each) => each.boots().length === 2)
  // Nobody asks, and no coordinator is configured: the agent looks by itself.
  await until('the undos', () => promises().length === 0)
  t.equal(await healthy(), 'healthy')
  t.same(ran().map((line) => line.split(' ')[0]), ['before-upgrade/50-chef', 'before-reboot/10-pool', 'after-ready/90-warm', 'before-reboot/10-pool.undo', 'before-upgrade/50-chef.undo'])
  t.equal(ran()[1], `before-reboot/10-pool ${before}`)
  t.equal(ran()[2], `after-ready/90-warm ${host.bootId()}`)
  const stop = host.events().find(({ event }) => event === 'gitaly-stop-requested')
  t.ok(stop, 'the hook ran before the outage began')
  // An agent that starts again repeats nothing.
  host.killAgent()
  await host.waitFor('a restarted agent', (each) => each.events().filter(({ event }) => event === 'agent-ready').length === 3)
  t.match(await healthy(), /^healthy/)
  t.equal(ran().length, 5)
})

void t.test('a hook of before-reboot that fails leaves Gitaly as it was, and nothing promised', async (t) => {
  const { host, describe, give, hook, ran, promises } = await ordered(t)
  hook('before-reboot/10-pool', 'echo still in the pool; exit 1')
  hook('before-reboot/10-pool.undo')
  const pid = (await describe()).gitalyPid
  await give('reboot')
  const file = join(host.root, 'var/lib/pitstop-agent/orders', orderId({ planHash, node, step: 'reboot', attempt: 1 }), 'outcome.json')
  await until('the refusal', () => existsSync(file))
  t.match(JSON.parse(readFileSync(file, 'utf8')), { status: 'vetoed', reasons: [{ code: 'HOOK_FAILED', text: /still in the pool/ }] })
  t.match(await describe(), { gitalyPid: pid, gitalyRuns: true, vetoes: [] })
  t.same(ran().map((line) => line.split(' ')[0]), ['before-reboot/10-pool', 'before-reboot/10-pool.undo'])
  t.same(promises(), [])
  t.equal(host.boots().length, 1)
})

void t.test('a hook that others could change stands against every order ahead of time', async (t) => {
  const { host, describe, give, hook, ran } = await ordered(t)
  hook('after-ready/90-warm')
  chmodSync(join(host.root, 'etc/pitstop/hooks.d/after-ready/90-warm'), 0o777)
  t.match((await describe()).vetoes, [{ code: 'HOOK_REFUSED', text: /90-warm is writable by its group and everybody/, hint: /chmod go-w/ }])
  t.match(await give('reboot'), { status: 'vetoed', reasons: [{ code: 'HOOK_REFUSED' }] })
  t.same(ran(), [])
})

void t.test('observe mode: every order is judged, written down and refused; the host is not touched', async (t) => {
  const { host, describe, give, hook, ran, promises } = await ordered(t, { mode: 'observe' })
  for (const place of ['before-upgrade/50-chef', 'before-upgrade/50-chef.undo', 'before-reboot/10-pool', 'after-ready/90-warm']) hook(place)
  const installed = JSON.stringify(host.installed())
  t.match((await describe()).vetoes, [{ code: 'OBSERVE_MODE', text: /observed\.jsonl/, hint: /mode: act/ }])
  const observed = (): { would: { download?: string[] } }[] => readFileSync(join(host.root, 'var/lib/pitstop-agent/observed.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as never)
  t.match(await give('stage'), { status: 'vetoed', reasons: [{ code: 'OBSERVE_MODE' }] })
  const manifest = (observed()[0]?.would.download ?? []).map((text) => ({ name: text.split('=')[0] ?? '', version: text.slice(text.indexOf('=') + 1) }))
  t.match(await give('upgrade', manifest), { status: 'vetoed', reasons: [{ code: 'OBSERVE_MODE' }] })
  t.match(await give('reboot'), { status: 'vetoed', reasons: [{ code: 'OBSERVE_MODE' }] })
  const lines = observed()
  t.match(lines, [
    { step: 'stage', would: { download: [/^base-files=/, /^libssl3=/] }, refused: [] },
    { step: 'upgrade', would: { install: [/^base-files=/, /^libssl3=/], mask: Array, hooks: ['before-upgrade/50-chef'] }, refused: [] },
    { step: 'reboot', order: orderId({ planHash, node, step: 'reboot', attempt: 1 }), would: { reboot: true, hooks: ['before-reboot/10-pool', 'after-ready/90-warm'] }, refused: [] }
  ])
  t.same(ran(), [])
  t.same(promises(), [])
  t.equal(JSON.stringify(host.installed()), installed)
  t.equal(host.boots().length, 1)
  const changing = host.commands().filter(({ command, args }) => ['systemd-run', 'shutdown'].includes(command) || (command === 'apt-get' && !args.includes('-s'))
    || (command === 'systemctl' && !['show', 'is-active', 'is-enabled'].includes(args[0] ?? '')) || (command === 'gitlab-ctl' && args[0] !== 'status'))
  t.same(changing.map(({ command, args }) => [command, ...args].join(' ')), [])
})
