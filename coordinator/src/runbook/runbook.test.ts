// Single steps, held against what their files promise; the runbook as a whole is tested in the simulated world.
import { reason } from '@pitstop/shared/fault'
import t from 'tap'
import type { Event } from '../domain/event.ts'
import { apply, emptyState } from '../domain/fold.ts'
import { type OrderView, nothingObserved } from '../domain/observed.ts'
import { type Policy, sealPlan } from '../domain/plan.ts'
import { type State, nodeOf } from '../domain/state.ts'
import { runbook } from './index.ts'
import { judgeEvidence, nextLookAt } from './look.ts'
import { stepOverdue } from './overdue.ts'
import { judgeFinalCheck } from './point-of-no-return.ts'
import { decide } from './decide.ts'
import { stage } from './stage.ts'
import type { View } from './step.ts'

const policy: Policy = {
  groupSize: 2, strictBatches: false, prepareAhead: 2, failureBudget: 1, canaryFirst: true, drain: 'zero-weight', activeStorageFloor: 1, settleMs: 1000, soakMs: 1000, watchMs: 1000,
  rebootDelayMs: 0, reboot: 'always', prepareEstimateMs: 60_000, downEstimateMs: 60_000, allowanceMs: 1000, deadlines: { stageMs: 60_000, upgradeMs: 60_000, returnMs: 60_000 }, assigner: 'pause', livePipelines: 'wait'
}
const stored = sealPlan({ version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 10_000_000, excluded: [], estimateMs: 0, policy, nodes: [{ node: 'a', address: 'a:1', gitaly: '', storages: ['a'], zone: 'z', platform: 'p' }] })

function viewAfter(events: readonly Event[], { now = 1000, epoch = 1 } = {}): View {
  const opened: Event[] = [{ type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: 10_000_000, weights: { a: 5 }, assignerActive: true }, { type: 'window-rolling' }]
  const state: State = [...opened, ...events].reduce((before, event, index) => apply(before, { seq: index + 1, at: index + 1, epoch: 1, event }), emptyState(stored))
  const [node] = stored.plan.nodes
  if (node === undefined) throw new Error('no node')
  return { state, self: nodeOf(state, 'a'), node, observed: nothingObserved(epoch), now }
}

const answer = (status: OrderView['status']): OrderView => ({ id: 'stage-1', status, reasons: [], changes: [], notes: [], rebootRequired: false, gitalyStoppedAt: 0 })
/** Asked beside the answer: up, under the boot that every order of these tests names. */
const beside = { bootId: 'b1', gitalyPid: 7, gitalyRuns: true }
const intended: Event = { type: 'step-intended', node: 'a', step: 'stage', attempt: 1, facts: { orderId: 'stage-1', notAfter: 5000, bootId: 'b1' } }

void t.test('an order that the agent never saw is void only when it can no longer begin', async (t) => {
  const conclude = (view: View): readonly Event[] => stage.conclude?.(view, answer('absent'), beside) ?? []
  t.same(conclude(viewAfter([intended], { now: 4999 })), [], 'it may still arrive')
  t.same(conclude(viewAfter([intended], { now: 10_000 })), [], 'by the host\'s clock, which may be 5 s behind, it may still begin')
  t.match(conclude(viewAfter([intended], { now: 10_001 })), [{ type: 'step-ended' }], 'its time to begin is over everywhere')
  t.match(conclude(viewAfter([intended], { now: 10, epoch: 2 })), [{ type: 'step-ended' }], 'the agent has been told a newer epoch')
})

void t.test('an order that was sent once more under our epoch is void only when that copy can no longer begin', async (t) => {
  const sentAgain = (view: View, id: string): View => ({ ...view, observed: { ...view.observed, sentAgain: new Map([['a', id]]) } })
  for (const step of ['stage', 'upgrade', 'reboot'] as const) for (const status of ['absent', 'accepted'] as const) {
    const conclude = (now: number, id: string): readonly Event[] =>
      runbook.find(({ name }) => name === step)?.conclude?.(sentAgain(viewAfter([{ type: 'step-intended', node: 'a', step, attempt: 1, facts: { orderId: `${step}-1`, notAfter: 5000, bootId: 'b1' } }], { now, epoch: 2 }), id), answer(status), beside) ?? []
    t.same(conclude(10_000, `${step}-1`), [], `${step}, ${status}: the copy may come late`)
    t.match(conclude(10_001, `${step}-1`), [{ type: 'step-ended' }], 'its time to begin is over everywhere')
    t.match(conclude(10, 'of another step'), [{ type: 'step-ended' }], 'none was sent')
  }
})

void t.test('an answer that is not understood changes nothing', async (t) => {
  for (const step of runbook) t.same(step.conclude?.(viewAfter([{ ...intended, step: step.name }]), answer('unknown'), beside) ?? [], [], step.name)
})

