// The pure core against slow, obvious twins.
import fc from 'fast-check'
import t from 'tap'
import { type AuditFacts, audit } from './audit.ts'
import { command } from './command.ts'
import type { WeightChange } from './effect.ts'
import type { Event, Recorded } from './event.ts'
import { apply, emptyState } from './fold.ts'
import type { HostView } from './observed.ts'
import { breakGlass } from './break-glass.ts'
import { payByHand, payableWeights, shownNow } from './obligations.ts'
import { type Plan, type Policy, estimatePlan, openPlan, sealPlan } from './plan.ts'
import { failures, slotsFree } from './slots.ts'
import { planScheduleWrite } from './schedule.ts'
import { type State, stillHolds } from './state.ts'
import { notAsWritten, planWeightWrite, writesLandBy } from './weights.ts'

const policy: Policy = {
  groupSize: 2, strictBatches: false, prepareAhead: 2, failureBudget: 1, canaryFirst: true, drain: 'zero-weight', activeStorageFloor: 2, settleMs: 1, soakMs: 1, watchMs: 1,
  rebootDelayMs: 0, reboot: 'always', prepareEstimateMs: 60_000, downEstimateMs: 60_000, allowanceMs: 1, deadlines: { stageMs: 1, upgradeMs: 1, returnMs: 1 }, assigner: 'pause', livePipelines: 'wait'
}
const names = ['a', 'b', 'c', 'd', 'e']
const planOf = (changes: Partial<Policy> = {}): Plan => ({
  version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 10_000_000, excluded: [], estimateMs: 0, policy: { ...policy, ...changes },
  nodes: names.map((node) => ({ node, address: `${node}:1`, gitaly: '', storages: [node], zone: 'z', platform: 'p' }))
})

function stateAfter(events: readonly Event[], changes: Partial<Policy> = {}): State {
  const opened: Event = { type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: 10_000_000, weights: {}, assignerActive: true }
  return [opened, { type: 'window-rolling' } as const, ...events].reduce((state, event, index) => apply(state, { seq: index + 1, at: index + 1, epoch: 1, event }), emptyState(sealPlan(planOf(changes))))
}

void t.test('a plan is known by the hash of its bytes; other bytes are refused', async (t) => {
  const sealed = sealPlan(planOf())
  t.same(openPlan(sealed.hash, sealed.bytes).plan, planOf())
  t.throws(() => openPlan(sealed.hash, sealed.bytes.replace('"ada"', '"bob"')), { code: 'PLAN_CHANGED' })
  const newer = JSON.stringify({ version: 2 })
  t.throws(() => openPlan(sealPlan(JSON.parse(newer) as Plan).hash, newer), { code: 'STORE_NEWER' })
  t.ok(estimatePlan(160, { ...policy, groupSize: 4, prepareAhead: 4 }) < estimatePlan(160, policy))
})

const weights = fc.dictionary(fc.constantFrom(...names, 'x', 'y', 'z'), fc.integer({ min: 0, max: 100 }))
const someChanges = fc.uniqueArray(fc.constantFrom(...names), { maxLength: 5 }).map((nodes) => nodes.map((node): WeightChange => ({ node, storage: node, to: 'zero' })))

void t.test('a weight write differs in own keys only, never drains under the floor, and promises what it read', async (t) => {
  fc.assert(fc.property(weights, someChanges, fc.integer({ min: 1, max: 4 }), (read, changes, activeStorageFloor) => {
    const state = stateAfter([], { activeStorageFloor })
    const write = planWeightWrite(state, read, changes, 99)
    const sent = write.send ?? read
    const own = new Set(changes.map(({ storage }) => storage))
    const active = (hash: Record<string, number>): number => Object.values(hash).filter((weight) => weight > 0).length
    const othersSame = Object.keys(read).every((storage) => own.has(storage) || sent[storage] === read[storage])
    const sameKeys = Object.keys(sent).length === Object.keys(read).length
    const lowered = Object.keys(read).some((storage) => (sent[storage] ?? 0) < (read[storage] ?? 0))
    const floorHeld = !lowered || active(sent) >= activeStorageFloor
    const promises = new Map(write.intent.flatMap((event) => event.type === 'obligation-opened' ? [[event.subject, event.previous] as const] : []))
    const promised = Object.keys(read).every((storage) => sent[storage] === read[storage] || promises.get(storage) === read[storage])
    const accounted = changes.every(({ node }) => write.refused.has(node) || write.outcome.some((event) => event.type === 'step-done' && event.node === node))
    return othersSame && sameKeys && floorHeld && promised && accounted
  }))
  t.pass('held over generated hashes')
})

