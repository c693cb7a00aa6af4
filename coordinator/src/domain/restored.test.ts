// A store that knows less than the world: how it is noticed, and what it has lost is told.
import t from 'tap'
import { breakGlass, standbyGlass } from './break-glass.ts'
import { glassMark, planOfGlass, promiseLines } from './break-glass-lines.ts'
import type { Event } from './event.ts'
import { foldFleet } from './fleet-state.ts'
import { fold } from './fold.ts'
import { assignerPayable, isDoubted, shownNow } from './obligations.ts'
import { awaitsPerson, labelOf, nodeOf } from './state.ts'
import { command } from './command.ts'
import { unknownTerm } from './known-events.ts'
import { sealPlan } from './plan.ts'
import { disputed, lostPromises } from './lost-promises.ts'
import { type StoreFacts, implausibleEpoch, isPlausibleEpoch, pauseRestored, whyRestored } from './restored.ts'
import { waitOut, waitOutUnknown, writesLandBy } from './weights.ts'
import { reason } from '@pitstop/shared/fault'
import { testPolicy } from '../http/served-in-memory.ts'

const facts: StoreFacts = { incarnation: 'aaaaaaaa', epoch: 7, seq: 30, moved: null, past: new Set(), memory: { incarnation: 'aaaaaaaa', epoch: 7, seq: 30 }, watched: [], agents: { node: 'n', epoch: 7 }, strange: [] }
const plan = sealPlan({
  version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 9e12, excluded: [], policy: testPolicy, estimateMs: 1,
  nodes: ['a', 'b', 'c'].map((node) => ({ node, address: `${node}:1`, gitaly: '', storages: [`${node}-1`, `${node}-2`], zone: 'z', platform: 'p' }))
})
const journal = (...events: Event[]) => fold(plan, events.map((event, index) => ({ seq: index + 1, at: index, epoch: 1, event })))
const opened: Event = { type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: 9e12, weights: { 'a-1': 100, 'a-2': 0, 'b-1': 50, 'b-2': 40, 'c-1': 9, 'c-2': 9 }, assignerActive: true }
const promised = (subject: string, node: string, previous: number): Event => ({ type: 'obligation-opened', id: `weight:${subject}`, kind: 'weight', subject, node, previous })

const assignerPromised: Event = { type: 'obligation-opened', id: 'assigner', kind: 'assigner', subject: 'weight assigner', node: null, previous: true }
const byHand = { gitlab: 'https://gitlab.test', assigner: { url: 'https://ops.test', project: 'a/b', schedule: 7 } }

void t.test('a store is what it was until somebody knows more than it does', async (t) => {
  t.same(whyRestored(facts), [])
  t.same(whyRestored({ ...facts, epoch: 30 }), [], 'others have acted since')
  t.same(whyRestored({ ...facts, memory: null, agents: null }), [], 'nobody knows anything')
  t.match(whyRestored({ ...facts, epoch: 6, agents: null }), [{ code: 'STORE_RESTORED', text: /this machine has seen epoch 7, the store knows 6/ }])
  t.match(whyRestored({ ...facts, seq: 29 }), [{ code: 'STORE_RESTORED', text: /this machine has seen entry 30 of the journal, the store ends with 29/ }], 'a copy from the same epoch')
  t.same(whyRestored({ ...facts, seq: 31 }), [], 'its last row was not remembered any more')
  t.match(whyRestored({ ...facts, memory: null, agents: { node: 'gitaly-03', epoch: 9 } }), [{ text: /gitaly-03 has seen epoch 9, the store knows 7/ }])
  t.match(whyRestored({ ...facts, moved: 'from x to y' }), [{ text: /failed over or restored: from x to y/ }])
  t.match(whyRestored({ ...facts, memory: { incarnation: 'bbbbbbbb', epoch: 3, seq: 99 } }), [{ text: /knew the store bbbbbbbb with epoch 3; this is aaaaaaaa/ }])
  t.same(whyRestored({ ...facts, memory: { incarnation: 'bbbbbbbb', epoch: 3, seq: 99 }, past: new Set(['bbbbbbbb']) }), [], 'another coordinator has seen to it')
  t.equal(whyRestored({ ...facts, memory: { incarnation: 'bbbbbbbb', epoch: 8, seq: 99 }, past: new Set(['bbbbbbbb']) }).length, 1, 'but not if the store has lost that too')
  const memory = { incarnation: 'aaaaaaaa', epoch: 7, seq: 28 }
  t.match(whyRestored({ ...facts, memory, watched: [{ ...memory, seq: 32 }] }), [{ text: /has seen entry 32 .* ends with 30/ }], 'its file lags behind what the process has seen')
  t.equal(whyRestored({ ...facts, memory, watched: [{ incarnation: 'bbbbbbbb', epoch: 7, seq: 1 }] }).length, 1, 'and what it has seen may have been another store')
  t.match(whyRestored({ ...facts, memory: null, agents: null, strange: [{ node: 'b', step: 'reboot', id: 'reboot-1-x', status: 'succeeded' }] }), [{ code: 'STORE_RESTORED', text: /b has reboot reboot-1-x \(succeeded\), of which the restored journal does not know/ }], 'a new machine, the same epoch')
})

