// What a person takes over while pitstop's own write for it is in doubt: the person saw it as it was, and it may change yet. It is
// read when the write can land no more, and what that has left is owed; what a person sets from then on is theirs.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'

const first = 'gitaly-01.test'
const weight = `weight:${first}`
const lateMs = 15_000
type Goes = ReturnType<World['gitlab']['faults']['writeGoes']>

/** The next write of weights goes so, and every other well. */
function nextWriteGoes(world: World, goes: Goes): void {
  let left = 1
  world.gitlab.faults.writeGoes = () => left-- > 0 ? goes : 'well'
}

const isPromised = (world: World, id: string) => (): boolean => world.state().obligations.get(id)?.status === 'open'

/** A second after the promise was journaled, the write is out and unanswered. */
async function writeIsUnderWay(world: World, id: string): Promise<void> {
  await world.until(isPromised(world, id))
  await world.clock.runUntil(() => false, 1000)
}

/** The first node of a window is being drained, and the answer to that is lost. */
async function drainedInDoubt(goes: Goes): Promise<World> {
  const world = await World.opened({ policy: { groupSize: 1, prepareAhead: 1 }, closesInMs: 600 * minutes })
  nextWriteGoes(world, goes)
  await writeIsUnderWay(world, weight)
  return world
}

/** Its weight had gone back, it relapsed, and the answer to the write that drains it anew is lost. */
async function drainedAnewInDoubt(goes: Goes): Promise<World> {
  const world = await World.opened({ nodes: 1, policy: { groupSize: 1 }, closesInMs: 300 * minutes })
  world.host(0).faults.relapseAfterMs = 20_000
  await world.until(() => world.gitlab.weights[first] === 100 && world.phase(0) === 'returning')
  await world.until(() => world.phase(0) === 'failed')
  world.host(0).faults = {}
  nextWriteGoes(world, goes)
  await writeIsUnderWay(world, weight)
  return world
}

const handOver = (world: World, obligation: string): Promise<string> => world.settle(world.coordinator.handOver({ kind: 'hand-over', obligation, by: 'ada', reason: 'it is as it was' }))

for (const abort of [true, false]) {
  void t.test(`a weight shown as it was, that lands at 0 after the hand-over, goes back ${abort ? 'after an abort' : 'in its turn'}`, async (t) => {
    const world = await drainedInDoubt({ landsAfterMs: lateMs })
    t.match(await handOver(world, weight), /shows 100, as it was/)
    if (abort) await world.say({ kind: 'abort' })
    await world.untilClosed()
    t.equal(world.gitlab.weights[first], 100)
    t.same(world.state().window.audit, [])
    t.same(checkHistory(world), [])
  })
}

void t.test('the weight of a failed node, that lands at 0 after the hand-over, goes back when a person has the node judged healthy', async (t) => {
  const world = await drainedAnewInDoubt({ landsAfterMs: lateMs })
  t.match(await handOver(world, weight), /shows 100, as it was/)
  world.host(0).mend()
  await world.clock.runUntil(() => false, minutes)
  await world.say({ kind: 'retry', node: first })
  await world.until(() => world.phase(0) === 'done')
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.equal(world.gitlab.weights[first], 100)
  t.same(checkHistory(world), [])
})

void t.test('the assigner shown active, that is paused after the hand-over, is enabled after an abort', async (t) => {
  const world = new World({ nodes: 3, policy: { groupSize: 1 } })
  await world.boot()
  await world.makePlan()
  let left = 1
  world.gitlab.faults.scheduleGoes = () => left-- > 0 ? { landsAfterMs: lateMs } : 'well'
  await world.openWindow()
  await writeIsUnderWay(world, 'assigner')
  t.match(await handOver(world, 'assigner'), /shows the assigner active, as it was/)
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  t.ok(world.gitlab.scheduleActive)
  t.same(world.state().window.audit, [])
  t.same(checkHistory(world), [])
})