void t.test('a weight goes back as it was: 0 stays 0, a foreign value is left, a hand-made payment is recognised', async (t) => {
  const drained = (previous: number): State => stateAfter([{ type: 'obligation-opened', id: 'weight:a', kind: 'weight', subject: 'a', node: 'a', previous }])
  const restore = (previous: number, current: number): ReturnType<typeof planWeightWrite> => planWeightWrite(drained(previous), { a: current, x: 5 }, [{ node: 'a', storage: 'a', to: 'previous' }], 99)
  t.same(restore(70, 0).send, { a: 70, x: 5 })
  t.match(restore(70, 0).outcome[0], { how: 'paid', by: 'pitstop' })
  t.equal(restore(0, 0).send, null)
  t.match(restore(0, 0).outcome[0], { how: 'paid' })
  t.equal(restore(70, 70).send, null)
  t.match(restore(70, 70).outcome[0], { how: 'paid', by: 'found restored' })
  t.equal(restore(70, 33).send, null)
  t.match(restore(70, 33).outcome[0], { how: 'superseded', text: /33.*70/ })
})

void t.test('a lost write of ours that landed does not make 0 the previous value', async (t) => {
  const state = stateAfter([{ type: 'obligation-opened', id: 'weight:a', kind: 'weight', subject: 'a', node: 'a', previous: 70 }, { type: 'step-intended', node: 'a', step: 'zero-weight', attempt: 1, facts: { landsBy: 500 } }])
  t.equal(writesLandBy(state), 500)
  const again = planWeightWrite(state, { a: 0, x: 5, y: 5 }, [{ node: 'a', storage: 'a', to: 'zero' }], 99)
  t.equal(again.send, null)
  t.notOk(again.intent.some(({ type }) => type === 'obligation-opened'))
})

void t.test('what does not read back as written is named', async (t) => {
  t.same(notAsWritten({ a: 0 }, { a: 0, b: 3 }), [])
  t.match(notAsWritten({ a: 0 }, { a: 50 }), [{ code: 'WEIGHT_CHANGED', text: /a was set to 0 and reads back as 50/ }])
})

void t.test('the assigner: previous means previous', async (t) => {
  t.match(planScheduleWrite(stateAfter([]), true, false, 'pause-assigner', 9), { send: true, intent: [{ type: 'obligation-opened', previous: true }, { type: 'step-intended' }] })
  t.match(planScheduleWrite(stateAfter([]), false, false, 'pause-assigner', 9), { send: false, intent: [{ type: 'obligation-opened', previous: false }] })
  const promised = stateAfter([{ type: 'obligation-opened', id: 'assigner', kind: 'assigner', subject: 'w', node: null, previous: true }])
  t.same(planScheduleWrite(promised, false, false, 'pause-assigner', 9).intent, [], 'a lost write that landed opens no second promise')
  t.match(planScheduleWrite(promised, true, true, 'resume-assigner', 9), { send: false, outcome: [{}, { how: 'paid', by: 'found restored' }] })
})

