// The assigner may live in another GitLab, and has a token of its own. What cannot be read of the one holds back nothing that
// belongs to the other, also not while the answer to a write is lost.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import type { GitLabFaults, WriteGoes } from '../world/simulated-gitlab.ts'
import { World, minutes } from '../world/world.ts'

const own = ['gitaly-01.test', 'gitaly-02.test']
const weight = `weight:${own[0] ?? ''}`
type ReadGoes = ReturnType<GitLabFaults['readGoes']>

function nextWriteGoes(world: World, goes: WriteGoes): void {
  let left = 1
  world.gitlab.faults.writeGoes = () => left-- > 0 ? goes : 'well'
}

const weightsRead = (world: World, goes: ReadGoes): void => { world.gitlab.faults.readGoes = (_, what) => what === 'weights' ? goes : 'well' }
const theRestReads = (world: World, goes: ReadGoes): void => { world.gitlab.faults.readGoes = (_, what) => what === 'weights' ? 'well' : goes }

for (const goes of ['lost-before', 'lost-after'] as const) {
  void t.test(`the schedule cannot be read (a weight write was ${goes}): the weights of healthy nodes go back all the same`, async (t) => {
    const world = await World.opened({ policy: { groupSize: 1, prepareAhead: 2 }, closesInMs: 60 * minutes })
    await world.until(() => !world.host(0).up && world.gitlab.weights['gitaly-02.test'] === 0)
    nextWriteGoes(world, goes)
    theRestReads(world, 'error')
    await world.until(() => world.phase(0) === 'returning')
    t.ok(await world.clock.runUntil(() => own.every((each) => world.gitlab.weights[each] === world.initialWeights[each]), 120 * minutes))
    theRestReads(world, 'well')
    await world.untilClosed()
    t.same(world.state().window.audit, [])
    t.same(checkHistory(world), [])
  })
}

/** The first node is being drained, the answer to that is lost, and the window is aborted when the settings can be read no more. */
async function abortedUnread(goes: WriteGoes, reads: ReadGoes): Promise<World> {
  const world = new World({ nodes: 3, policy: { groupSize: 1, prepareAhead: 1 }, closesInMs: 60 * minutes })
  await world.boot()
  await world.makePlan()
  nextWriteGoes(world, goes)
  await world.openWindow()
  await world.until(() => world.node(0).steps['zero-weight']?.status === 'intended')
  weightsRead(world, reads)
  await world.clock.runUntil(() => false, minutes)
  await world.say({ kind: 'abort' })
  await world.clock.runUntil(() => false, 2 * minutes)
  await world.say({ kind: 'hand-over', obligation: weight })
  return world
}

for (const goes of ['lost-before', 'lost-after'] as const) {
  void t.test(`the token of the settings has ended (a drain was ${goes}): after the hand-over of its weight the assigner comes back`, async (t) => {
    const world = await abortedUnread(goes, 'token-ended')
    t.ok(await world.clock.runUntil(() => world.gitlab.scheduleActive, 5 * minutes))
    await world.clock.runUntil(() => false, 10 * minutes)
    t.equal(world.state().window.phase, 'settling', 'what the write has left is not known')
    weightsRead(world, 'well')
    await world.untilClosed()
    t.same(world.gitlab.weights, world.initialWeights)
    t.same(world.state().window.audit, [])
    t.same(checkHistory(world), [])
  })
}

void t.test('settings that cannot be read for a while are waited for: the assigner comes after what the drain has left', async (t) => {
  const world = await abortedUnread('lost-after', 'error')
  t.notOk(await world.clock.runUntil(() => world.gitlab.scheduleActive, 10 * minutes))
  weightsRead(world, 'well')
  t.ok(await world.clock.runUntil(() => world.gitlab.scheduleActive, 5 * minutes))
  t.same(world.gitlab.weights, world.initialWeights)
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('both tokens have ended: whichever is renewed first, what belongs to it goes on', async (t) => {
  const world = await abortedUnread('lost-after', 'token-ended')
  world.gitlab.faults.readGoes = () => 'token-ended'
  await world.clock.runUntil(() => false, 3 * minutes)
  theRestReads(world, 'token-ended')
  t.ok(await world.clock.runUntil(() => world.state().writesInDoubt.size === 0, 2 * minutes), 'the weights are read again')
  t.ok(await world.clock.runUntil(() => world.gitlab.weights['gitaly-01.test'] === 100, 2 * minutes), 'what the drain has left is put back')
  t.notOk(world.gitlab.scheduleActive)
  theRestReads(world, 'well')
  await world.untilClosed()
  t.ok(world.gitlab.scheduleActive)
  t.same(checkHistory(world), [])
})
