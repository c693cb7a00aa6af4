// What was observed before the clock on the wall was set: it opens nothing, holds nothing up, and is observed again.
import t from 'tap'
import type { Event } from '../domain/event.ts'
import { applyAll, emptyState } from '../domain/fold.ts'
import { closedGates } from '../domain/gates.ts'
import { type GitLabReading, type Observed, nothingNoted, nothingObserved } from '../domain/observed.ts'
import { type Policy, sealPlan } from '../domain/plan.ts'
import { type State, nodeOf } from '../domain/state.ts'
import { drainPipelines } from './assigner.ts'
import { decide } from './decide.ts'
import { lookAgain } from './look.ts'
import { stepOverdue } from './overdue.ts'
import { absentIsProof } from './order.ts'
import { pointOfNoReturn } from './point-of-no-return.ts'
import type { View } from './step.ts'

const hour = 3_600_000
const start = 100 * hour
const policy: Policy = {
  groupSize: 1, strictBatches: false, prepareAhead: 1, failureBudget: 1, canaryFirst: false, drain: 'none', activeStorageFloor: 1, settleMs: 0, soakMs: 1000, watchMs: 1000,
  rebootDelayMs: 0, reboot: 'always', prepareEstimateMs: 60_000, downEstimateMs: 60_000, allowanceMs: 1000, deadlines: { stageMs: 60_000, upgradeMs: 60_000, returnMs: 60_000 }, assigner: 'pause', livePipelines: 'wait'
}
const nodes = ['a', 'b'].map((node) => ({ node, address: `${node}:1`, gitaly: '', storages: [node], zone: 'z', platform: 'p' }))
const stored = sealPlan({ version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: start + 10 * hour, excluded: [], estimateMs: 0, policy, nodes })
const opening: Event = { type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: start + 10 * hour, weights: { a: 5, b: 5 }, assignerActive: true }
const rolling: readonly Event[] = [opening, { type: 'window-rolling' }, { type: 'node-admitted', node: 'a' }]
const done = (step: 'stage' | 'upgrade'): Event => ({ type: 'step-done', node: 'a', step, attempt: 1, facts: {} })
const prepared: readonly Event[] = [...rolling, done('stage'), done('upgrade'), { type: 'node-prepared', node: 'a' }]
const resumed: Event = { type: 'window-resumed', by: 'ada', reason: 'r', failureBudget: 1 }

const after = (events: readonly Event[]): State => applyAll(emptyState(stored), events.map((event, index) => ({ seq: index + 1, at: start, epoch: 1, event })))
const [nodeA] = stored.plan.nodes
if (nodeA === undefined) throw new Error('no node')
const viewOf = (state: State, now: number, observed: Partial<Observed>, ageMs = 1000): View =>
  ({ state, self: nodeOf(state, 'a'), node: nodeA, now, observed: { ...nothingObserved(1), ageMs: () => ageMs, ...observed } })
const reading = (at: number, seq: number): GitLabReading => ({ at, seq, weights: { a: 5, b: 5 }, scheduleActive: false, pipelines: [], moving: [] })
const asked = reading(start, 99)
/** Just after what was observed at `start`, and after the clock was set back an hour. */
const soon = start + 500
const setBack = start - hour

void t.test('a reading of GitLab from the time to come opens no gate', async (t) => {
  const state = after(rolling)
  t.same(closedGates(state, viewOf(state, soon, { gitlab: asked }).observed, soon), [])
  t.match(closedGates(state, viewOf(state, setBack, { gitlab: asked }).observed, setBack), [{ code: 'GITLAB_UNREACHABLE' }])
})

void t.test('the assigner\'s schedule is proven off by a reading made after it was switched off', async (t) => {
  const state = after([opening, { type: 'step-done', node: null, step: 'pause-assigner', attempt: 1, facts: {} }])
  for (const at of [start + hour, start - hour]) {
    t.match(drainPipelines(viewOf(state, at + 500, { gitlab: reading(at, 2) })), { kind: 'record', events: [{ type: 'step-done', step: 'drain-pipelines' }] })
    t.match(drainPipelines(viewOf(state, at + 5000, { gitlab: reading(at, 1) })), { kind: 'do', effect: { kind: 'observe-gitlab' } })
  }
})

void t.test('an assigner that is on halts the window again when it was read after a person resumed', async (t) => {
  const state = after([opening, { type: 'step-done', node: null, step: 'drain-pipelines', attempt: 1, facts: {} }, ...rolling.slice(1), resumed])
  for (const at of [start + hour, start - hour]) {
    const halts = (seq: number): boolean => decide(state, viewOf(state, at + 500, { gitlab: { ...reading(at, seq), scheduleActive: true } }).observed, at + 500).record.some(({ type }) => type === 'window-halted')
    t.equal(halts(state.seq), true)
    t.equal(halts(state.seq - 1), false)
  }
})