/** Slots against a twin that simply counts. */
void t.test('never more slots than the group size; strict batches wait for the whole batch', async (t) => {
  const moves = fc.array(fc.record({ node: fc.constantFrom(...names), take: fc.boolean() }), { maxLength: 40 })
  fc.assert(fc.property(moves, fc.integer({ min: 1, max: 4 }), fc.boolean(), (steps, groupSize, strictBatches) => {
    let state = stateAfter([], { groupSize, strictBatches })
    const down = new Set<string>()
    let batchClosed = false
    for (const { node, take } of steps) {
      const free = slotsFree(state)
      const expected = strictBatches && down.size > 0 && batchClosed ? 0 : groupSize - down.size
      if (free !== expected) return false
      const event: Event | null = take && !down.has(node) && free > 0 ? { type: 'slot-taken', node } : !take && down.has(node) ? { type: 'node-healthy', node, bootId: 'x', outageMs: 1 } : null
      if (event === null) continue
      state = apply(state, { seq: state.seq + 1, at: state.lastAt + 1, epoch: 1, event })
      if (event.type === 'slot-taken') {
        if (down.size === 0) batchClosed = false
        down.add(node)
        if (down.size === groupSize) batchClosed = true
      } else {
        down.delete(node)
        batchClosed = true
      }
    }
    return true
  }))
  t.pass('held over generated sequences')
})

void t.test('failed, overdue and written-off nodes count; a retry that ends healthy gives the budget back', async (t) => {
  const failed: Event = { type: 'node-failed', node: 'a', step: 'check-log', down: true, reasons: [] }
  t.equal(failures(stateAfter([failed])).length, 1)
  t.equal(failures(stateAfter([{ type: 'slot-taken', node: 'a' }, { type: 'node-overdue', node: 'a', reasons: [] }])).length, 1)
  t.equal(failures(stateAfter([failed, { type: 'node-written-off', node: 'a', by: 'ada', reason: 'r' }])).length, 1)
  t.equal(failures(stateAfter([failed, { type: 'node-retried', node: 'a', by: 'ada', reason: 'r', mode: 'reboot' }, { type: 'node-healthy', node: 'a', bootId: 'x', outageMs: 1 }])).length, 0)
})

void t.test('commands: who, why, and only what fits', async (t) => {
  const state = stateAfter([{ type: 'node-failed', node: 'a', step: 'check-log', down: true, reasons: [] }, { type: 'window-halted', reasons: [] }])
  const say = (said: object): Event[] => command(state, { by: 'ada', reason: 'r', ...said } as Parameters<typeof command>[1], 0)
  t.throws(() => say({ kind: 'pause', by: '' }), { code: 'INVALID_INPUT' })
  t.throws(() => say({ kind: 'pause', reason: ' ' }), { code: 'INVALID_INPUT' })
  t.throws(() => say({ kind: 'resume' }), { code: 'BUDGET_SPENT' })
  t.throws(() => say({ kind: 'resume', raiseBudgetBy: -1 }), { code: 'INVALID_INPUT' })
  t.match(say({ kind: 'resume', raiseBudgetBy: 1 }), [{ failureBudget: 2 }])
  t.throws(() => say({ kind: 'skip', node: 'a' }), { code: 'NOT_NOW' })
  t.match(say({ kind: 'skip', node: 'b' }), [{ type: 'node-skipped' }])
  t.throws(() => say({ kind: 'retry', node: 'b' }), { code: 'NOT_NOW' })
  t.throws(() => say({ kind: 'retry', node: 'a', mode: 'again' }), { code: 'NOT_NOW', message: /it is down/ })
  t.match(say({ kind: 'retry', node: 'a', mode: 'reboot' }), [{ mode: 'reboot' }])
  t.throws(() => say({ kind: 'write-off', node: 'zzz' }), { code: 'NOT_FOUND' })
  t.throws(() => say({ kind: 'hand-over', obligation: 'weight:q' }), { code: 'NOT_FOUND' })
  t.throws(() => command(emptyState(sealPlan(planOf())), { kind: 'pause', by: 'a', reason: 'b' }, 0), { code: 'NO_WINDOW' })
})

