// A store that knows less than the world: how it is noticed, and what it has lost is told.
import t from 'tap'
import { breakGlass } from './obligations.ts'
import { promiseLines } from './break-glass-lines.ts'
import type { Event } from './event.ts'
import { foldFleet } from './fleet-state.ts'
import { fold } from './fold.ts'
import { unknownTerm } from './known-events.ts'
import { sealPlan } from './plan.ts'
import { type StoreFacts, lostPromises, pauseRestored, whyRestored } from './restored.ts'
import { waitOut, writesLandBy } from './weights.ts'
import { testPolicy } from '../http/served-in-memory.ts'

const facts: StoreFacts = { incarnation: 'aaaaaaaa', epoch: 7, moved: null, past: new Set(), memory: { incarnation: 'aaaaaaaa', epoch: 7 }, agents: { node: 'n', epoch: 7 } }
const plan = sealPlan({
  version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 9e12, excluded: [], policy: testPolicy, estimateMs: 1,
  nodes: ['a', 'b', 'c'].map((node) => ({ node, address: `${node}:1`, gitaly: '', storages: [`${node}-1`, `${node}-2`], zone: 'z', platform: 'p' }))
})
const journal = (...events: Event[]) => fold(plan, events.map((event, index) => ({ seq: index + 1, at: index, epoch: 1, event })))
const opened: Event = { type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: 9e12, weights: { 'a-1': 100, 'a-2': 0, 'b-1': 50, 'b-2': 40, 'c-1': 9, 'c-2': 9 }, assignerActive: true }
const promised = (subject: string, node: string, previous: number): Event => ({ type: 'obligation-opened', id: `weight:${subject}`, kind: 'weight', subject, node, previous })

void t.test('a store is what it was until somebody knows more than it does', async (t) => {
  t.same(whyRestored(facts), [])
  t.same(whyRestored({ ...facts, epoch: 30 }), [], 'others have acted since')
  t.same(whyRestored({ ...facts, memory: null, agents: null }), [], 'nobody knows anything')
  t.match(whyRestored({ ...facts, epoch: 6, agents: null }), [{ code: 'STORE_RESTORED', text: /this machine has seen epoch 7, the store knows 6/ }])
  t.match(whyRestored({ ...facts, memory: null, agents: { node: 'gitaly-03', epoch: 9 } }), [{ text: /gitaly-03 has seen epoch 9, the store knows 7/ }])
  t.match(whyRestored({ ...facts, moved: 'from x to y' }), [{ text: /failed over or restored: from x to y/ }])
  t.match(whyRestored({ ...facts, memory: { incarnation: 'bbbbbbbb', epoch: 3 } }), [{ text: /knew the store bbbbbbbb with epoch 3; this is aaaaaaaa/ }])
  t.same(whyRestored({ ...facts, memory: { incarnation: 'bbbbbbbb', epoch: 3 }, past: new Set(['bbbbbbbb']) }), [], 'another coordinator has seen to it')
  t.equal(whyRestored({ ...facts, memory: { incarnation: 'bbbbbbbb', epoch: 8 }, past: new Set(['bbbbbbbb']) }).length, 1, 'but not if the store has lost that too')
})

void t.test('a break-glass file is read back as it was written', async (t) => {
  const state = journal(opened, promised('a-1', 'a', 100), promised('b-1', 'b', 0), { type: 'obligation-opened', id: 'assigner', kind: 'assigner', subject: 'weight assigner', node: null, previous: true })
  const text = breakGlass(state, { gitlab: 'https://gitlab.test', assigner: { url: 'https://ops.test', project: 'a/b', schedule: 7 } })
  t.same(promiseLines(text), [
    { id: 'weight:a-1', kind: 'weight', subject: 'a-1', node: 'a', previous: 100 }, { id: 'weight:b-1', kind: 'weight', subject: 'b-1', node: 'b', previous: 0 },
    { id: 'assigner', kind: 'assigner', subject: 'weight assigner', node: null, previous: true }
  ])
  t.same(promiseLines('# weight:x: weight of y was 3\nnothing\n# assigner: assigner was lost\n'), [])
})

