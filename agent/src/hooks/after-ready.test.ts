// The hooks of after-ready as the verdict shows them: real scripts, a fake host that has come back.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { OrderStore } from '../adapters/order-store.ts'
import { startOf } from '../adapters/process-start.ts'
import { recordBoot } from '../boot-record.ts'
import type { Judgement } from '../domain/health-verdict.ts'
import type { AcceptedOrder } from '../domain/order-record.ts'
import { type FakeHost, fakeHost } from '../fixtures/fake-host.ts'
import { placeHook } from '../fixtures/hook-files.ts'
import { buildHost, type Host } from '../host.ts'
import type { Logger } from '../ports.ts'
import { AfterReady } from './after-ready.ts'

const id = 'reboot-1-0123456789abcdef01234567'
const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined }
const well: Judgement = { status: 'healthy', evidence: [], reasons: [] }
const ill: Judgement = { status: 'unhealthy', evidence: [], reasons: [] }

interface World { fake: FakeHost, host: Host, store: OrderStore, start: () => AfterReady, ended: () => Promise<void>, look: (with_: AfterReady, others?: Judgement) => Judgement, ran: () => string[] }

/** @param ordered the boot was ordered; else the host rebooted by itself. */
async function world(t: { teardown(handler: () => unknown): void }, { ordered = true, extra = '' } = {}): Promise<World> {
  const fake = await fakeHost()
  const state = mkdtempSync(join(tmpdir(), 'pitstop-ready-'))
  const host = buildHost(fake.settings({ tls: fake.root, extra }).host, clock)
  t.teardown(async () => {
    host.gitaly.close()
    await fake.close()
    rmSync(state, { recursive: true, force: true })
  })
  const store = new OrderStore(state)
  store.prepare()
  recordBoot(store, 'boot-1', 1)
  const order: AcceptedOrder = {
    id, step: 'reboot', fleet: 'test-fleet', node: 'n1.example', planHash: 'p', manifestHash: '', digest: 'd', bootId: 'boot-1', acceptedAtMs: 1, reason: 'CVE-1', notes: [], install: [], simulated: []
  }
  store.accept(order, { epoch: 1, notBeforeMs: 0, notAfterMs: 2 })
  if (ordered) store.decide(id, { kind: 'begun', atMs: 2, by: 'unit', reasons: [] })
  fake.boot('boot-2')
  recordBoot(store, 'boot-2', 3)
  let wake: () => void = () => undefined
  let ends = 0
  return {
    fake, host, store,
    start: () => new AfterReady(host, store, clock, quiet, () => { ends++; wake() }),
    ended: () => new Promise((resolve) => { if (ends > 0) resolve(); else wake = resolve }),
    look: (afterReady, others = well) => afterReady.judge(others, store.read(id), 'boot-2'),
    ran: () => fake.read('hooks-ran').split('\n').filter((line) => line !== '')
  }
}

void t.test('they run once everything else is healthy, and the boot is healthy when they have passed', async (t) => {
  const { fake, look, start, ended, ran } = await world(t)
  placeHook(fake.root, 'after-ready/50-a')
  placeHook(fake.root, 'after-ready/60-b')
  const afterReady = start()
  t.equal(look(afterReady, ill).status, 'unhealthy')
  t.same(ran(), [], 'not before the others are healthy')
  t.match(look(afterReady), { status: 'unknown', reasons: [{ code: 'HEALTH_UNKNOWN' }] })
  t.equal(look(afterReady).status, 'unknown', 'looking again begins nothing again')
  await ended()
  t.match(look(afterReady), { status: 'healthy', evidence: [{ check: 'hooks', text: 'done: after-ready/50-a, after-ready/60-b' }] })
  t.equal(look(start()).status, 'healthy', 'a restarted agent')
  t.same(ran(), ['after-ready/50-a', 'after-ready/60-b'])
})

