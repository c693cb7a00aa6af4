// The assigner may live in another GitLab, and has a token of its own. What cannot be read of the one holds back nothing that
// belongs to the other, also not while the answer to a write is lost.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import type { GitLabFaults, WriteGoes } from '../world/simulated-gitlab.ts'
import { World, minutes } from '../world/world.ts'

const own = ['gitaly-01.test', 'gitaly-02.test']
type ReadGoes = ReturnType<GitLabFaults['readGoes']>

function nextWriteGoes(world: World, goes: WriteGoes): void {
  let left = 1
  world.gitlab.faults.writeGoes = () => left-- > 0 ? goes : 'well'
}

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
