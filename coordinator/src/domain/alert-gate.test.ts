// The gate on alerts, state by state: whose alerts hold others, and when there is no gate at all.
import t from 'tap'
import { alertGate, alertsFreshMs, alertsMatter, explainAlerts } from './alert-gate.ts'
import type { Event } from './event.ts'
import { apply, emptyState } from './fold.ts'
import { gatesUnread } from './gates.ts'
import { type FiringAlert, nothingObserved } from './observed.ts'
import { type Policy, sealPlan } from './plan.ts'
import type { State } from './state.ts'

const policy: Policy = {
  groupSize: 2, strictBatches: false, prepareAhead: 2, failureBudget: 1, canaryFirst: true, drain: 'none', activeStorageFloor: 1, settleMs: 0, soakMs: 0, watchMs: 0,
  rebootDelayMs: 0, reboot: 'always', prepareEstimateMs: 1, downEstimateMs: 1, allowanceMs: 0, deadlines: { stageMs: 1, upgradeMs: 1, returnMs: 1 }, assigner: 'none', livePipelines: 'wait'
}
const stored = sealPlan({
  version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 1e9, excluded: [], estimateMs: 0, policy,
  nodes: ['a', 'b'].map((node) => ({ node, address: `${node}:1`, gitaly: '', storages: [node], zone: 'z', platform: 'p' }))
})
const opened: Event[] = [{ type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: 1e9, weights: {}, assignerActive: null }, { type: 'window-rolling' }]
const after = (...events: readonly Event[]): State => events.reduce((state, event, index) => apply(state, { seq: index + 1, at: index + 1, epoch: 1, event }), emptyState(stored))

const now = 100_000
const firing = (node: string | null): FiringAlert[] => [{ gate: 'gitaly', name: 'Down', node, since: 0 }]
const gate = (state: State, node: string | null = 'a') => alertGate(state, { reading: { at: now, firing: firing(node) }, fault: null }, now).map(({ code }) => code)

const admitted: Event = { type: 'node-admitted', node: 'a' }
const taken: Event = { type: 'slot-taken', node: 'a' }
const intended: Event = { type: 'step-intended', node: 'a', step: 'reboot', attempt: 1, facts: { orderId: 'reboot-1', bootId: 'b' } }
const failed: Event = { type: 'node-failed', node: 'a', step: 'check-log', down: true, reasons: [] }

void t.test('an alert of a node is ours from its reboot order until it is done, and while it is known to be down', async (t) => {
  const held = ['ALERT_FIRING']
  const path: readonly (readonly [Event, readonly string[]])[] = [
    [admitted, held], [{ type: 'node-prepared', node: 'a' }, held], [taken, held], [intended, []], [{ type: 'step-done', node: 'a', step: 'reboot', attempt: 1, facts: { bootId: 'c' } }, []],
    [{ type: 'node-healthy', node: 'a', bootId: 'c', outageMs: 1 }, []], [{ type: 'node-done', node: 'a' }, []]
  ]
  for (const [index, [event, expected]] of path.entries()) {
    const state = after(...opened, ...path.slice(0, index + 1).map(([each]) => each))
    t.same(gate(state), expected, event.type)
    t.same(gate(state, 'elsewhere'), held, 'others\' count always')
    t.same(gate(state, null), held, 'and those of no node')
  }
  t.same(gate(after(...opened, admitted, taken, intended, failed)), [], 'a node that failed and is down is known')
  t.same(gate(after(...opened, admitted, taken, intended, failed, { type: 'node-retried', node: 'a', by: 'ada', reason: 'r', mode: 'reboot' })), [], 'who asks for it as it is means it')
  t.same(gate(after(...opened, admitted, taken, intended, failed, { type: 'node-retried', node: 'a', by: 'ada', reason: 'r', mode: 'recheck' })), [])
  t.same(gate(after(...opened, admitted, taken, intended, failed, { type: 'node-written-off', node: 'a', by: 'ada', reason: 'r' })), [], 'who took it over knows')
  t.same(gate(after(...opened, admitted, taken, intended, { type: 'step-ended', node: 'a', step: 'reboot', attempt: 1, reasons: [] })), held, 'its reboot did not come about: it is up')
})

void t.test('an alert that began before its node was done may outlive the watch by minutes; one that began since is somebody else\'s at once', async (t) => {
  const state = after(...opened, admitted, taken, intended, { type: 'node-healthy', node: 'a', bootId: 'c', outageMs: 1 }, { type: 'node-done', node: 'a' })
  const doneAt = state.nodes.get('a')?.phaseSince ?? 0
  const held = (since: number, at: number): number => alertGate(state, { reading: { at, firing: [{ gate: 'g', name: 'Down', node: 'a', since }] }, fault: null }, at).length
  t.equal(held(doneAt - 1, doneAt), 0)
  t.equal(held(doneAt - 1, doneAt - 1), 0, 'read before it was done')
  t.equal(held(doneAt - 1, doneAt + 299_999), 0)
  t.equal(held(doneAt - 1, doneAt + 300_000), 1, 'it does not end by itself')
  t.equal(held(doneAt, doneAt + 1), 1, 'it began since')
  t.equal(held(doneAt - 1, doneAt - 300_000), 1, 'the clock was set back')
})

