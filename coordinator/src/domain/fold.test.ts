// Entering events: together or one by one, the state is the same, and the one before stays as it was.
import fc from 'fast-check'
import t from 'tap'
import type { Event, Recorded } from './event.ts'
import { apply, applyAll, emptyState } from './fold.ts'
import { type Plan, type Policy, sealPlan } from './plan.ts'
import type { State } from './state.ts'

const names = ['a', 'b', 'c']
const plan: Plan = {
  version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 1e7, excluded: [], estimateMs: 0, policy: { failureBudget: 1 } as Policy,
  nodes: names.map((node) => ({ node, address: `${node}:1`, gitaly: '', storages: [node], zone: 'z', platform: 'p' }))
}
const node = fc.constantFrom(...names)
const opened = fc.constantFrom(1, 2).map((window): Event => ({ type: 'window-opened', window, by: 'ada', reason: 'r', closesAt: 1e7, weights: {}, assignerActive: true }))
const ofNode = fc.oneof(
  node.map((each): Event => ({ type: 'node-admitted', node: each })), node.map((each): Event => ({ type: 'slot-taken', node: each })), node.map((each): Event => ({ type: 'slot-returned', node: each, reasons: [] })),
  node.map((each): Event => ({ type: 'node-overdue', node: each, reasons: [] })), node.map((each): Event => ({ type: 'node-postponed', node: each, reasons: [] })),
  fc.tuple(node, fc.constantFrom('recheck', 'reboot', 'again')).map(([each, mode]): Event => ({ type: 'node-retried', node: each, by: 'ada', reason: 'r', mode })),
  fc.tuple(node, fc.constantFrom('stage', 'zero-weight', 'reboot'), fc.option(fc.nat(), { nil: undefined })).map(([each, step, landsBy]): Event =>
    ({ type: 'step-intended', node: each, step, attempt: 1, facts: landsBy === undefined ? {} : { landsBy } })),
  fc.tuple(fc.option(node), fc.constantFrom('stage', 'zero-weight', 'reboot')).map(([each, step]): Event => ({ type: 'step-done', node: each, step, attempt: 1, facts: { changes: 1 } })),
  node.map((each): Event => ({ type: 'step-ended', node: each, step: 'zero-weight', attempt: 1, reasons: [] })),
  node.map((each): Event => ({ type: 'obligation-opened', id: `weight:${each}`, kind: 'weight', subject: each, node: each, previous: 7 }))
)
const kept = node.map((each): Event[] => [
  { type: 'obligation-opened', id: `weight:${each}`, kind: 'weight', subject: each, node: each, previous: 5 }, { type: 'obligation-settled', id: `weight:${each}`, how: 'paid', by: 'pitstop', text: '' }
])
const resolved = fc.constant<Event[]>([{ type: 'manifest-resolved', platform: 'p', node: 'a', hash: 'h', packages: [] }])
const events = fc.array(fc.oneof({ weight: 1, arbitrary: opened.map((event) => [event]) }, { weight: 1, arbitrary: resolved }, { weight: 2, arbitrary: kept }, { weight: 12, arbitrary: ofNode.map((event) => [event]) })).map((lists) => lists.flat())

const journal = (of: readonly Event[], from: number): Recorded<Event>[] => of.map((event, index) => ({ seq: from + index + 1, at: 10 * (from + index), epoch: 1, event }))

void t.test('events that are entered together give the state that they give one by one, and leave the state before as it was', async (t) => {
  fc.assert(fc.property(events, events, (first, then) => {
    const before: State = journal(first, 0).reduce(apply, emptyState(sealPlan(plan)))
    const asItWas = structuredClone(before)
    const later = journal(then, first.length)
    t.same(applyAll(before, later), later.reduce(apply, before))
    t.same(before, asItWas)
  }), { numRuns: 60 })
})
