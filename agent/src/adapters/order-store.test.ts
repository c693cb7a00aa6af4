// State survives a cut between any two steps: what was answered is there, what is there is whole, and what cannot be
// read is a fault, never a fresh start.
import * as nodeFs from 'node:fs'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { AcceptedOrder } from '../domain/order-record.ts'
import { recordBoot } from '../boot-record.ts'
import { OrderStore } from './order-store.ts'
import { type FileSystem, stateFiles } from './state-file.ts'

const id = 'reboot-1-aaaa'
const order: AcceptedOrder = {
  id, step: 'reboot', fleet: 'f', node: 'n', planHash: 'p', manifestHash: '', digest: 'd', bootId: 'b1', acceptedAtMs: 1, reason: '', notes: [], install: [], simulated: []
}
const grant = { epoch: 1, notBeforeMs: 0, notAfterMs: 9 }
const begun = { kind: 'begun', atMs: 5, by: 'unit', reasons: [] } as const
const cancelled = { kind: 'cancelled', atMs: 6, by: 'agent', reasons: [] } as const
const outcome = { status: 'succeeded', atMs: 9, begunAtMs: 5, reasons: [], changes: [], notes: [], rebootRequired: false } as const

const fresh = (t: { teardown: (undo: () => void) => void }): string => {
  const folder = mkdtempSync('/tmp/pitstop-state-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

class PowerCut extends Error {}
/** The world ends before the n-th call that changes the disk; afterwards every call fails. */
function dyingFileSystem(steps: number): FileSystem {
  let left = steps
  const changing = new Set(['openSync', 'writeSync', 'fsyncSync', 'renameSync', 'linkSync', 'unlinkSync', 'mkdirSync'])
  return new Proxy(nodeFs, {
    get: (target, name: string) => {
      const call = target[name as keyof typeof nodeFs] as (...args: unknown[]) => unknown
      return changing.has(name) ? (...args: unknown[]) => { if (left-- <= 0) throw new PowerCut(name); return call(...args) } : call
    }
  })
}

void t.test('a cut between any two steps leaves the old or the new state, and never half of one', (t) => {
  let finished = false
  for (let steps = 0; !finished; steps++) {
    const folder = fresh(t)
    const before = new OrderStore(folder)
    before.prepare()
    before.raiseEpoch(3)
    const answered: string[] = []
    try {
      const store = new OrderStore(folder, stateFiles(dyingFileSystem(steps)))
      store.raiseEpoch(7)
      answered.push('epoch')
      store.accept(order, grant)
      answered.push('accepted')
      store.decide(id, begun)
      answered.push('begun')
      store.markStop(id, { stopBegunAtMs: 1, stoppedAtMs: 2, stopNote: '', rebootRequestedAtMs: 3 })
      answered.push('marked')
      store.finish(id, outcome)
      answered.push('finished')
      finished = true
    } catch { /* the cut */ }
    const after = new OrderStore(folder)
    const kept = after.read(id)
    t.ok([3, 7].includes(after.highestEpoch()))
    if (answered.includes('epoch')) t.equal(after.highestEpoch(), 7, 'an epoch that was answered under is never forgotten')
    if (answered.includes('accepted')) t.same(kept?.accepted?.id, id)
    if (kept?.accepted !== undefined) t.equal(kept.grant?.epoch, 1, 'an acceptance always has its grant')
    if (answered.includes('begun')) t.equal(kept?.decision?.kind, 'begun')
    if (answered.includes('marked')) t.equal(kept?.mark?.rebootRequestedAtMs, 3)
    if (answered.includes('finished')) t.equal(kept?.outcome?.status, 'succeeded')
    // Life goes on with what is there.
    after.raiseEpoch(8)
    if (kept?.accepted === undefined) after.accept(order, grant)
    after.finish(id, outcome)
    t.equal(after.read(id)?.outcome?.status, 'succeeded')
  }
  t.end()
})

void t.test('whoever decides first has decided, whichever process it is', (t) => {
  const folder = fresh(t)
  const [agent, unit] = [new OrderStore(folder), new OrderStore(folder)]
  agent.prepare()
  agent.accept(order, grant)
  t.equal(agent.decide(id, cancelled), cancelled)
  t.match(unit.decide(id, begun), { kind: 'cancelled', by: 'agent' })
  t.match(agent.finish(id, outcome), { status: 'succeeded' })
  t.match(unit.finish(id, { ...outcome, status: 'failed' }), { status: 'succeeded' }, 'the first outcome holds')
  t.throws(() => agent.accept(order, grant), { code: 'INTERNAL' })
  t.same(unit.read('never-heard-of'), undefined)
  t.match(agent.decide('not-yet-come', cancelled), { kind: 'cancelled' }, 'a cancellation is kept before its order comes')
  t.match(agent.read('not-yet-come'), { decision: { kind: 'cancelled' } })
  t.throws(() => agent.read('../../etc'), { code: 'INVALID_INPUT' })
  t.end()
})

void t.test('unreadable state is a fault, never a silent fresh start', (t) => {
  const folder = fresh(t)
  const store = new OrderStore(folder)
  store.prepare()
  store.raiseEpoch(5)
  store.raiseEpoch(4)
  t.equal(store.highestEpoch(), 5, 'epochs only grow')
  store.accept(order, grant)
  const accepted = join(folder, 'orders', id, 'accepted.json')
  for (const text of ['', '{"version":1', '[]', '{"version":2,"id":"x"}', '{"version":1}', 'null']) {
    writeFileSync(accepted, text)
    t.throws(() => store.readAll(), { code: 'STATE_UNREADABLE', message: new RegExp(`^order ${id} cannot be told: ${accepted} `), hint: new RegExp(`mv ${join(folder, 'orders', id)} ${join(folder, 'orders', id)}\\.unreadable;`) }, JSON.stringify(text))
  }
  renameSync(join(folder, 'orders', id), join(folder, 'orders', `${id}.unreadable`))
  t.same(store.readAll(), [], 'moved as the hint says, it is in nobody\'s way')
  renameSync(join(folder, 'orders', `${id}.unreadable`), join(folder, 'orders', id))
  writeFileSync(join(folder, 'epoch.json'), '{"version":1,"epoch":"many"}')
  t.throws(() => new OrderStore(folder).prepare(), { code: 'STATE_UNREADABLE' })
  t.match(readFileSync(accepted, 'utf8'), 'null', 'and it is left as found')
  t.end()
})

void t.test('each new boot is counted once, to the reboot order that it follows', (t) => {
  const folder = fresh(t)
  const store = new OrderStore(folder)
  store.prepare()
  t.match(recordBoot(store, 'b1', 0), { bootId: 'b1', orderId: '', acknowledged: 'first-start' }, 'the first start ever is no boot anybody waits for')
  store.accept(order, grant)
  t.match(recordBoot(store, 'b1', 1), { bootId: 'b1' }, 'an agent that starts again has not booted')
  store.decide(id, begun)
  t.match(recordBoot(store, 'b2', 10), { bootId: 'b2', orderId: id, acknowledged: '' })
  recordBoot(store, 'b2', 11)
  t.same(store.read(id)?.boots, ['b2'])
  t.match(recordBoot(store, 'b3', 12), { orderId: id }, 'soon after: the host went down again')
  t.same(store.read(id)?.boots, ['b2', 'b3'])
  t.match(recordBoot(store, 'b4', 10 * 3_600_000), { orderId: '' }, 'hours later nobody ordered it')
  t.same(store.read(id)?.boots, ['b2', 'b3'])
  t.ok(existsSync(join(folder, 'boot.json')))
  t.end()
})

void t.test('a boot long after a reboot that failed is nobody\'s order; one that came late after all is its own', (t) => {
  const cases: readonly (readonly [string, number, number, string])[] = [
    ['the request was taken off the mark', 0, 100 + 4 * 60_000, id], ['late', 120, 120 + 4 * 60_000, id], ['days later', 120, 9 * 86_400_000, ''],
    ['days later, given back', 0, 9 * 86_400_000, '']
  ]
  for (const [name, rebootRequestedAtMs, bootedAtMs, expected] of cases) {
    const store = new OrderStore(fresh(t))
    store.prepare()
    recordBoot(store, 'b1', 0)
    store.accept(order, grant)
    store.decide(id, begun)
    store.markStop(id, { stopBegunAtMs: 90, stoppedAtMs: 100, stopNote: '', rebootRequestedAtMs })
    store.finish(id, { ...outcome, status: 'failed' })
    t.match(recordBoot(store, 'b2', bootedAtMs + 60 * 60_000, bootedAtMs), { orderId: expected }, name)
    t.same(store.read(id)?.boots, expected === '' ? [] : ['b2'], name)
  }
  t.end()
})
