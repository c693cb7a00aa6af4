// The keeper on a fake host: promises are paid without a coordinator, by events and at their time, and never for ever in silence.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ObligationStore } from '../adapters/obligation-store.ts'
import { OrderStore } from '../adapters/order-store.ts'
import { deviceName } from '../domain/file-lock.ts'
import type { Obligation } from '../domain/obligation.ts'
import type { AcceptedOrder, Outcome } from '../domain/order-record.ts'
import { type FakeHost, fakeHost } from '../fixtures/fake-host.ts'
import { placeHook } from '../fixtures/hook-files.ts'
import { buildHost } from '../host.ts'
import { OrderDesk } from '../orders/order-desk.ts'
import type { Logger } from '../ports.ts'
import { Keeper } from './keeper.ts'

const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const [upgrade, reboot] = ['upgrade-1-0123456789abcdef01234567', 'reboot-1-0123456789abcdef01234567']
const ended: Outcome = { status: 'vetoed', atMs: 1, begunAtMs: 0, reasons: [], changes: [], notes: [], rebootRequired: false }

interface World { fake: FakeHost, store: OrderStore, promises: ObligationStore, log: string[], start: () => Keeper, promise: (part?: Partial<Obligation>) => Obligation, accept: (id: string) => void, ran: () => string[] }

async function world(t: { teardown(handler: () => unknown): void }): Promise<World> {
  const fake = await fakeHost()
  const state = mkdtempSync(join(tmpdir(), 'pitstop-keeper-'))
  const host = buildHost(fake.settings().host, clock)
  const store = new OrderStore(state)
  store.prepare()
  const promises = new ObligationStore(state)
  const log: string[] = []
  const note = (fields: object, text: string): void => { log.push(`${text} ${JSON.stringify(fields)}`) }
  const logger: Logger = { info: note, warn: note, error: note }
  const keepers: Keeper[] = []
  t.teardown(async () => {
    for (const keeper of keepers) await keeper.close()
    host.gitaly.close()
    await fake.close()
    rmSync(state, { recursive: true, force: true })
  })
  const undo = placeHook(fake.root, 'before-upgrade/50-a.undo')
  return {
    fake, store, promises, log,
    start: () => {
      const keeper = new Keeper(new OrderDesk({ self: { fleet: 'test-fleet', node: 'n1.example', state }, host, store, clock, log: logger }), () => 0)
      keepers.push(keeper)
      keeper.start()
      return keeper
    },
    promise: (part = {}) => promises.promise({
      id: `hook-${upgrade}-before-upgrade-50-a`, kind: 'hook', orderId: upgrade, planHash: 'p', what: 'undo hook 50-a', pay: [[undo]], deadlineMs: 5000, madeAtMs: clock.now(),
      payable: 'node-done', dueAtMs: clock.now() + 3_600_000, boundToBoot: '', ...part
    }),
    accept: (id) => {
      const order: AcceptedOrder = {
        id, step: id.startsWith('reboot') ? 'reboot' : 'upgrade', fleet: 'test-fleet', node: 'n1.example', planHash: 'p', manifestHash: '', digest: 'd', bootId: 'boot-1', acceptedAtMs: 1, reason: '',
        notes: [], install: [], simulated: []
      }
      store.accept(order, { epoch: 1, notBeforeMs: 0, notAfterMs: clock.now() + 60_000 })
    },
    ran: () => fake.read('hooks-ran').split('\n').filter((line) => line !== '')
  }
}

async function until(what: string, look: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; Date.now() < end;) {
    if (look()) return
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
  throw new Error(`${what} did not come`)
}
const aWhile = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 400) })
const paid = '["before-upgrade/50-a.undo"]'

void t.test('due at the start: paid, though no order and no coordinator is known', async (t) => {
  const { start, promise, promises, ran } = await world(t)
  promise({ dueAtMs: clock.now() - 1 })
  start()
  await until('the payment', () => promises.unpaid().length === 0)
  t.equal(JSON.stringify(ran()), paid)
})

void t.test('a promise made by a unit while the agent runs is paid at its time', async (t) => {
  const { start, promise, promises, ran } = await world(t)
  start()
  await aWhile()
  promise({ dueAtMs: clock.now() + 700 })
  await aWhile()
  t.same(ran(), [], 'not before')
  await until('the payment', () => promises.unpaid().length === 0)
  t.equal(JSON.stringify(ran()), paid)
})

