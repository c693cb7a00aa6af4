// What a look is taken for rests on what the journal was at when it was made, never on what a clock on a wall said.
import t from 'tap'
import type { Event } from '../domain/event.ts'
import { applyAll, emptyState } from '../domain/fold.ts'
import { type Look, nothingObserved } from '../domain/observed.ts'
import { type Policy, sealPlan } from '../domain/plan.ts'
import { nodeOf } from '../domain/state.ts'
import { checkService } from './check-service.ts'
import { nextLookAt } from './look.ts'
import { stepOverdue } from './overdue.ts'
import { pointOfNoReturn } from './point-of-no-return.ts'
import { reboot } from './reboot.ts'
import { soak } from './soak.ts'
import { stepBackPrepared } from './step-back.ts'
import type { Next, View } from './step.ts'
import { watch } from './watch.ts'

const hour = 3_600_000
const start = 100 * hour
const policy: Policy = {
  groupSize: 1, strictBatches: false, prepareAhead: 1, failureBudget: 1, canaryFirst: false, drain: 'zero-weight', activeStorageFloor: 1, settleMs: 1000, soakMs: 1000, watchMs: 1000,
  rebootDelayMs: 0, reboot: 'always', prepareEstimateMs: 60_000, downEstimateMs: 60_000, allowanceMs: 1000, deadlines: { stageMs: 60_000, upgradeMs: 60_000, returnMs: 60_000 }, assigner: 'pause', livePipelines: 'wait'
}
const stored = sealPlan({ version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: start + 10 * hour, excluded: [], estimateMs: 0, policy, nodes: [{ node: 'a', address: 'a:1', gitaly: '', storages: ['a'], zone: 'z', platform: 'p' }] })
const opened: readonly Event[] = [{ type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: start + 10 * hour, weights: { a: 5 }, assignerActive: true }, { type: 'window-rolling' }, { type: 'node-admitted', node: 'a' }]
const done = (step: 'upgrade' | 'reboot' | 'check-service' | 'check-log', facts: object = {}): Event => ({ type: 'step-done', node: 'a', step, attempt: 1, facts })
const prepared: readonly Event[] = [...opened, done('upgrade', { changes: 1 })]
const down: readonly Event[] = [...prepared, { type: 'node-prepared', node: 'a' }, { type: 'slot-taken', node: 'a' }]
const ordered: readonly Event[] = [...down, { type: 'step-intended', node: 'a', step: 'reboot', attempt: 1, facts: { orderId: 'reboot-1', notAfter: start + 15_000, bootId: 'b1' } }]
const rebooted: readonly Event[] = [...ordered, done('reboot', { bootId: 'b2' })]
const soaking: readonly Event[] = [...rebooted, done('check-service'), done('check-log')]
const retried: Event = { type: 'node-retried', node: 'a', by: 'ada', reason: 'r', mode: 'recheck' }
const failed = (step: 'point-of-no-return' | 'soak'): Event => ({ type: 'node-failed', node: 'a', step, down: true, reasons: [] })
const watched: readonly Event[] = [...soaking, { type: 'node-healthy', node: 'a', bootId: 'b2', outageMs: null }]

/** @param setMs the clock was set so far since the journal was written and the look was made. @param before the last event */
function viewWith(events: readonly Event[], { before, setMs, ageMs = 2000, bootId = 'b2' }: { readonly before: boolean, readonly setMs: number, readonly ageMs?: number, readonly bootId?: string }): View {
  const state = applyAll(emptyState(stored), events.map((event, index) => ({ seq: index + 1, at: start, epoch: 1, event })))
  const self = nodeOf(state, 'a')
  const verdict = { status: 'healthy', bootId, evidence: ['boot', 'kernel', 'service', 'grpc', 'storage', 'log'].map((check) => ({ check, status: 'healthy' as const, text: 'ok' })), reasons: [], healthyForMs: 5000, gitalyPid: 7, servingSince: 1, bootsSinceOrder: 1, stoppedAt: 1 } as const
  // Of a look before the event the clock says that it was later, and of one behind it the other way round.
  const look: Look = { at: before ? start + ageMs + setMs : start + ageMs + setMs - 100, seq: state.seq - (before ? 1 : 0), recheck: self.recheck, verdict, outside: null, fault: null }
  const [node] = stored.plan.nodes
  if (node === undefined) throw new Error('no node')
  return { state, self, node, observed: { ...nothingObserved(1), looks: new Map([['a', look]]), ageMs: () => ageMs }, now: start + ageMs + setMs }
}