for (const goes of ['well', 'lost-after'] as const) {
  void t.test(`a weight shown at 0 (its drain went ${goes}) and taken over so stays at 0`, async (t) => {
    const world = await drainedInDoubt(goes)
    t.match(await handOver(world, weight), /shows 0, it was 100/)
    await world.untilClosed()
    t.equal(world.gitlab.weights[first], 0)
    t.same(checkHistory(world), [])
  })
}

void t.test('the assigner shown inactive, and taken over so while its pause is in doubt, stays inactive', async (t) => {
  const world = new World({ nodes: 3, policy: { groupSize: 1 } })
  await world.boot()
  await world.makePlan()
  let left = 1
  world.gitlab.faults.scheduleGoes = () => left-- > 0 ? 'lost-after' : 'well'
  await world.openWindow()
  await writeIsUnderWay(world, 'assigner')
  t.match(await handOver(world, 'assigner'), /shows the assigner inactive, it was the assigner active/)
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  t.notOk(world.gitlab.scheduleActive)
  t.same(checkHistory(world), [])
})

void t.test('a write that never arrived leaves the weight with whoever took it over, and nothing in doubt', async (t) => {
  const world = await drainedAnewInDoubt('lost-before')
  await handOver(world, weight)
  await world.clock.runUntil(() => world.state().writesInDoubt.size === 0, minutes)
  t.equal(world.state().writesInDoubt.size, 0)
  t.equal(world.state().obligations.get(weight)?.status, 'void')
  t.match(world.node(0).steps['zero-weight'], { status: 'ended' })
  t.match(world.events().findLast(({ event }) => event.type === 'step-ended')?.event, { step: 'zero-weight', reasons: [{ code: 'WEIGHT_NOT_SETTLED', text: /GitLab shows gitaly-01\.test at 100/ }] })
})

for (const goes of ['lost-after', 'lost-before'] as const) {
  void t.test(`a reboot asked for by name after its drain (${goes}) was taken over comes about when new projects have settled`, async (t) => {
    const world = await drainedAnewInDoubt(goes)
    await world.say({ kind: 'hand-over', obligation: weight })
    if (goes === 'lost-before') world.gitlab.writeAs('ada', { [first]: 0 })
    await world.say({ kind: 'retry', node: first, mode: 'reboot' })
    await world.clock.runUntil(() => false, 15_000)
    t.match((await world.view()).nodes[0]?.reasons, [{ code: 'WEIGHT_NOT_SETTLED' }], 'until it can land no more')
    await world.until(() => world.phase(0) !== 'down', 10 * minutes)
    t.equal(world.phase(0), 'returning')
    t.same(checkHistory(world), [])
  })
}

for (const goes of ['well', 'lost-before'] as const) {
  void t.test(`a weight taken over beside a write (${goes}), and set to 0 on purpose hours later, is still 0 after another window`, async (t) => {
    const world = await drainedInDoubt(goes)
    await world.say({ kind: 'hand-over', obligation: weight })
    await world.say({ kind: 'abort' })
    await world.untilClosed()
    t.equal(world.state().writesInDoubt.size, 0)
    await world.clock.runUntil(() => false, 120 * minutes)
    world.gitlab.writeAs('ada', { [first]: 0 })
    await world.openWindow()
    await world.until(() => world.state().window.phase === 'closed')
    t.equal(world.phase(0), 'done')
    t.equal(world.gitlab.weights[first], 0)
    t.same(world.state().window.audit, [])
    t.same(checkHistory(world), [])
  })
}

void t.test('a node written off while the write of its 0 is in doubt is not said to be at weight 0', async (t) => {
  const world = await drainedAnewInDoubt('lost-before')
  await world.say({ kind: 'write-off', node: first })
  await world.say({ kind: 'resume', raiseBudgetBy: 1 })
  await world.untilClosed()
  t.equal(world.gitlab.weights[first], 100)
  t.match(world.state().obligations.get(weight), { status: 'void', text: `ada took over ${first} with the weight of ${first} in doubt (before: 100): because` })
})
