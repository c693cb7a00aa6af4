// The assigner awake: off only while we are at work, on again as it was found, and its pipelines never beside our writes.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'
import { allDone } from './all-done.ts'

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

void t.test('a preflight in mid-window does not call the assigner off for no reason: pitstop has it off, and owes it', async (t) => {
  const world = await World.opened()
  await world.until(() => world.has('window-rolling'))
  t.notOk(world.gitlab.scheduleActive)
  t.same((await world.settle(world.coordinator.preflight(world.plan.plan))).problems, [])
  await world.untilClosed()
  world.gitlab.setScheduleAs('ada', false)
  t.match((await world.settle(world.coordinator.preflight({ ...world.plan.plan, opensAt: world.clock.now(), closesAt: world.clock.now() + 300 * minutes }))).problems, [{ code: 'ASSIGNER_INACTIVE' }])
})

void t.test('a pipeline is told to end once, and one that takes its time is only read from then on', async (t) => {
  const world = new World({ policy: { livePipelines: 'cancel' } })
  world.gitlab.pipelinesLinger = true
  await world.boot()
  await world.makePlan()
  world.gitlab.pipelines = [9, 10].map((id) => ({ id, status: 'running', source: 'schedule', webUrl: `https://ops.test/${id}` }))
  await world.openWindow()
  let reads = 0
  world.gitlab.faults.readGoes = () => { reads++; return 'well' }
  await world.clock.runUntil(() => false, minutes)
  t.equal(world.history.happenings.filter(({ what }) => what === 'pipeline-cancelled').length, 2, 'each of them once')
  t.ok(reads < 4 * 30, `${reads} requests in a minute, three a reading`)
  t.match((await world.view()).reasons, [{ code: 'ASSIGNER_RUNNING', text: /pipeline 9 .* canceling, and was told to end/ }, { code: 'ASSIGNER_RUNNING', text: /pipeline 10/ }])
  world.gitlab.pipelines = []
  await world.untilClosed()
  t.ok(allDone(world))
  t.same(checkHistory(world), [])
})

void t.test('an assigner that was off before pitstop, and is enabled by a person, stays enabled and is named at the end', async (t) => {
  const world = new World({ nodes: 2, policy: { groupSize: 1 } })
  await world.boot()
  await world.makePlan()
  const told = world.store.onAppended
  // Off by hand between the preflight, which wants it on, and pitstop's own pause.
  world.store.onAppended = (stream, recorded) => {
    told(stream, recorded)
    if (recorded.some(({ event }) => event.type === 'window-opened')) world.gitlab.setScheduleAs('bob', false)
  }
  await world.openWindow()
  await world.until(() => world.has('window-closing'))
  world.gitlab.setScheduleAs('bob', true)
  await world.untilClosed()
  t.equal(world.gitlab.scheduleActive, true)
  t.equal(world.history.happenings.filter(({ what }) => what === 'schedule-sent').length, 0, 'nothing was sent')
  t.match(world.state().obligations.get('assigner'), { status: 'superseded', settledBy: 'somebody else' })
  t.match(world.state().window.audit, [{ code: 'ASSIGNER_ACTIVE', text: /somebody else enabled it: left as found/ }])
  t.same(checkHistory(world), [])
})
