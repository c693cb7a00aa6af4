// Behind the point of no return: what the reboot's unit writes down, and who gives Gitaly back when the reboot does not
// come. A fake host with real processes; systemd itself was tried with Debian 12 and 13 in containers.
import { createServer } from 'node:http'
import { existsSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { StopMark } from '../domain/order-record.ts'
import { stopNotes } from '../domain/stop-notes.ts'
import { type AcceptedOnHost, acceptedOrder } from '../fixtures/accepted-order.ts'
import { reboot } from './reboot.ts'
import { unitEnded } from './unit-ended.ts'

const id = 'reboot-1-0123456789abcdef01234567'
const killed = { result: 'signal', code: 'killed', status: 'KILL' }
const well = { result: 'success', code: 'exited', status: '0' }
const terminated = { result: 'success', code: 'killed', status: 'TERM' }
const mark: StopMark = { stopBegunAtMs: 5, stoppedAtMs: 7, stopNote: '', rebootRequestedAtMs: 0 }

const world = (t: Test, metrics?: string): Promise<AcceptedOnHost> => acceptedOrder(t, { id, step: 'reboot', reason: 'security\nupdates' }, {
  settings: (host) => {
    const settings = host.settings().host
    return { ...settings, gitaly: { ...settings.gitaly, ...metrics === undefined ? {} : { metrics } } }
  }
})

void t.test('the unit counts the requests in flight, stops Gitaly, marks, and reboots with its reason', async (t) => {
  const page = createServer((request, response) => {
    response.end(request.url === '/metrics' ? 'grpc_server_started_total{grpc_method="FindCommit",grpc_service="gitaly.CommitService"} 7\ngrpc_server_handled_total{grpc_code="OK",grpc_method="FindCommit",grpc_service="gitaly.CommitService"} 5\n' : '')
  })
  await new Promise<void>((resolve) => { page.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { page.close() })
  const address = page.address()
  const { host, context } = await world(t, `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`)
  await reboot(context)
  t.same(host.effects(), ['stop', 'reboot'])
  t.equal(host.read('reboot-words'), `reboot --message=pitstop ${id}: security updates\n`, 'one line, as it is shown to who is logged in')
  const files = context.store.read(id)
  t.match(files, { mark: { requestsInFlight: 2, stopNote: '', log: { inode: Number, offset: Number }, rebootRequestedAtMs: Number } })
  t.equal(files?.outcome, undefined, 'what becomes of it the boot id will tell')
  await unitEnded(context, well)
  t.same(host.effects(), ['stop', 'reboot'], 'the ordinary end needs nobody\'s help')
})

void t.test('without metrics the number is not known, and nothing waits for it', async (t) => {
  const { host, context } = await world(t, '127.0.0.1:1')
  await reboot(context)
  t.match(context.store.read(id), { mark: { requestsInFlight: -1 } })
  t.same(host.effects(), ['stop', 'reboot'])
})

void t.test('a stop that fails does not keep the host from going down: behind it the node is finished', async (t) => {
  const { host, context } = await world(t)
  host.write('bin/gitlab-ctl', `#!/bin/sh\nPATH=/usr/bin:/bin\ncase "$1" in status) cat ${host.root}/status ;; stop) echo stop >> ${host.root}/effects; echo 'timeout: run: gitaly: (pid 42) 131s, want down, got TERM'; exit 1 ;; esac\n`)
  await reboot(context)
  t.same(host.effects(), ['stop', 'reboot'])
  t.match(context.store.read(id), { mark: { stopNote: /got TERM/, rebootRequestedAtMs: Number } })
})

void t.test('a reboot that systemd refuses: Gitaly is given back, and its words are told', async (t) => {
  const { host, context } = await world(t)
  host.write('fail-reboot', 'Call to Reboot failed: Access denied\n')
  await reboot(context)
  t.same(host.effects(), ['stop', 'reboot', 'start'])
  t.match(context.store.read(id), { outcome: { status: 'failed', reasons: [{ code: 'NOT_REBOOTED', text: /Access denied; Gitaly was started again/ }] }, mark: { rebootRequestedAtMs: 0 } })
})

void t.test('a reboot whose answer was lost on the way down starts nothing', async (t) => {
  const { host, context } = await world(t)
  host.write('fail-reboot', 'Warning! D-Bus connection terminated.\n')
  host.write('system-state', 'stopping\n')
  await reboot(context)
  t.same(host.effects(), ['stop', 'reboot'])
  t.equal(context.store.read(id)?.outcome, undefined)
})

void t.test('a unit that died gives Gitaly back, unless the host goes down', async (t) => {
  interface Case { readonly end?: typeof killed, readonly mark?: StopMark, readonly begun?: boolean, readonly state?: string, readonly boot?: string, readonly effects: readonly string[], readonly outcome?: RegExp }
  const cases: Readonly<Record<string, Case>> = {
    'killed between stop and reboot': { mark, effects: ['start'], outcome: /signal, killed, KILL.*Gitaly was started again/ },
    'stopped by a person at that moment': { mark, end: terminated, effects: ['start'], outcome: /started again/ },
    'killed while Gitaly stopped': { mark: { ...mark, stoppedAtMs: 0 }, effects: ['start'], outcome: /started again/ },
    'killed before anything was done': { effects: [], outcome: /Gitaly was not touched/ },
    'not begun': { begun: false, effects: [] },
    'somebody else takes the host down': { mark, end: terminated, state: 'stopping', effects: [] },
    'asked for and answered': { mark: { ...mark, rebootRequestedAtMs: 8 }, end: well, state: 'stopping', effects: [] },
    'asked for and answered, told to end, and never done': { mark: { ...mark, rebootRequestedAtMs: 8 }, end: well, effects: ['start'], outcome: /before the host went down; Gitaly was started again/ },
    'under another boot': { mark, boot: 'boot-2', effects: [] }
  }
  for (const [name, each] of Object.entries(cases)) {
    const { host, context } = await world(t)
    if (each.begun !== false) context.store.decide(id, { kind: 'begun', atMs: 4, by: 'unit', reasons: [] })
    if (each.mark !== undefined) context.store.markStop(id, each.mark)
    if (each.state !== undefined) host.write('system-state', each.state)
    if (each.boot !== undefined) host.boot(each.boot)
    await unitEnded(context, each.end ?? killed)
    t.same(host.effects(), each.effects, name)
    const outcome = context.store.read(id)?.outcome
    if (each.outcome === undefined) t.equal(outcome, undefined, name)
    else t.match(outcome, { status: 'failed', reasons: [{ code: 'NOT_REBOOTED', text: each.outcome }] }, name)
  }
})

void t.test('a request that was made and whose unit died then is waited for before it counts as lost', async (t) => {
  const { host, context } = await world(t)
  context.store.decide(id, { kind: 'begun', atMs: 4, by: 'unit', reasons: [] })
  context.store.markStop(id, { ...mark, rebootRequestedAtMs: 8 })
  const ending = unitEnded(context, killed)
  setTimeout(() => { host.write('system-state', 'stopping\n') }, 600)
  await ending
  t.same(host.effects(), [], 'the shutdown came late, and Gitaly was left alone')
})

void t.test('a reboot that logind agreed to, let others delay, and then did not do: Gitaly is given back', async (t) => {
  const { host, context } = await world(t)
  host.write('lose-reboot', '')
  host.write('preparing', 'true')
  const rebooting = reboot(context)
  while (!existsSync(context.store.goingDownFile(id))) await new Promise((resolve) => { setTimeout(resolve, 20) })
  // Held back: whoever ends the unit now has its end looked at.
  while (existsSync(context.store.goingDownFile(id))) await new Promise((resolve) => { setTimeout(resolve, 20) })
  t.same(host.effects(), ['stop', 'reboot'], 'while others delay it nothing is lost yet')
  host.write('preparing', 'false')
  await rebooting
  t.same(host.effects(), ['stop', 'reboot', 'start'])
  t.match(context.store.read(id), { outcome: { status: 'failed', reasons: [{ code: 'NOT_REBOOTED', text: /answered with yes, and no shutdown began; Gitaly was started again/ }] } })
  t.notOk(existsSync(context.store.goingDownFile(id)))
})

void t.test('a delayed reboot that does begin starts nothing', async (t) => {
  const { host, context } = await world(t)
  host.write('lose-reboot', '')
  host.write('preparing', 'true')
  const rebooting = reboot(context)
  setTimeout(() => { host.write('system-state', 'stopping\n') }, 1500)
  await rebooting
  t.same(host.effects(), ['stop', 'reboot'])
  t.ok(existsSync(context.store.goingDownFile(id)), 'and its end costs no start of Node')
})

void t.test('behind the request SIGTERM ends the unit at once', async (t) => {
  const { host, context } = await world(t)
  host.write('lose-reboot', '')
  const rebooting = reboot(context)
  while (!existsSync(context.store.goingDownFile(id))) await new Promise((resolve) => { setTimeout(resolve, 5) })
  const toldAt = performance.now()
  process.kill(process.pid, 'SIGTERM')
  await rebooting
  t.ok(performance.now() - toldAt < 1500)
  t.same(host.effects(), ['stop', 'reboot'])
  t.ok(existsSync(context.store.goingDownFile(id)))
})

void t.test('the request is for a plain reboot, and who may delay it is noted before the stop', async (t) => {
  const { host, context } = await world(t)
  host.write('inhibitors', '{"type":"a(ssssuu)","data":[[["shutdown","Unattended Upgrades Shutdown","Stop ongoing upgrades","delay",0,64]]]}\n')
  host.write('bin/systemctl', host.read('bin/systemctl').replace('reboot)', 'reboot) echo "$SYSTEMCTL_SKIP_AUTO_KEXEC$SYSTEMCTL_SKIP_AUTO_SOFT_REBOOT" > "$R/plain";'))
  await reboot(context)
  t.equal(host.read('plain'), '11\n')
  const { mark } = context.store.read(id) ?? {}
  t.ok(mark !== undefined && stopNotes(mark).includes('the shutdown may be delayed by Unattended Upgrades Shutdown (process 64): Stop ongoing upgrades'))
})