void t.test('a check without evidence is unknown, and the worst evidence decides', async (t) => {
  const item = (check: string, status: 'healthy' | 'unhealthy' | 'unknown') => ({ check, status, text: check })
  t.equal(judgeEvidence([item('boot', 'healthy')], ['boot', 'kernel']).status, 'unknown')
  t.equal(judgeEvidence([item('boot', 'healthy'), item('kernel', 'unknown')], ['boot', 'kernel']).status, 'unknown')
  t.equal(judgeEvidence([item('storage', 'healthy'), item('storage', 'unhealthy')], ['storage']).status, 'unhealthy')
  t.equal(judgeEvidence([item('boot', 'healthy'), item('kernel', 'healthy')], ['boot', 'kernel']).status, 'healthy')
})

void t.test('a host that is about to be well is looked at more often, until it is overdue', async (t) => {
  const { self } = viewAfter([])
  const verdict = { status: 'unknown' as const, bootId: 'b2', evidence: [], reasons: [], healthyForMs: 0, gitalyPid: 0, servingSince: 0, bootsSinceOrder: 1, stoppedAt: 0 }
  const look = { at: 5000, seq: 1, verdict, fault: null, outside: null, recheck: false }
  t.equal(nextLookAt(self, look), 5200)
  t.equal(nextLookAt(self, { ...look, verdict: { ...verdict, status: 'healthy' } }), 6000)
  t.equal(nextLookAt({ ...self, overdue: true }, look), 6000)
})

void t.test('the final check lets nobody go when anything speaks against it', async (t) => {
  const view = viewAfter([{ type: 'node-admitted', node: 'a' }, { type: 'node-prepared', node: 'a' }, { type: 'slot-taken', node: 'a' }])
  const gitlab = { at: 900, seq: view.state.seq, weights: { a: 0, b: 5 }, scheduleActive: false, pipelines: [], moving: [] }
  const host = {
    bootId: 'b1', platform: 'p', gitalyPid: 7, gitalyRuns: true, rebootRequired: true, vetoes: [], promises: [], orders: [], currentOrder: null, highestEpoch: 1, clockOffsetMs: 0,
    requestsInFlight: 0, pendingUpdates: [], certificateExpiresAt: 0, hooksMs: 0, latestOrder: null, protocol: { min: 1, max: 1 }
  }
  const judge = (changes: { gitlab?: object, host?: object, now?: number } = {}) =>
    judgeFinalCheck({ ...view, now: changes.now ?? view.now }, 900, { ...gitlab, at: (changes.now ?? view.now) - 100, ...changes.gitlab }, { ...host, ...changes.host })
  t.match(judge(), { otherwise: 'go', bootId: 'b1' })
  t.match(judge({ gitlab: { weights: { a: 3, b: 5 } } }), { otherwise: 'halt', reasons: [{ code: 'WEIGHT_CHANGED' }] })
  t.match(judge({ gitlab: { scheduleActive: true } }), { otherwise: 'halt', reasons: [{ code: 'ASSIGNER_ACTIVE' }] })
  t.match(judge({ gitlab: { pipelines: [{ id: 1, status: 'running', webUrl: 'u' }] } }), { otherwise: 'wait', reasons: [{ code: 'ASSIGNER_RUNNING' }] })
  t.match(judge({ gitlab: { moving: ['a'] } }), { otherwise: 'postpone', reasons: [{ code: 'MOVES_RUNNING' }] })
  t.match(judge({ host: { gitalyRuns: false } }), { otherwise: 'fail', reasons: [{ code: 'SERVICE_NOT_RUNNING' }] })
  t.match(judge({ host: { gitalyRuns: null, vetoes: [{ code: 'HEALTH_UNKNOWN', text: 't', hint: 'h' }] } }), { otherwise: 'wait', reasons: [{ code: 'HEALTH_UNKNOWN' }, { text: 't' }] })
  const upgraded = { ...view.self, steps: { ...view.self.steps, upgrade: { status: 'done' as const, attempt: view.self.attempt, facts: { gitalyPid: 7 }, epoch: 1, intendedAt: 0, endedAt: 0, intendedSeq: 0, endedSeq: 0 } } }
  const afterUpgrade = (gitalyPid: number) => judgeFinalCheck({ ...view, self: upgraded }, 900, { ...gitlab, at: view.now - 100 }, { ...host, gitalyPid })
  t.match(afterUpgrade(7), { otherwise: 'go' })
  t.match(afterUpgrade(8), { otherwise: 'fail', reasons: [{ code: 'SERVICE_UNHEALTHY', text: /restarted ahead of its reboot \(pid 7, now 8\)/ }] })
  t.match(judge({ host: { clockOffsetMs: 60_000 } }), { otherwise: 'postpone', reasons: [{ code: 'CLOCK_OFF' }] })
  t.match(judge({ host: { currentOrder: 'x' } }), { otherwise: 'postpone', reasons: [{ code: 'ORDER_RUNNING' }] })
  t.match(judge({ host: { vetoes: [{ code: 'DISK_FULL', text: 't', hint: 'h' }] } }), { otherwise: 'postpone', reasons: [{ code: 'DISK_FULL' }] })
  t.match(judge({ now: 9_990_000 }), { otherwise: 'wait', reasons: [{ code: 'DOES_NOT_FIT' }] })
})