const cases: Readonly<Record<string, { readonly events: readonly Event[], readonly next: (view: View) => Next, readonly records: Event['type'] }>> = {
  'a reboot is proven by a look made under its order': { events: ordered, next: (view) => reboot.next(view), records: 'step-done' },
  'the service is judged by a look made in this phase': { events: [...soaking, failed('soak'), retried], next: (view) => checkService.next(view), records: 'step-done' },
  'so is the soak': { events: [...soaking, failed('soak'), retried], next: (view) => soak.next(view), records: 'node-healthy' },
  'a node that did not go down stands again by a look made after the retry': { events: [...down, failed('point-of-no-return'), retried], next: (view) => pointOfNoReturn.next(view), records: 'slot-returned' },
  'a relapse is told by a look made after the slot was freed': { events: watched, next: (view) => watch.next({ ...view, observed: { ...view.observed, looks: new Map([...view.observed.looks].map(([name, look]) => [name, { ...look, verdict: look.verdict === null ? null : { ...look.verdict, bootId: 'b3' } }])) } }), records: 'node-failed' },
  'a node steps back by a look made under the new packages': { events: prepared, next: (view) => stepBackPrepared(view, { code: 'NOT_NOW', text: 'closing', hint: '' }), records: 'node-pending-reboot' }
}

for (const [rule, { events, next, records }] of Object.entries(cases)) {
  void t.test(rule, async (t) => {
    for (const setMs of [-hour, 0, hour]) {
      const behind = next(viewWith(events, { before: false, setMs }))
      t.ok(behind.kind === 'record' && behind.events.some(({ type }) => type === records), `clock set by ${setMs} ms: ${JSON.stringify(behind)}`)
      const ahead = next(viewWith(events, { before: true, setMs }))
      t.notOk(ahead.kind === 'record' && ahead.events.some(({ type }) => type === records), `clock set by ${setMs} ms, a look from before: ${JSON.stringify(ahead)}`)
    }
  })
}

void t.test('the watch ends with a look made when it had lasted, whatever the clock was set to', async (t) => {
  const paid = { ...policy, watchMs: 60_000 }
  const end = (view: View): boolean => {
    const next = watch.next({ ...view, state: { ...view.state, stored: { ...view.state.stored, plan: { ...view.state.stored.plan, policy: paid } } } })
    return next.kind === 'record' && next.events.some(({ type }) => type === 'node-done')
  }
  for (const setMs of [-hour, 0, hour]) {
    t.notOk(end(viewWith(watched, { before: false, setMs, ageMs: 60_050 })), 'the look is 100 ms old')
    t.ok(end(viewWith(watched, { before: false, setMs, ageMs: 60_100 })))
  }
})

void t.test('a look from the time to come is made again: the clock was set back since', async (t) => {
  const view = viewWith(rebooted, { before: false, setMs: 0, bootId: '' })
  t.match(checkService.next(view), { kind: 'wait' })
  t.match(checkService.next({ ...view, now: view.now - hour }), { kind: 'do', effect: { kind: 'look' } })
  const look = view.observed.looks.get('a')
  t.equal(look === undefined ? 0 : nextLookAt(view.self, look), view.now - 100 + 1000)
})

void t.test('a node is overdue when it has taken that long, whatever the clock was set to', async (t) => {
  for (const setMs of [-hour, 0, hour]) {
    t.equal(stepOverdue(viewWith(ordered, { before: false, setMs, ageMs: 79_999, bootId: 'b1' })), null)
    t.match(stepOverdue(viewWith(ordered, { before: false, setMs, ageMs: 80_000, bootId: 'b1' })), { events: [{ type: 'node-overdue', reasons: [{ text: 'a: coming back healthy takes 1m20s (deadline 1m20s)' }] }] })
  }
})