void t.test('an epoch that nobody can have told an agent is not believed', async (t) => {
  for (const [epoch, known] of [[0, 0], [7, 7], [9, 7], [40, 0], [1_000_007, 7]] as const) t.ok(isPlausibleEpoch(epoch, known), `${epoch} where the fleet is at ${known}`)
  for (const [epoch, known] of [[1_000_008, 7], [2 ** 52, 2 ** 52], [Number.MAX_SAFE_INTEGER, 0], [2 ** 63, 0], [-1, 7], [Number.NaN, 7], [1.5, 7]] as const) t.notOk(isPlausibleEpoch(epoch, known), `${epoch} where the fleet is at ${known}`)
  t.match(implausibleEpoch('gitaly-03', 2 ** 53, 7), { code: 'AGENT_ANSWER_INVALID', text: /gitaly-03 says .* epoch 9007199254740992, and the fleet is at 7/ })
})

void t.test('a break-glass file is read back as it was written, the assigner last', async (t) => {
  const state = journal(opened, assignerPromised, promised('a-1', 'a', 100), promised('b-1', 'b', 0))
  const text = breakGlass(state, [{ id: 'weight:c-1', kind: 'weight', subject: 'c-1', node: 'c', previous: 9 }], byHand, { at: Date.UTC(2026, 10, 23, 6, 41, 30), holder: 'vm/12/ab', epoch: 5, entry: 412 })
  t.match(text, '# written 2026-11-23 06:41:30Z by vm/12/ab, epoch 5, entry 412; if another coordinator acted later, its file counts\n')
  t.same(glassMark(text), { holder: 'vm/12/ab', epoch: 5, entry: 412 })
  t.equal(planOfGlass(text), plan.hash.slice(0, 12))
  t.same(promiseLines(text), [
    { id: 'weight:a-1', kind: 'weight', subject: 'a-1', node: 'a', previous: 100 }, { id: 'weight:b-1', kind: 'weight', subject: 'b-1', node: 'b', previous: 0 },
    { id: 'weight:c-1', kind: 'weight', subject: 'c-1', node: 'c', previous: 9 },
    { id: 'assigner', kind: 'assigner', subject: 'weight assigner', node: null, previous: true }
  ])
  const standby = standbyGlass({ holder: 'other/7/cd', address: 'other:7442', epoch: 6 }, Date.UTC(2026, 10, 23, 6, 42), null)
  t.match(standby, /does not act: nothing is to be paid from this file\.\n.*seen 2026-11-23 06:42:00Z: other\/7\/cd at other:7442 acts, epoch 6\. .*on other,/)
  t.notMatch(standby, /curl/)
  t.same([promiseLines(standby), glassMark(standby)], [[], null])
  const kept = standbyGlass({ holder: 'third/8/ef', address: 'third:7442', epoch: 7 }, 0, standbyGlass({ holder: 'other/7/cd', address: 'other:7442', epoch: 6 }, 0, text))
  t.same([promiseLines(kept), glassMark(kept), planOfGlass(kept)], [promiseLines(text), glassMark(text), planOfGlass(text)], 'what no journal holds outlives every standby')
  t.notMatch(kept, /other\/7/)
  t.same(glassMark('# pitstop: what must be put back if pitstop cannot (plan 0123456789ab, window 1).\n'), null, 'of a release that did not say')
  t.same(promiseLines('# weight:x: weight of y was 3\nnothing\n# assigner: assigner was lost\n'), [])
})

