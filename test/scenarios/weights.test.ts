// GitLab cannot fence: lost writes that land late, other writers in mid-window, floors, and the assigner awake.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { story } from '../world/story.ts'
import { World, minutes } from '../world/world.ts'

const allDone = (world: World): boolean => [...world.hosts.keys()].every((_, index) => world.phase(index) === 'done')

for (const [name, goes] of [['lost before it landed', 'lost-before'], ['landed, its answer lost', 'lost-after'], ['lands after its time-out', { landsAfterMs: 15_000 }]] as const) {
  void t.test(`a weight write that ${name} stays in doubt until it can no longer land, then the world is read`, async (t) => {
    const world = await World.opened()
    world.gitlab.faults.writeGoes = (count) => count === 2 || count === 5 ? goes : 'well'
    await world.untilClosed()
    t.ok(allDone(world))
    t.same(world.gitlab.weights, world.initialWeights)
    t.same(checkHistory(world), [])
    const writes = world.history.happenings.filter((each) => each.what === 'weights-written')
    t.ok(writes.every(({ after }) => Object.values(after).some((weight) => weight > 0)))
  })
}

void t.test('a refused write is an outcome: tried again after the wait that GitLab asks for', async (t) => {
  const world = await World.opened()
  world.gitlab.faults.writeGoes = (count) => count === 1 || count === 4 ? 'refused' : 'well'
  await world.untilClosed()
  t.ok(allDone(world))
  t.same(checkHistory(world), [])
})

void t.test('GitLab unreadable: nothing new starts, the reason is told, and it goes on by itself', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(0) === 'prepared' || world.phase(0) === 'down')
  world.gitlab.faults.readGoes = () => 'error'
  await world.clock.runUntil(() => false, 20 * minutes)
  t.match((await world.view()).gates, [{ code: 'GITLAB_ERROR' }])
  world.gitlab.faults.readGoes = () => 'well'
  await world.untilClosed()
  t.ok(allDone(world))
  t.same(checkHistory(world), [])
})

void t.test('a weight raised on a prepared node is theirs: superseded, halted, and drained anew after a person resumes', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(1) === 'prepared')
  world.gitlab.writeAs('bob', { 'gitaly-02.test': 42 })
  await world.until(() => world.has('window-halted'))
  t.match((await world.view()).halt?.reasons, [{ code: 'WEIGHT_CHANGED' }])
  t.equal(world.gitlab.weights['gitaly-02.test'], 42, 'not overwritten')
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.ok(allDone(world))
  t.equal(world.gitlab.weights['gitaly-02.test'], 42, 'previous is what it was before our change')
  t.same(checkHistory(world), [])
})

void t.test('a weight raised on a node that is down closes all gates and asks a person', async (t) => {
  const world = await World.opened({ nodes: 6 })
  await world.until(() => world.phase(0) === 'down' && !world.host(0).up)
  world.host(0).faults.boot = { slowMs: 3 * minutes }
  world.gitlab.writeAs('the assigner', { 'gitaly-01.test': 80 })
  await world.until(() => world.has('window-halted'))
  t.match((await world.view()).halt?.reasons, [{ code: 'WEIGHT_CHANGED', text: /gitaly-01\.test.*80/ }])
  await world.until(() => world.phase(0) === 'done')
  await world.clock.runUntil(() => false, 10 * minutes)
  t.equal(world.history.happenings.filter((each) => each.what === 'gitaly-stopped').length, 1, 'nobody else went down')
  t.equal(world.gitlab.weights['gitaly-01.test'], 80)
})

void t.test('an assigner enabled by hand in mid-window halts it', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(0) === 'down')
  world.gitlab.setScheduleAs('bob', true)
  await world.until(() => world.has('window-halted'))
  t.match((await world.view()).halt?.reasons, [{ code: 'ASSIGNER_ACTIVE' }])
  const downBefore = world.history.happenings.filter((each) => each.what === 'gitaly-stopped').length
  await world.clock.runUntil(() => false, 10 * minutes)
  t.equal(world.history.happenings.filter((each) => each.what === 'gitaly-stopped').length, downBefore)
  world.gitlab.setScheduleAs('bob', false)
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.equal(world.gitlab.scheduleActive, true)
})

void t.test('a live pipeline of the assigner is waited for, or cancelled when the plan says so', async (t) => {
  const pipeline = { id: 9, status: 'running', source: 'schedule', webUrl: 'https://ops.test/9' }
  const waits = new World()
  await waits.boot()
  await waits.makePlan()
  waits.gitlab.pipelines = [pipeline]
  await waits.openWindow()
  await waits.clock.runUntil(() => false, 10 * minutes)
  t.notOk(waits.has('window-rolling'))
  t.match((await waits.view()).reasons, [{ code: 'ASSIGNER_RUNNING' }])
  waits.gitlab.pipelines = []
  await waits.untilClosed()
  t.ok(allDone(waits))

  const cancels = new World({ policy: { livePipelines: 'cancel' } })
  await cancels.boot()
  await cancels.makePlan()
  cancels.gitlab.pipelines = [pipeline]
  await cancels.openWindow()
  await cancels.untilClosed()
  t.ok(allDone(cancels))
})

void t.test('the floor is never crossed: with few storages nodes go one after the other', async (t) => {
  const world = await World.opened({ nodes: 4, policy: { activeStorageFloor: 4, groupSize: 1, prepareAhead: 3 } })
  await world.untilClosed()
  t.ok(allDone(world))
  const least = Math.min(...world.history.happenings.flatMap((each) => each.what === 'weights-written' ? [Object.values(each.after).filter((weight) => weight > 0).length] : []))
  t.ok(least >= 4, `never under the floor (least ${least})`)
  t.same(checkHistory(world), [])
})

void t.test('a plan that could not keep the floor does not open', async (t) => {
  const world = new World({ policy: { activeStorageFloor: 5 } })
  await world.boot()
  await world.makePlan()
  await t.rejects(world.openWindow(), { code: 'PREFLIGHT_FAILED', reasons: [{ code: 'WEIGHT_FLOOR' }] })
})

void t.test('no drain: weights are not touched', async (t) => {
  const world = await World.opened({ policy: { drain: 'none' } })
  await world.untilClosed()
  t.ok(allDone(world))
  t.equal(world.history.happenings.filter((each) => each.what === 'weights-written').length, 0)
  t.same(checkHistory(world), [])
})

void t.test('an inactive assigner is refused unless it is intended, and then stays inactive', async (t) => {
  const world = new World()
  world.gitlab.scheduleActive = false
  await world.boot()
  await world.makePlan()
  await t.rejects(world.openWindow(), { code: 'PREFLIGHT_FAILED', reasons: [{ code: 'ASSIGNER_INACTIVE' }] })
  const intended = new World({ policy: { assigner: 'inactive-is-intended' } })
  intended.gitlab.scheduleActive = false
  await intended.boot()
  await intended.makePlan()
  await intended.openWindow()
  await intended.untilClosed()
  t.ok(allDone(intended))
  t.equal(intended.gitlab.scheduleActive, false)
  t.same(checkHistory(intended), [])
})

void t.test('the story of a small window', async (t) => {
  const world = await World.opened({ nodes: 2, policy: { groupSize: 1, prepareAhead: 1 } })
  await world.untilClosed()
  t.matchSnapshot(story(world.events(), world.start))
})
