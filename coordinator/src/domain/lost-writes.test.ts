// What a reading says of writes whose answers were lost, and what is owed by it.
import t from 'tap'
import type { Event } from './event.ts'
import { apply, emptyState } from './fold.ts'
import { allArrived, lostWrites, outcomeOfLost } from './lost-writes.ts'
import { type Plan, sealPlan } from './plan.ts'
import type { State } from './state.ts'
import { waitOutUnknown } from './weights.ts'

const plan = { version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 9, excluded: [], estimateMs: 0, policy: {}, nodes: [{ node: 'a', address: '', gitaly: '', storages: ['a', 'b'], zone: 'z', platform: 'p' }] } as unknown as Plan
const opened = (window = 1): Event => ({ type: 'window-opened', window, by: 'ada', reason: 'r', closesAt: 9, weights: {}, assignerActive: true })
const after = (...events: Event[]): State => [opened(), ...events].reduce((state, event, index) => apply(state, { seq: index + 1, at: index + 1, epoch: 1, event }), emptyState(sealPlan(plan)))

const owed = (storage: string, previous: number): Event => ({ type: 'obligation-opened', id: `weight:${storage}`, kind: 'weight', subject: storage, node: 'a', previous })
const handedOver = (id: string): Event => ({ type: 'obligation-settled', id, how: 'void', by: 'ada', text: 'mine' })
const sent = (step: 'zero-weight' | 'restore-weight', weights: Record<string, number>): Event => ({ type: 'step-intended', node: 'a', step, attempt: 1, facts: { weights, landsBy: 5 } })
const drain = [owed('a', 70), owed('b', 60), sent('zero-weight', { a: 0, b: 0 })]
const shows = (a: number, b: number, scheduleActive: boolean | null = null) => ({ weights: { a, b, x: 5 }, scheduleActive })

void t.test('a drain that arrived is done, and one that did not is ended: GitLab\'s own words say why', async (t) => {
  t.ok(allArrived(after(...drain), shows(0, 0)))
  t.notOk(allArrived(after(...drain), shows(0, 60)))
  t.match(outcomeOfLost(after(...drain), shows(0, 0)), [{ type: 'step-done', node: 'a', step: 'zero-weight' }])
  t.match(outcomeOfLost(after(...drain), shows(70, 60)), [{ type: 'step-ended', reasons: [{ code: 'WEIGHT_NOT_SETTLED', text: /a at 70, b at 60/ }] }])
  t.equal(lostWrites(after(...drain, ...outcomeOfLost(after(...drain), shows(70, 60)))).length, 0)
})

void t.test('what a person took over meanwhile is promised anew where the write has left 0, and nowhere else', async (t) => {
  const state = after(...drain, handedOver('weight:a'))
  t.match(outcomeOfLost(state, shows(0, 0)), [{ type: 'obligation-opened', id: 'weight:a', previous: 70 }, { type: 'step-done' }])
  t.match(outcomeOfLost(state, shows(70, 0)), [{ type: 'step-ended' }])
  t.match(outcomeOfLost(after(owed('a', 0), sent('zero-weight', { a: 0 }), handedOver('weight:a')), shows(0, 60)), [{ type: 'step-done' }], 'it was 0 before')
  t.match(outcomeOfLost(after(...drain, handedOver('weight:a'), { type: 'node-written-off', node: 'a', by: 'ada', reason: 'r' }), shows(0, 0)), [{ type: 'step-done' }], 'the node itself is theirs')
})

void t.test('a weight that the write was not made for stays with whoever took it over before', async (t) => {
  const state = after(owed('a', 70), owed('b', 60), handedOver('weight:b'), sent('zero-weight', { a: 0 }))
  t.match(outcomeOfLost(state, shows(0, 0)), [{ type: 'step-done' }])
})

void t.test('what was taken over in an earlier window is promised by nobody, and no step of this one is done by it', async (t) => {
  const weights = after(...drain, handedOver('weight:a'), opened(2))
  t.match(outcomeOfLost(weights, shows(0, 0)), [{ type: 'step-ended' }])
  const paused: Event[] = [{ type: 'obligation-opened', id: 'assigner', kind: 'assigner', subject: 'w', node: null, previous: true }, { type: 'step-intended', node: null, step: 'pause-assigner', attempt: 1, facts: { landsBy: 5 } }, handedOver('assigner')]
  t.match(outcomeOfLost(after(...paused, opened(2)), shows(1, 1, false)), [{ type: 'step-ended' }])
  t.match(outcomeOfLost(after(...paused), shows(1, 1, false)), [{ type: 'obligation-opened', id: 'assigner', previous: true }, { type: 'step-done' }])
  t.match(outcomeOfLost(after(...paused), shows(1, 1, true)), [{ type: 'step-ended' }])
})

void t.test('a weight that is back by a lost write is paid, one of two as well', async (t) => {
  const state = after(...drain, { type: 'step-done', node: 'a', step: 'zero-weight', attempt: 1, facts: {} }, sent('restore-weight', { a: 70, b: 60 }))
  t.match(outcomeOfLost(state, shows(70, 60)), [{ id: 'weight:a', how: 'paid', by: 'pitstop' }, { id: 'weight:b', how: 'paid' }, { type: 'step-done', step: 'restore-weight' }])
  t.match(outcomeOfLost(state, shows(70, 0)), [{ id: 'weight:a', how: 'paid' }, { type: 'step-ended' }])
  t.match(outcomeOfLost(state, shows(0, 0)), [{ type: 'step-ended' }])
})

void t.test('the assigner enabled by a lost write is paid', async (t) => {
  const state = after({ type: 'obligation-opened', id: 'assigner', kind: 'assigner', subject: 'w', node: null, previous: true }, { type: 'step-intended', node: null, step: 'resume-assigner', attempt: 1, facts: { landsBy: 5 } })
  t.match(outcomeOfLost(state, shows(1, 1, true)), [{ id: 'assigner', how: 'paid' }, { type: 'step-done' }])
  t.match(outcomeOfLost(state, shows(1, 1, false)), [{ type: 'step-ended' }])
})

void t.test('a step that a retry forgot is not done by its lost write; of a lost journal nothing is concluded', async (t) => {
  const again = after(...drain, { type: 'node-retried', node: 'a', by: 'ada', reason: 'r', mode: 'again' })
  t.match(outcomeOfLost(again, shows(0, 0)), [{ type: 'step-ended', attempt: 2 }])
  t.same(lostWrites(waitOutUnknown(after(), 9)), [])
  const older = after(owed('a', 70), { type: 'step-intended', node: 'a', step: 'zero-weight', attempt: 1, facts: { landsBy: 5 } })
  t.match(outcomeOfLost(older, shows(0, 0)), [{ type: 'step-ended', reasons: [{ text: /what it shows of a$/ }] }], 'which weights it was to set is not known')
})