void t.test('each promise that the restored journal does not hold is told, unless the journal knows of it and GitLab shows it kept', async (t) => {
  const state = journal(opened, promised('c-1', 'c', 9))
  const lines = promiseLines('# weight:a-1: weight of a-1 was 100, node a\n# weight:c-1: weight of c-1 was 9, node c\n# assigner: assigner was active\n')
  const strange = [{ node: 'b', step: 'reboot', id: 'reboot-1-x', status: 'succeeded' }, { node: 'c', step: 'upgrade', id: 'upgrade-1-y', status: 'running' }]
  const ids = (present: Parameters<typeof lostPromises>[0]['present']): string[] => lostPromises({ state: state, lines: lines, known: null, strange: strange, from: 'file', present: present }).map(({ id }) => id).sort()
  t.same(ids(null), ['found:assigner', 'found:weight:a-1', 'found:weight:b-1', 'found:weight:b-2', 'found:weight:c-2'])
  t.same(ids({ weights: { 'a-1': 0, 'b-1': 50, 'b-2': 0, 'c-1': 0, 'c-2': 9 }, scheduleActive: false }), ['found:assigner', 'found:weight:a-1', 'found:weight:b-2'])
  const allKept = { weights: { 'a-1': 100, 'b-1': 50, 'b-2': 40, 'c-1': 0, 'c-2': 9 }, scheduleActive: true }
  t.same(ids(allKept), ['found:assigner', 'found:weight:a-1'], 'the write that was promised may land yet')
  t.match(lostPromises({ state: state, lines: lines, known: null, strange: [], from: 'file', present: allKept })[0], { text: /stands unpaid in file .* GitLab shows it as it was, unless a write of that time is still under way/ })
  const settled = journal(opened, promised('a-1', 'a', 100), { type: 'obligation-settled', id: 'weight:a-1', how: 'paid', by: 'pitstop', text: 't' })
  t.same(lostPromises({ state: settled, lines: promiseLines('# weight:a-1: weight of a-1 was 100, node a\n'), known: settled, strange: [], from: 'file', present: { ...allKept, weights: { ...allKept.weights, 'c-1': 9 } } }), [], 'the file was one promise late')
  t.match(lostPromises({ state: state, lines: [], known: null, strange: [], from: 'file', present: { ...allKept, weights: { ...allKept.weights, 'b-2': 0 } } }), [{ id: 'found:weight:b-2', previous: 40, text: 'GitLab shows it at 0, and the restored journal does not say why; its weight was 40 at opening' }])
  t.match(lostPromises({ state: state, lines: [], known: null, strange: strange, from: 'file', present: null })[0], { node: 'b', previous: 50, text: /b has reboot reboot-1-x \(succeeded\), of which the restored journal does not know/ })
  t.same(lostPromises({ state: null, lines: lines, known: null, strange: [], from: 'file', present: null }).map(({ id }) => id), ['found:weight:a-1', 'found:weight:c-1', 'found:assigner'], 'a store without any window')
})