void t.test('nobody goes down by a final check from the time to come', async (t) => {
  const state = after([...prepared, { type: 'slot-taken', node: 'a' }])
  const finalChecks = new Map([['a', { at: start, slotSeq: state.seq, reasons: [], otherwise: 'go', bootId: 'b1', hooksMs: 0 } as const]])
  t.match(pointOfNoReturn.next(viewOf(state, soon, { finalChecks, gitlab: asked })), { kind: 'done' })
  t.match(pointOfNoReturn.next(viewOf(state, setBack, { finalChecks, gitlab: reading(setBack, 99) })), { kind: 'do', effect: { kind: 'final-check' } })
})

void t.test('silence, or a final check that said no, holds a prepared node up for seconds, not until the clock has caught up', async (t) => {
  const state = after(prepared)
  const takes = (now: number, noted: Partial<Observed>): boolean => decide(state, viewOf(state, now, { gitlab: reading(now - 100, 99), ...noted }).observed, now).record.some(({ type }) => type === 'slot-taken')
  const reason = { code: 'AGENT_UNREACHABLE', text: 't', hint: 'h' } as const
  for (const noted of [{ agentFaults: new Map([['a', { reason, at: start }]]) }, { finalChecks: new Map([['a', { at: start, slotSeq: 1, reasons: [reason], otherwise: 'wait', bootId: 'b1', hooksMs: 0 } as const]]) }]) {
    t.equal(takes(soon, noted), false)
    t.equal(takes(start + 5000, noted), true)
    t.equal(takes(setBack, noted), true)
  }
})

void t.test('an agent is called overdue with its order only if it has answered lately', async (t) => {
  const state = after([...rolling, { type: 'step-intended', node: 'a', step: 'stage', attempt: 1, facts: { orderId: 'stage-1', notAfter: start + hour } }])
  const overdue = (answered: number): boolean => stepOverdue(viewOf(state, soon, { answered: new Map([['a', answered]]) }, 150_000)) !== null
  t.equal(overdue(soon - 500), true)
  t.equal(overdue(soon - 100_000), false, 'before it was late')
  t.equal(overdue(soon + hour), false, 'the clock was set back since')
})

void t.test('idle nodes that were asked before a person resumed are asked again', async (t) => {
  const state = after([...rolling, done('stage'), done('upgrade'), { type: 'node-prepared', node: 'a' }, { type: 'slot-taken', node: 'a' },
    { type: 'step-intended', node: 'a', step: 'reboot', attempt: 1, facts: { orderId: 'reboot-1', notAfter: start + 15_000, bootId: 'b1' } }, resumed])
  const fault = { code: 'AGENT_UNREACHABLE', text: 't', hint: 'h' } as const
  for (const now of [start + hour, start - hour]) {
    const looks = new Map([['a', { at: now - 100, seq: state.seq, verdict: null, fault, outside: null, recheck: false }]])
    const next = (seq: number) => stepOverdue(viewOf(state, now, { looks, around: { at: now - 2000, seq, tried: 1, reached: 0 } }, 81_000))
    t.match(next(state.seq), { events: [{ type: 'window-paused', reasons: [{ code: 'BLIND' }] }] })
    t.match(next(state.seq - 1), { kind: 'do', effect: { kind: 'look-around' } })
  }
})

void t.test('an agent\'s report has its node looked at again at once, unless it was looked at since', async (t) => {
  const state = after([...prepared, { type: 'slot-taken', node: 'a' }, { type: 'node-reported', node: 'a', orderId: 'reboot-1', bootId: 'b2', status: 'healthy' }])
  for (const now of [start + hour, start - hour]) {
    const again = (seq: number) => lookAgain(viewOf(state, now, { ...nothingNoted(), looks: new Map([['a', { at: now - 100, seq, verdict: null, fault: null, outside: null, recheck: false }]]) }), '')
    t.match(again(state.seq - 1), { kind: 'do', effect: { kind: 'look' } })
    t.equal(again(state.seq), null)
  }
})

void t.test('an order that its agent never heard of is void when its time is over by our clock and has also gone by', async (t) => {
  const state = after([...prepared, { type: 'slot-taken', node: 'a' }, { type: 'step-intended', node: 'a', step: 'reboot', attempt: 1, facts: { orderId: 'r', notAfter: start + 15_000 } }])
  const isProof = (now: number, ageMs: number): boolean => {
    const view = viewOf(state, now, {}, ageMs)
    const intended = view.self.steps.reboot
    return intended !== undefined && absentIsProof(view, intended)
  }
  t.equal(isProof(start + 20_001, 20_001), true)
  t.equal(isProof(start + hour, 5000), false, 'our clock was set forward, and the host\'s was not')
  t.equal(isProof(start + hour, 20_000), false)
  t.equal(isProof(start + hour, 20_001), true)
  t.equal(isProof(setBack, 20_001), false)
})