void t.test('a node\'s time to come back is counted from the last moment at which its reboot may have begun', async (t) => {
  const verdict = { status: 'unknown' as const, bootId: 'b1', evidence: [], reasons: [], healthyForMs: 0, gitalyPid: 0, servingSince: 0, bootsSinceOrder: 0, stoppedAt: 0 }
  const isOverdue = (notAfter: number | undefined, now: number): boolean => {
    const view = viewAfter([{ type: 'node-admitted', node: 'a' }, { type: 'node-prepared', node: 'a' }, { type: 'slot-taken', node: 'a' },
      { type: 'step-intended', node: 'a', step: 'reboot', attempt: 1, facts: { orderId: 'reboot-1', bootId: 'b1', ...notAfter === undefined ? {} : { notAfter } } }], { now })
    const look = { at: now, seq: view.state.seq, verdict, fault: null, outside: null, recheck: false }
    return stepOverdue({ ...view, observed: { ...view.observed, looks: new Map([['a', look]]) } }) !== null
  }
  // Its intent is the sixth entry, journaled at 6 ms; a host's clock may be 5 s behind.
  t.same([isOverdue(75_000, 139_999), isOverdue(75_000, 140_000)], [false, true], 'a delay and hooks ahead of it')
  t.same([isOverdue(1000, 65_999), isOverdue(1000, 66_000)], [false, true], 'cut short: its last start was near')
  t.same([isOverdue(undefined, 60_005), isOverdue(undefined, 60_006)], [false, true], 'a journal that names no not-after')
})

void t.test('an opening that is paused switches no assigner off', async (t) => {
  const effects = (...events: Event[]): string[] => {
    const state: State = [{ type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: 10_000_000, weights: { a: 5 }, assignerActive: true } as Event, ...events]
      .reduce((before, event, index) => apply(before, { seq: index + 1, at: index + 1, epoch: 1, event }), emptyState(stored))
    return decide(state, { ...nothingObserved(1), lostWrite: { leftMs: () => 0 } }, 1000).effects.map(({ kind }) => kind)
  }
  const paused: Event = { type: 'window-paused', by: 'ada', reasons: [reason('NOT_NOW', 'incident')] }
  t.same(effects(), ['set-schedule'])
  t.same(effects(paused), [])
  t.same(effects(paused, { type: 'window-resumed', by: 'ada', reason: 'over', failureBudget: 1 }), ['set-schedule'])
})

void t.test('a window whose store was put back does not close by itself, also where a release before this one had audited it', async (t) => {
  const restored: Event = { type: 'window-paused', by: 'pitstop', reasons: [reason('STORE_RESTORED', 'this machine has seen epoch 4, the store knows 1')] }
  const ended: Event[] = [{ type: 'window-settling' }, { type: 'window-audited', differences: [] }]
  const decided = (...events: Event[]) => { const { state, observed } = viewAfter(events); return decide(state, observed, 1000) }
  t.match(decided(...ended).record, [{ type: 'window-closed' }])
  t.match(decided(restored, ...ended), { record: [], effects: [], report: { window: [{ code: 'STORE_RESTORED' }] } })
  t.match(decided(restored, ...ended, { type: 'window-unpaused', by: 'ada', reason: 'looked' }).record, [{ type: 'window-closed' }])
})

void t.test('a window that stays open for a failed node alone ends with what to type for it, by name', async (t) => {
  const ended: Event[] = [{ type: 'window-closing', reasons: [] }, { type: 'window-settling' }, { type: 'window-audited', differences: [] }]
  const failed = (down: boolean): Event => ({ type: 'node-failed', node: 'a', step: 'upgrade', down, reasons: [] })
  const told = (...events: Event[]) => { const { state, observed } = viewAfter([{ type: 'node-admitted', node: 'a' }, ...events, ...ended]); return decide(state, observed, 1000).report.window }
  t.same(told(failed(false)), [reason('NOT_NOW', 'a failed; the window stays open until closing time', 'mend a in another window, or take it over: pitstop node write-off a --reason "…"')])
  t.same(told({ type: 'slot-taken', node: 'a' }, failed(true)), [reason('NOT_NOW', 'a failed; the window stays open until closing time', 'mended: pitstop node retry a --reason "…", kept by you: pitstop node write-off a --reason "…"')])
})