void t.test('an order of a window that the store has lost tells of its weight, with what it was if any journal knows', async (t) => {
  const strange = [{ node: 'a', step: 'upgrade', id: 'upgrade-1-x', status: 'succeeded' }, { node: 'b', step: 'stage', id: 'stage-1-y', status: 'succeeded' }]
  const told = (plans: readonly ReturnType<typeof journal>[], present: Parameters<typeof lostPromises>[0]['present']) => lostPromises({ state: null, lines: [], known: null, strange, plans, from: 'file', present })
  const present = { weights: { 'a-1': 0, 'a-2': 0, 'b-1': 0, 'b-2': 40, 'c-1': 0 }, scheduleActive: true }
  const last = journal(opened, { type: 'window-closed' })
  t.match(told([last], present), [
    { id: 'found:weight:a-1', node: 'a', previous: 100, text: /^a has upgrade upgrade-1-x \(succeeded\), of which the restored journal does not know; its weight was 100 when window 1 of plan [0-9a-f]{12} was opened$/ },
    { id: 'found:weight:a-2', node: 'a', previous: false, text: /; its weight was 0 when window 1 of plan .* was opened, unless it was raised since: a person decides it$/ },
    { id: 'found:weight:b-1', node: 'b', previous: 50 }
  ], 'c has no order')
  const unknown = told([journal()], present)
  t.match(unknown.map(({ id, previous }) => [id, previous]), [['found:weight:a-1', false], ['found:weight:a-2', false], ['found:weight:b-1', false]])
  t.match(unknown[0]?.text, /what its weight was, no journal says any more: a person decides it/)
  t.same(told([last], null).map(({ id }) => id), ['found:weight:a-1', 'found:weight:a-2'], 'whatever GitLab may show; but staging takes nothing away')
  t.same(told([last], { ...present, weights: { 'a-1': 100, 'a-2': 7, 'b-1': 50, 'b-2': 40 } }), [])
  // As it stands in the file of a machine, read back by the next restore.
  const [first] = unknown
  if (first === undefined) throw new Error('told')
  const text = breakGlass(null, [{ ...first, id: 'weight:a-1' }], byHand, { at: 0, holder: 'h', epoch: 1, entry: 1 })
  t.match(text, /# weight:a-1: weight of a-1 was not known, node a\nexport WEIGHT=''; curl .*"a-1": \(env\.WEIGHT \| tonumber\)/)
  const lines = promiseLines(text)
  t.match(lines, [{ id: 'weight:a-1', previous: false }])
  const open = journal(opened, promised('a-1', 'a', 100))
  t.same(disputed(open, lines, 'file'), [], 'who does not know contradicts nobody')
  t.same(lostPromises({ state: open, lines, known: null, strange: [], from: 'file', present: { ...present, weights: { ...present.weights, 'b-1': 50, 'c-1': 9, 'c-2': 9 } } }), [])
  t.equal(shownNow(first, 0), 'GitLab shows 0; what it was is not known')
})

void t.test('a promise that the journal calls settled, also in a closed window, is told only if GitLab shows otherwise', async (t) => {
  const closed = journal(opened, promised('a-1', 'a', 100), { type: 'obligation-settled', id: 'weight:a-1', how: 'paid', by: 'pitstop', text: 't' }, { type: 'window-closed' })
  const lines = promiseLines('# weight:a-1: weight of a-1 was 100, node a\n')
  const told = (weight: number) => lostPromises({ state: null, lines, known: closed, strange: [], from: 'file', present: { weights: { 'a-1': weight }, scheduleActive: true } })
  t.same(told(100), [])
  t.match(lostPromises({ state: closed, lines, known: null, strange: [], from: 'file', present: { weights: { 'a-1': 100 }, scheduleActive: true } }), [{ id: 'found:weight:a-1' }], 'from an entry that the journal does not hold: it was promised again, and its write may land yet')
  t.match(told(0), [{ id: 'found:weight:a-1', text: 'stands unpaid in file and the journal calls it paid by pitstop' }])
  const handed = journal(opened, promised('a-1', 'a', 100), { type: 'obligation-settled', id: 'weight:a-1', how: 'void', by: 'ada', text: 't' })
  t.same(lostPromises({ state: handed, lines: [], known: null, strange: [], from: 'file', present: { weights: { 'b-1': 50, 'b-2': 40, 'c-1': 9, 'c-2': 9 }, scheduleActive: true } }), [], 'the journal says why it is 0')
})

void t.test('a restored window is paused, at each restore, and each reason is told once', async (t) => {
  const why = whyRestored({ ...facts, epoch: 1 })
  const rolling = journal(opened, { type: 'window-rolling' })
  t.match(pauseRestored(rolling, why), [{ type: 'window-paused', by: 'pitstop' }])
  t.same(pauseRestored(rolling, []), [])
  const blind = reason('BLIND', 'nobody is reached')
  t.match(pauseRestored(journal(opened, { type: 'window-rolling' }, { type: 'window-paused', by: 'pitstop', reasons: [blind] }), why), [{ reasons: [{ code: 'STORE_RESTORED' }, { code: 'STORE_RESTORED' }, blind] }], 'whoever lifts the pause knows of it')
  const [again] = pauseRestored(journal(opened, { type: 'window-rolling' }, { type: 'window-paused', by: 'pitstop', reasons: why }), why)
  t.match(again, { type: 'window-paused', reasons: why }, 'what was seen since the one before is doubted again')
  t.equal(again?.type === 'window-paused' ? again.reasons.length : 0, why.length)
  for (const type of ['window-closing', 'window-settling'] as const) t.match(pauseRestored(journal(opened, { type, reasons: [] }), why), [{ type: 'window-paused' }], 'what it would pay and conclude rests on half a journal')
  t.same(pauseRestored(journal(opened, { type: 'window-closed' }), why), [])
  const paused: Event = { type: 'window-paused', by: 'pitstop', reasons: why }
  t.equal(awaitsPerson(journal(opened, paused)), true)
  t.equal(awaitsPerson(journal(opened, paused, { type: 'window-closing', reasons: [] })), true, 'closing time is no person')
  t.equal(awaitsPerson(journal(opened, paused, { type: 'window-aborted', by: 'ada', reason: 'r' })), false)
  t.match(pauseRestored(journal(opened, paused, { type: 'window-aborted', by: 'ada', reason: 'r' }), why), [{ type: 'window-paused' }], 'put back again, a person is asked again')
  t.equal(journal(opened, { type: 'window-audited', differences: [] }, paused).window.audit, null, 'an audit of before says nothing')
})

void t.test('a restored window asks for a person\'s word in whichever phase it is, and takes it', async (t) => {
  const why = whyRestored({ ...facts, epoch: 1 })
  const said = { by: 'ada', reason: 'looked' }
  for (const phase of [[{ type: 'window-aborted', by: 'bob', reason: 'r' }], [{ type: 'window-closing', reasons: [] }], [{ type: 'window-settling' }]] as const) {
    const state = journal(opened, { type: 'window-rolling' }, ...phase, ...pauseRestored(journal(opened), why))
    t.equal(labelOf(state), 'paused')
    t.match(command(state, { kind: 'abort', ...said }, 0), [{ type: 'window-aborted' }])
    const resumed = command(state, { kind: 'resume', ...said }, 0)
    t.match(resumed, [{ type: 'window-unpaused' }])
    t.equal(awaitsPerson(journal(opened, { type: 'window-rolling' }, ...phase, ...pauseRestored(journal(opened), why), ...resumed)), false)
  }
  t.throws(() => command(journal(opened, { type: 'window-settling' }), { kind: 'abort', ...said }, 0), { code: 'NOT_NOW' })
})

void t.test('where the file and the journal do not agree on what was before, a person is told of both, and the journal\'s is not paid', async (t) => {
  const state = journal(opened, promised('a-1', 'a', 100), promised('b-1', 'b', 50), assignerPromised)
  const lines = promiseLines('# weight:a-1: weight of a-1 was 40, node a\n# weight:b-1: weight of b-1 was 50, node b\n# assigner: assigner was inactive\n')
  const present = { weights: { 'a-1': 100, 'a-2': 0, 'b-1': 0, 'b-2': 40, 'c-1': 9, 'c-2': 9 }, scheduleActive: false }
  t.match(lostPromises({ state, lines, known: null, strange: [], from: 'file', present }), [
    { id: 'found:weight:a-1', previous: 40, text: 'stands unpaid in file with 40, and the restored journal has 100: pitstop writes neither' },
    { id: 'found:assigner', previous: false, text: /with inactive, and the restored journal has active/ }
  ], 'whatever GitLab shows')
  t.match(disputed(state, lines, 'file'), [{ id: 'weight:a-1', how: 'superseded', by: 'pitstop', text: /says that it was 100, file that it was 40/ }, { id: 'assigner', how: 'superseded' }])
  const found = (previous: number) => new Map([['found:weight:c-1', { id: 'found:weight:c-1', kind: 'weight', subject: 'c-1', node: 'c', previous, text: '', foundAt: 0 } as const]])
  const again = (previous: number) => lostPromises({ state, lines: promiseLines('# weight:c-1: weight of c-1 was 9, node c\n'), known: null, strange: [], found: found(previous), from: 'file', present: { ...present, weights: { ...present.weights, 'c-1': 0 } } })
  t.same(again(9), [], 'told before')
  t.match(again(7), [{ id: 'found:weight:c-1', previous: 9, text: /with 9, and the restored journal has 7/ }], 'told before with another value')
  t.same(lostPromises({ state, lines: [], known: null, strange: [], found: found(7), from: 'file', present: { ...present, weights: { ...present.weights, 'c-1': 0 } } }), [], 'the value at opening does not replace what was told')
})

void t.test('after a restore a weight is owed by a look, and the assigner comes after what was lost', async (t) => {
  const why = whyRestored({ ...facts, epoch: 1 })
  const owed: Event = { type: 'obligation-opened', id: 'weight:a', kind: 'weight', subject: 'a', node: 'a', previous: 5 }
  const drained: Event = { type: 'step-intended', node: 'a', step: 'zero-weight', attempt: 1, facts: {} }
  const healthy: Event = { type: 'node-healthy', node: 'a', bootId: 'b', outageMs: 1 }
  const doubted = (...events: Event[]): boolean => isDoubted(journal(opened, ...events), nodeOf(journal(opened, ...events), 'a'))
  const [paused] = pauseRestored(journal(opened), why)
  if (paused === undefined) throw new Error('paused')
  t.equal(doubted(owed, drained, healthy), false)
  t.equal(doubted(owed, drained, healthy, paused), true)
  t.equal(doubted(owed, drained, paused, healthy), false, 'proven since')
  t.equal(doubted(owed, drained, paused, drained), true, 'drained anew, and owed from before')
  t.equal(doubted(paused, owed, drained), false, 'owed since')
  const settling = journal(opened, assignerPromised, { type: 'window-settling' })
  t.equal(assignerPayable(settling, 0), true)
  t.equal(assignerPayable(settling, 1), false)
})

void t.test('a predecessor\'s write is waited out by our own clock, if there is one in doubt', async (t) => {
  const inDoubt = journal(opened, { type: 'step-intended', node: 'a', step: 'zero-weight', attempt: 1, facts: { landsBy: 50 } })
  t.equal(writesLandBy(waitOut(inDoubt, 500)), 500)
  t.equal(writesLandBy(waitOut(inDoubt, 20)), 50)
  t.equal(writesLandBy(waitOut(journal(opened), 500)), 0)
  t.equal(writesLandBy(waitOutUnknown(journal(opened), 500)), 500, 'a store that was put back does not know of its last writes')
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
  t.equal(state.restoredAt, 1)
})

void t.test('what only a newer release knows is named', async (t) => {
  t.equal(unknownTerm({ type: 'node-done' }), null)
  t.equal(unknownTerm({ type: 'step-done', step: 'drain-pipelines' }), null)
  t.equal(unknownTerm({ type: 'toString' }), 'type toString')
  t.equal(unknownTerm({ type: 'step-done', step: 'silence' }), 'step silence')
  t.equal(unknownTerm({ type: 'node-retried', mode: 'kexec' }), 'retry mode kexec')
})