void t.test('who may still go down by an order of ours is not written off: its slot would be free for another', async (t) => {
  const state = stateAfter([
    { type: 'slot-taken', node: 'a' }, { type: 'step-intended', node: 'a', step: 'reboot', attempt: 1, facts: { orderId: 'reboot-1-x', notAfter: 100_000, bootId: 'b' } },
    { type: 'node-overdue', node: 'a', reasons: [] }
  ])
  const writeOff = (now: number): Event[] => command(state, { kind: 'write-off', node: 'a', by: 'ada', reason: 'r' }, now)
  t.throws(() => writeOff(90_000), { code: 'NOT_NOW', message: /its reboot may still begin/, hint: 'say it again in 15s' })
  t.match(writeOff(105_000), [{ type: 'node-written-off' }])
})

void t.test('a weight is payable when its node is healthy or was never hurt, and at no other time', async (t) => {
  const owed: Event = { type: 'obligation-opened', id: 'weight:a', kind: 'weight', subject: 'a', node: 'a', previous: 7 }
  const payable = (...events: Event[]): boolean => payableWeights(stateAfter([owed, ...events])).length === 1
  t.notOk(payable({ type: 'node-admitted', node: 'a' }))
  t.notOk(payable({ type: 'slot-taken', node: 'a' }))
  t.notOk(payable({ type: 'node-failed', node: 'a', step: 'check-log', down: true, reasons: [] }))
  t.ok(payable({ type: 'node-healthy', node: 'a', bootId: 'x', outageMs: 1 }))
  t.ok(payable({ type: 'node-postponed', node: 'a', reasons: [] }))
})