void t.test('while a node is down and failed, an alert of no node of the plan says what to do if that node causes it', async (t) => {
  const hints = (state: State, node: string | null): (string | undefined)[] => alertGate(state, { reading: { at: now, firing: firing(node) }, fault: null }, now).map(({ hint }) => hint)
  const usual = hints(after(...opened), null)
  t.match(usual, [/nothing to do here/])
  const down = after(...opened, admitted, taken, intended, failed)
  for (const state of [down, apply(down, { seq: 20, at: 20, epoch: 1, event: { type: 'node-retried', node: 'a', by: 'ada', reason: 'r', mode: 'reboot' } })]) {
    t.match(hints(state, null), [/if a causes it, .*silence it in Alertmanager, .*: pitstop node retry a --reboot --reason "…"; or mend the node by hand/])
    t.match(hints(state, 'elsewhere'), [/if a causes it/])
    t.same(hints(state, 'b'), usual)
  }
})

void t.test('an old reading, one of the future and one that failed open nothing; a fault stands beside what was read before it', async (t) => {
  const state = after(...opened)
  const reading = { at: now, firing: [] }
  const fault = { reason: { code: 'ALERTS_REFUSED' as const, text: 'no', hint: 'h' }, at: now }
  const codes = (seen: Parameters<typeof alertGate>[1], at: number): string[] => alertGate(state, seen, at).map(({ code }) => code)
  t.same(codes({ reading, fault: null }, now + alertsFreshMs - 1), [])
  t.same(codes({ reading, fault: null }, now + alertsFreshMs), ['ALERTS_UNREACHABLE'])
  t.same(codes({ reading, fault: null }, now - 1), ['ALERTS_UNREACHABLE'], 'the clock was set back')
  t.same(codes({ reading: null, fault: null }, now), ['ALERTS_UNREACHABLE'])
  t.same(codes({ reading, fault }, now), ['ALERTS_REFUSED'])
  t.same(codes({ reading: { at: now, firing: firing(null) }, fault }, now), ['ALERTS_REFUSED', 'ALERT_FIRING'])
})

void t.test('alerts matter for as long as something may begin', async (t) => {
  const rest: Event[] = [{ type: 'node-skipped', node: 'b', by: 'ada', reason: 'r' }, admitted, { type: 'node-prepared', node: 'a' }, taken, intended]
  for (let begun = 0; begun <= rest.length; begun++) t.equal(alertsMatter(after(...opened, ...rest.slice(0, begun))), true, rest[begun - 1]?.type ?? 'rolling')
  const rebooted = after(...opened, ...rest, { type: 'step-done', node: 'a', step: 'reboot', attempt: 1, facts: { bootId: 'c' } })
  t.equal(alertsMatter(rebooted), false)
  t.same(gate(rebooted, null), [])
  t.equal(alertsMatter(after(...opened.slice(0, 1))), false, 'not while it opens')
  t.equal(alertsMatter(after(...opened, { type: 'window-closing', reasons: [] })), false)
})

void t.test('what nobody has read yet is no closed gate', async (t) => {
  const state = after(...opened)
  const gitlab = { at: now, seq: 1, weights: {}, scheduleActive: null, pipelines: [], moving: [] }
  const observed = { ...nothingObserved(1), gitlab }
  t.equal(gatesUnread(state, nothingObserved(1)), true)
  t.equal(gatesUnread(state, observed), false)
  t.equal(gatesUnread(state, { ...observed, alerts: { reading: null, fault: null } }), true)
  t.equal(gatesUnread(state, { ...observed, alerts: { reading: { at: now, firing: [] }, fault: null } }), false)
  t.equal(gatesUnread(after(...opened, { type: 'window-closing', reasons: [] }), nothingObserved(1)), false)
})

void t.test('a storm of alerts is told by its oldest, in a few lines', async (t) => {
  const storm = Array.from({ length: 1000 }, (_, index) => ({ gate: 'g', name: `A${index}`, node: null, since: 1000 - index }))
  const told = explainAlerts(storm).map(({ text }) => text)
  t.equal(told.length, 6)
  t.match(told[0], /^alert A999 fires since 1970-01-01 00:00:00Z and closes the gate g$/)
  t.equal(told[5], 'and 995 more alerts fire')
})