void t.test('kept between upgrade and reboot; paid when the boot behind it is healthy', async (t) => {
  const { fake, store, start, promise, promises, accept, ran } = await world(t)
  accept(upgrade)
  store.finish(upgrade, { ...ended, status: 'succeeded' })
  promise()
  start()
  await aWhile()
  t.same(ran(), [], 'the end of the upgrade is not the end of the node')
  // The folder of an armed order is there before the order is.
  store.keepSettings(reboot, {})
  await aWhile()
  accept(reboot)
  store.decide(reboot, { kind: 'begun', atMs: 2, by: 'unit', reasons: [] })
  fake.boot('boot-2')
  store.recordBoots(reboot, ['boot-2'])
  await aWhile()
  t.same(ran(), [], 'rebooted is not healthy')
  store.markReady(reboot, { bootId: 'boot-2', atMs: 3, hooks: 'passed', ran: [], reasons: [] })
  await until('the payment', () => promises.unpaid().length === 0)
  t.equal(JSON.stringify(ran()), paid)
})

void t.test('a reboot that was taken back by hand: paid while Gitaly runs, and not before', async (t) => {
  const { fake, store, start, promise, promises, accept, ran } = await world(t)
  accept(reboot)
  promise()
  fake.write('status', 'down: gitaly: 5s, normally up; run: log: (pid 41) 100s\n')
  start()
  await aWhile()
  store.decide(reboot, { kind: 'cancelled', atMs: 2, by: 'ada', reasons: [] })
  await aWhile()
  t.same(ran(), [])
  fake.write('status', 'run: gitaly: (pid 42) 100s; run: log: (pid 41) 100s\n')
  await until('the payment', () => promises.unpaid().length === 0)
  t.equal(JSON.stringify(ran()), paid)
})

void t.test('an undo that fails is tried again, ever less often, and says why; mended, it is paid', async (t) => {
  const { fake, start, promise, promises, log, ran } = await world(t)
  placeHook(fake.root, 'before-upgrade/50-a.undo', `[ -e '${fake.root}/mended' ] || { echo chef is away; exit 1; }`)
  const { id } = promise({ dueAtMs: clock.now() - 1 })
  start()
  await until('a second attempt', () => (promises.failure(id)?.attempts ?? 0) >= 2)
  t.match(promises.failure(id)?.text, /50-a\.undo ended with 1: chef is away/)
  t.match(log, [/promise not paid .*chef is away/])
  for (let waited = 0; waited < 3; waited++) await aWhile()
  t.ok(ran().length <= 5, `${ran().length} attempts in about 1.7 s`)
  fake.write('mended', '')
  await until('the payment', () => promises.unpaid().length === 0)
  t.equal(promises.failure(id), undefined)
})

void t.test('an undo that somebody else could have changed is not run', async (t) => {
  const { fake, start, promise, promises, ran } = await world(t)
  placeHook(fake.root, 'before-upgrade/50-a.undo', '', 0o777)
  const { id } = promise({ dueAtMs: clock.now() - 1 })
  start()
  await until('the failure', () => promises.failure(id) !== undefined)
  t.match(promises.failure(id)?.text, /writable by its group and everybody.*chmod go-w/s)
  t.same(ran(), [])
})

void t.test('while the order\'s own unit is there, it pays by itself; once that is gone, the keeper does', async (t) => {
  const { fake, store, start, promise, promises, accept, ran } = await world(t)
  accept(upgrade)
  store.finish(upgrade, ended)
  promise({ payable: 'order-ended' })
  fake.write(`units/pitstop-${upgrade}`, `${process.pid}\n`)
  start()
  await aWhile()
  t.same(ran(), [])
  fake.remove(`units/pitstop-${upgrade}`)
  await until('the payment', () => promises.unpaid().length === 0)
  t.equal(JSON.stringify(ran()), paid)
})