void t.test('break-glass: one line per unpaid promise, whole-hash and shell-safe', async (t) => {
  const byHand = { gitlab: 'https://gitlab.test', assigner: { url: 'https://ops.test', project: 'group/assigner', schedule: 7 } }
  const state = stateAfter([{ type: 'obligation-opened', id: 'weight:a', kind: 'weight', subject: 'a', node: 'a', previous: 70 }, { type: 'obligation-opened', id: 'assigner', kind: 'assigner', subject: 'w', node: null, previous: true }])
  const written = { at: Date.UTC(2026, 10, 23, 6, 41, 30), holder: 'vm/1/ab', epoch: 5, entry: 9 }
  const text = breakGlass(state, [], byHand, written)
  t.match(text, /jq '\{repository_storages_weighted: \(\(\.repository_storages_weighted \/\/ error\("no weights in the answer"\)\) \+ \{"a": 70\}\)\}'/)
  t.match(text, /projects\/group%2Fassigner\/pipeline_schedules\/7\?active=true/)
  const paid = stateAfter([{ type: 'obligation-opened', id: 'weight:a', kind: 'weight', subject: 'a', node: 'a', previous: 70 }, { type: 'obligation-settled', id: 'weight:a', how: 'paid', by: 'pitstop', text: 't' }])
  t.notMatch(breakGlass(paid, [], byHand, written), /curl/)
  const [obligation] = [...state.obligations.values()]
  t.match(obligation === undefined ? '' : payByHand(byHand, { ...obligation, subject: `it's` }), /'\\''/, 'a quote in a storage name does not leave the quotes')
})

void t.test('the audit names every difference and what the journal knows of it', async (t) => {
  const opened: Recorded<Event> = { seq: 1, at: 1, epoch: 1, event: { type: 'window-opened', window: 1, by: 'a', reason: 'r', closesAt: 9, weights: { a: 5, x: 3 }, assignerActive: true } }
  const state = apply(emptyState(sealPlan(planOf())), opened)
  const told = (weights: Record<string, number>, scheduleActive: boolean, more: Partial<AuditFacts> = {}, of = state) => audit(of, { weights, scheduleActive, hosts: new Map(), takenOver: new Map(), now: 0, ...more })
  t.same(told({ a: 5, x: 3 }, true), [])
  t.match(told({ a: 0, x: 4 }, false), [{ text: /a: 5 at opening, 0 now \(pitstop has no explanation\)/ }, { text: /x: 3 at opening, 4 now \(not a storage of this plan\)/ }, { code: 'ASSIGNER_INACTIVE' }])
  const promise = { id: 'hook-x', what: 'undo hook before-upgrade/50-chef', dueAt: 2000, lastError: '' }
  const hosts = (part: object, clockOffsetMs = 0) => ({ hosts: new Map([['a', { promises: [{ ...promise, ...part }], clockOffsetMs } as unknown as HostView]]) })
  t.same(told({ a: 5, x: 3 }, true, { ...hosts({}), now: 2000 }), [], 'what is not due yet the host pays by itself')
  t.match(told({ a: 5, x: 3 }, true, { ...hosts({}), now: 2001 }), [{ code: 'HOST_PROMISE_UNPAID', text: /^a has not put back in time: undo hook/, hint: 'on a: pitstop-agent pay hook-x' }])
  t.same(told({ a: 5, x: 3 }, true, { ...hosts({}, -5), now: 2001 }), [], 'due by the host\'s clock')
  t.match(told({ a: 5, x: 3 }, true, hosts({ lastError: 'chef is away' })), [{ text: /\(chef is away\)/ }])
})

void t.test('the audit names who took a promise over, and why', async (t) => {
  const owed: Event = { type: 'obligation-opened', id: 'weight:a', kind: 'weight', subject: 'a', node: 'a', previous: 5 }
  const facts = { weights: {}, scheduleActive: true, hosts: new Map(), takenOver: new Map(), now: 0 }
  const handed = command(stateAfter([owed]), { kind: 'hand-over', obligation: 'weight:a', by: 'ada', reason: 'retired', shown: { now: 0, text: shownNow({ kind: 'weight', previous: 5 }, 0) } }, 0)
  t.match(handed, [{ how: 'void', by: 'ada', shown: 0, text: 'handed over to ada: retired (then GitLab shows 0, it was 5)' }])
  const opened: Event = { type: 'window-opened', window: 2, by: 'a', reason: 'r', closesAt: 9, weights: { a: 5 }, assignerActive: true }
  t.match(audit(stateAfter([opened, owed, ...handed]), { ...facts, weights: { a: 0 } }), [{ text: 'weight of a: 5 at opening, 0 now (handed over to ada: retired (then GitLab shows 0, it was 5))' }])
  const found = (seq: number) => ({ ...facts, weights: { a: 0 }, takenOver: new Map([['weight:a', { seq, text: 'handed over to bob: INC-815' }]]) })
  const state = stateAfter([opened])
  t.match(audit(state, found(state.window.openedSeq + 1)), [{ text: /0 now \(handed over to bob: INC-815\)/ }], 'also what a restored store had lost')
  t.match(audit(state, found(state.window.openedSeq - 1)), [{ text: /pitstop has no explanation/ }], 'not for what happened since')
  t.equal(shownNow({ kind: 'weight', previous: 5 }, 5), 'GitLab shows 5, as it was')
  t.equal(shownNow({ kind: 'assigner', previous: true }, false), 'GitLab shows the assigner inactive, it was the assigner active')
  t.equal(shownNow({ kind: 'weight', previous: 5 }, null), 'GitLab does not show it; it was 5')
})

void t.test('a decision about a node no longer holds when somebody has taken over what is owed for it', async (t) => {
  const before = stateAfter([{ type: 'node-admitted', node: 'a' }, { type: 'obligation-opened', id: 'weight:a', kind: 'weight', subject: 'a', node: 'a', previous: 100 }])
  const after = apply(before, { seq: 9, at: 9, epoch: 1, event: { type: 'obligation-settled', id: 'weight:a', how: 'void', by: 'ada', text: 'mine' } })
  t.ok(stillHolds(before, before, ['a']))
  t.notOk(stillHolds(before, after, ['a']))
  t.ok(stillHolds(before, after, ['b']), 'another node is not concerned')
})