void t.test('one that fails makes the boot unhealthy, until a person has them run again', async (t) => {
  const { fake, store, look, start, ended } = await world(t)
  placeHook(fake.root, 'after-ready/50-a', `[ -e '${fake.root}/mended' ] || { echo not in the pool; exit 1; }`)
  placeHook(fake.root, 'after-ready/50-a.undo')
  const afterReady = start()
  look(afterReady)
  await ended()
  t.match(look(afterReady), { status: 'unhealthy', evidence: [{ check: 'hooks', status: 'unhealthy' }], reasons: [{ code: 'HOOK_FAILED', text: /not in the pool/, hint: /pitstop-agent after-ready/ }] })
  t.equal(look(start()).status, 'unhealthy')
  fake.write('mended', '')
  const order = store.read(id)?.accepted
  if (order !== undefined) await start().run(order, 'boot-2')
  t.equal(look(afterReady).status, 'healthy')
})

void t.test('an agent that is ended meanwhile repeats nothing: it says that nobody knows', async (t) => {
  const { fake, store, look, start, ran } = await world(t)
  placeHook(fake.root, 'after-ready/50-a')
  store.markReady(id, { bootId: 'boot-2', atMs: 1, hooks: 'running', ran: ['after-ready/50-a'], reasons: [] })
  t.match(look(start()), { status: 'unhealthy', reasons: [{ code: 'HOOK_FAILED', text: /was ended before they were/ }] })
  t.same(ran(), [])
})

void t.test('while a person has them run again nobody knows yet; another process under the same id says nothing', async (t) => {
  const { fake, store, look, start } = await world(t)
  placeHook(fake.root, 'after-ready/50-a')
  const running = { bootId: 'boot-2', atMs: 1, hooks: 'running', ran: ['after-ready/50-a'], reasons: [] } as const
  store.markReady(id, { ...running, by: { pid: process.ppid, started: startOf(process.ppid) ?? '' } })
  t.match(look(start()), { status: 'unknown', reasons: [{ code: 'HEALTH_UNKNOWN' }] })
  store.markReady(id, { ...running, by: { pid: process.ppid, started: '1' } })
  t.match(look(start()), { status: 'unhealthy', reasons: [{ code: 'HOOK_FAILED' }] })
})

void t.test('hooks that others could change are not run; mended, they are', async (t) => {
  const { fake, look, start, ended, ran } = await world(t)
  placeHook(fake.root, 'after-ready/50-a', '', 0o777)
  const afterReady = start()
  t.match(look(afterReady), { status: 'unhealthy', reasons: [{ code: 'HOOK_REFUSED' }] })
  placeHook(fake.root, 'after-ready/50-a')
  look(afterReady)
  await ended()
  t.same(ran(), ['after-ready/50-a'])
  t.equal(look(afterReady).status, 'healthy')
})

void t.test('not for a boot that nobody ordered, nor one of before, nor while the agent only observes', async (t) => {
  const spontaneous = await world(t, { ordered: false })
  placeHook(spontaneous.fake.root, 'after-ready/50-a')
  t.same(spontaneous.look(spontaneous.start()), well)
  t.same(spontaneous.start().judge(well, undefined, 'boot-2'), well)

  const older = await world(t)
  placeHook(older.fake.root, 'after-ready/50-a')
  // As the release before wrote it.
  older.store.recordBoot({ bootId: 'boot-2', orderId: id, acknowledged: 'REPORT_RESULT_ACCEPTED' })
  t.same(older.look(older.start()), well)

  const observing = await world(t, { extra: 'mode: observe' })
  placeHook(observing.fake.root, 'after-ready/50-a')
  t.same(observing.look(observing.start()), well)
  for (const { ran } of [spontaneous, older, observing]) t.same(ran(), [])
})

void t.test('without hooks the boot is marked as healthy, which is what promises wait for', async (t) => {
  const { store, look, start } = await world(t)
  look(start(), ill)
  t.equal(store.read(id)?.ready, undefined)
  t.same(look(start()), well)
  t.match(store.read(id)?.ready, { bootId: 'boot-2', hooks: 'passed', ran: [] })
})