void t.test('each promise that the restored journal does not hold is told, unless GitLab shows it kept', async (t) => {
  const state = journal(opened, promised('c-1', 'c', 9))
  const lines = promiseLines('# weight:a-1: weight of a-1 was 100, node a\n# weight:c-1: weight of c-1 was 9, node c\n# assigner: assigner was active\n')
  const strange = [{ node: 'b', step: 'reboot', id: 'reboot-1-x', status: 'succeeded' }, { node: 'c', step: 'upgrade', id: 'upgrade-1-y', status: 'running' }]
  const ids = (present: Parameters<typeof lostPromises>[4]): string[] => lostPromises(state, lines, strange, 'file', present).map(({ id }) => id).sort()
  t.same(ids(null), ['found:assigner', 'found:weight:a-1', 'found:weight:b-1', 'found:weight:b-2', 'found:weight:c-2'])
  t.same(ids({ weights: { 'a-1': 0, 'b-1': 50, 'b-2': 0, 'c-1': 0, 'c-2': 9 }, scheduleActive: false }), ['found:assigner', 'found:weight:a-1', 'found:weight:b-2'])
  t.same(ids({ weights: { 'a-1': 100, 'b-1': 50, 'b-2': 40, 'c-1': 0, 'c-2': 9 }, scheduleActive: true }), [])
  t.match(lostPromises(state, [], strange, 'file', null)[0], { node: 'b', previous: 50, text: /b has reboot reboot-1-x \(succeeded\), of which the restored journal does not know/ })
  t.same(lostPromises(null, lines, [], 'file', null).map(({ id }) => id), ['found:weight:a-1', 'found:weight:c-1', 'found:assigner'], 'a store without any window')
})

void t.test('a restored window is paused, once', async (t) => {
  const why = whyRestored({ ...facts, epoch: 1 })
  const rolling = journal(opened, { type: 'window-rolling' })
  t.match(pauseRestored(rolling, why), [{ type: 'window-paused', by: 'pitstop' }])
  t.same(pauseRestored(rolling, []), [])
  t.same(pauseRestored(journal(opened, { type: 'window-rolling' }, { type: 'window-paused', by: 'ada', reasons: [] }), why), [])
  t.same(pauseRestored(journal(opened, { type: 'window-settling' }), why), [], 'debts are paid all the same')
})

void t.test('a predecessor\'s write is waited out by our own clock, if there is one in doubt', async (t) => {
  const inDoubt = journal(opened, { type: 'step-intended', node: 'a', step: 'zero-weight', attempt: 1, facts: { landsBy: 50 } })
  t.equal(writesLandBy(waitOut(inDoubt, 500)), 500)
  t.equal(writesLandBy(waitOut(inDoubt, 20)), 50)
  t.equal(writesLandBy(waitOut(journal(opened), 500)), 0)
})

void t.test('the fleet\'s own journal: frozen, found and settled', async (t) => {
  const state = foldFleet([
    { type: 'frozen', by: 'ada', reason: 'r' } as const, { type: 'store-restored', incarnation: 'new', was: 'old', reasons: [] } as const,
    { type: 'obligation-found', id: 'found:weight:a', kind: 'weight', subject: 'a', node: 'n', previous: 5, text: 't' } as const,
    { type: 'obligation-found', id: 'found:weight:b', kind: 'weight', subject: 'b', node: 'n', previous: 6, text: 't' } as const,
    { type: 'obligation-cleared', id: 'found:weight:a', by: 'bob', reason: 'done' } as const, { type: 'lease-taken', holder: 'h', address: 'a', release: '0.3.0' } as const
  ].map((event, index) => ({ seq: index + 1, at: index, epoch: 1, event })))
  t.match(state, { frozen: { by: 'ada' }, release: '0.3.0', seq: 6 })
  t.same([...state.found.keys()], ['found:weight:b'])
  t.ok(state.past.has('old'))
})

void t.test('what only a newer release knows is named', async (t) => {
  t.equal(unknownTerm({ type: 'node-done' }), null)
  t.equal(unknownTerm({ type: 'step-done', step: 'drain-pipelines' }), null)
  t.equal(unknownTerm({ type: 'toString' }), 'type toString')
  t.equal(unknownTerm({ type: 'step-done', step: 'silence' }), 'step silence')
  t.equal(unknownTerm({ type: 'node-retried', mode: 'kexec' }), 'retry mode kexec')
})