void t.test('two payers at once do no harm; what a reboot has undone, or a later promise will, is let go', async (t) => {
  const { start, promise, promises, log, ran } = await world(t)
  promise({ id: 'timers-x', kind: 'timers', boundToBoot: 'boot-0' })
  promise({ id: 'hook-earlier', madeAtMs: 1, dueAtMs: clock.now() - 1 })
  promise({ id: 'hook-later', madeAtMs: 2 })
  start()
  await until('the first two', () => promises.unpaid().length === 1)
  t.same(ran(), [])
  t.match(log.join('\n'), /promise void .*timers-x/)
  promise({ id: 'hook-last', madeAtMs: 3, dueAtMs: clock.now() - 1 })
  start()
  await until('the payment', () => promises.unpaid().length === 0)
  t.ok(ran().length >= 1 && ran().length <= 2)
})

/** dpkg's lock held by process 4711, as the kernel shows it. */
const holdLock = (fake: FakeHost): void => {
  fake.write('var/lib/dpkg/lock-frontend', '')
  const { ino, dev } = statSync(join(fake.root, 'var/lib/dpkg/lock-frontend'))
  fake.write('proc/locks', `1: POSIX  ADVISORY  WRITE 4711 ${deviceName(dev)}:${ino} 0 EOF\n`)
}

void t.test('while apt lives on behind its dead unit, timers and undos are kept, past their due time too, and it is told why', async (t) => {
  const { fake, store, start, promise, promises, accept, ran } = await world(t)
  accept(upgrade)
  store.finish(upgrade, { ...ended, status: 'failed' })
  holdLock(fake)
  const timers = promise({ id: 'timers-x', kind: 'timers', payable: 'order-ended', pay: [['systemctl', 'start', 'apt-daily.timer']] })
  const late = promise({ dueAtMs: clock.now() - 1 })
  start()
  await until('the reasons', () => [timers, late].every(({ id }) => promises.failure(id) !== undefined))
  for (const { id } of [timers, late]) t.match(promises.failure(id), { waiting: true, attempts: 0, text: /apt still runs: .*lock-frontend is held by process 4711/ })
  t.same([ran(), fake.read('unit-words')], [[], ''])
  fake.write('proc/locks', '')
  await until('the payments', () => promises.unpaid().length === 0)
  t.match(fake.read('unit-words'), /start apt-daily\.timer/)
  t.equal(JSON.stringify(ran()), paid)
})

void t.test('a day past its due time nothing keeps it any more', async (t) => {
  const { fake, start, promise, promises } = await world(t)
  holdLock(fake)
  promise({ dueAtMs: clock.now() - 86_400_001 })
  start()
  await until('the payment', () => promises.unpaid().length === 0)
})

void t.test('past its due time an undo waits for a unit of its plan, and for a host that is going down', async (t) => {
  const { fake, start, promise, promises, accept, ran } = await world(t)
  accept(reboot)
  const { id } = promise({ dueAtMs: clock.now() - 1 })
  fake.write(`units/pitstop-${reboot}`, `${process.pid}\n`)
  start()
  await until('the reason', () => /order reboot-1.* is being carried out/.test(promises.failure(id)?.text ?? ''))
  fake.write('system-state', 'stopping\n')
  fake.remove(`units/pitstop-${reboot}`)
  await until('the other reason', () => /the host is going down/.test(promises.failure(id)?.text ?? ''))
  t.same(ran(), [])
  fake.write('system-state', 'running\n')
  await until('the payment', () => promises.unpaid().length === 0)
})

void t.test('a promise and an order that cannot be read are told, and the others are paid', async (t) => {
  const { fake, store, start, promise, promises, accept, log } = await world(t)
  accept(upgrade)
  accept(reboot)
  promise({ id: 'hook-bad' })
  writeFileSync(join(promises.prepare(), 'hook-bad.json'), '{"version":1,')
  store.finish(upgrade, ended)
  promise({ payable: 'order-ended' })
  start()
  // The agent itself does not start on it.
  writeFileSync(store.pathOf(reboot, 'accepted.json'), '{')
  await until('the payment', () => promises.unpaid(() => undefined).length === 0)
  t.match(log.join('\n'), /a promise cannot be read.*hook-bad\.json.*\n?/)
  t.match(log.join('\n'), /an order cannot be read/)
  t.equal(fake.read('hooks-ran').trim(), 'before-upgrade/50-a.undo')
})
