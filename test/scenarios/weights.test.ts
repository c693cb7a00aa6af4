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

void t.test('GitLab fails at the end audit: it is asked again after a pause, as for a write, and the window closes when it answers', async (t) => {
  const world = await World.opened({ nodes: 3 })
  await world.until(() => world.has('window-settling') && [...world.state().obligations.values()].every(({ status }) => status !== 'open'))
  let reads = 0
  world.gitlab.faults.readGoes = () => { reads++; return 'error' }
  await world.clock.runUntil(() => false, minutes)
  t.ok(reads > 10 && reads < 60, `${reads} requests in a minute`)
  t.match((await world.view()).reasons, [{ code: 'GITLAB_ERROR' }])
  world.gitlab.faults.readGoes = () => 'well'
  await world.untilClosed()
  t.same(world.state().window.audit, [])
  t.same(world.defects, [])
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

void t.test('GitLab that takes longer to answer than pitstop waits between readings is believed all the same', async (t) => {
  const world = await World.opened({ nodes: 2, policy: { groupSize: 1 } })
  world.gitlab.readMs = 2500
  await world.untilClosed()
  t.ok(allDone(world))
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

/** One replica has not heard of pitstop's last write: every other reading of weights is from before it. */
function lagBehind(world: World): void {
  let readings = 0
  world.gitlab.faults.readGoes = (_count, what) => what === 'weights' && readings++ % 2 === 0 ? 'stale' : 'well'
}

void t.test('a reading from before our own write is not written back: a node that is down stays at 0', async (t) => {
  const world = await World.opened({ nodes: 4, policy: { groupSize: 1, prepareAhead: 1 } })
  await world.until(() => world.phase(0) === 'down' && !world.host(0).up)
  await world.until(() => world.phase(1) === 'preparing')
  lagBehind(world)
  await world.untilClosed()
  t.ok(allDone(world))
  t.notOk(world.has('window-halted'), 'nobody is blamed for it')
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('a reading from before our own write is not written back: a weight that went back stays back', async (t) => {
  const world = await World.opened({ nodes: 6, policy: { groupSize: 1, prepareAhead: 1 } })
  await world.until(() => world.node(0).steps['restore-weight']?.status === 'done')
  lagBehind(world)
  await world.untilClosed()
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('a reading from before our own write does not say that a weight is back', async (t) => {
  const world = await World.opened({ nodes: 4 })
  await world.until(() => world.node(0).steps['zero-weight']?.status === 'done')
  await world.say({ kind: 'abort' })
  lagBehind(world)
  await world.untilClosed()
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('what a person sets on a node that is down is seen before the next write, kept by it, and asked about', async (t) => {
  const world = await World.opened({ nodes: 6, policy: { groupSize: 1, prepareAhead: 1 } })
  await world.until(() => world.phase(0) === 'down' && !world.host(0).up)
  world.host(0).faults.boot = { slowMs: 3 * minutes }
  await world.until(() => world.node(1).steps.stage?.status === 'intended')
  world.gitlab.writeAs('bob', { 'gitaly-01.test': 80 })
  const told = world.history.happenings.length
  await world.until(() => world.has('window-halted'), minutes)
  t.notOk(world.history.happenings.slice(told).some(({ what }) => what === 'weights-sent'), 'nothing was written beside it')
  t.match((await world.view()).halt?.reasons, [{ code: 'WEIGHT_CHANGED', text: /gitaly-01\.test.*80/ }])
  t.equal(world.gitlab.weights['gitaly-01.test'], 80)
  await world.say({ kind: 'resume' }).catch(() => undefined)
  await world.until(() => world.phase(0) === 'done')
  t.equal(world.gitlab.weights['gitaly-01.test'], 80)
})

void t.test('a write of which a part did not arrive is compared, told and halted: nobody goes down beside it', async (t) => {
  const world = await World.opened()
  world.gitlab.faults.writeGoes = (count) => count === 1 ? 'partly' : 'well'
  await world.until(() => world.has('window-halted'))
  t.match((await world.view()).halt?.reasons, [{ code: 'WEIGHT_CHANGED', text: /set to 0 and reads back as/ }])
  t.notOk(world.events().some(({ event }) => event.type === 'step-done' && event.step === 'zero-weight'), 'what did not arrive is not called done')
  t.equal(world.history.happenings.filter(({ what }) => what === 'gitaly-stopped').length, 0)
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.ok(allDone(world))
  t.same(checkHistory(world), [])
})

void t.test('the wall clock is set back an hour while a write is in doubt: it is waited out, and no longer', async (t) => {
  const world = await World.opened({ nodes: 3, policy: { groupSize: 1 } })
  let writes = 0
  world.gitlab.faults.writeGoes = (count) => { writes = count; return count === 2 ? 'lost-after' : 'well' }
  await world.until(() => writes === 2)
  const sentAt = world.clock.now()
  await world.clock.runUntil(() => false, 1000)
  world.setClock(-60 * minutes)
  const later = await world.clock.runUntil(() => world.state().writesInDoubt.size === 0, 3 * 60 * minutes)
  t.ok(later)
  const waited = world.clock.now() - sentAt
  t.ok(waited >= 30_000 && waited < 40_000, `${waited} ms after it was sent`)
})

for (const goes of ['well', 'lost-after'] as const) {
  void t.test(`a promise handed over while the write to 0 is on its way (${goes}) is made anew: the weight goes back`, async (t) => {
    const world = await World.opened({ nodes: 2, policy: { groupSize: 1, prepareAhead: 1 } })
    let sent = false
    world.gitlab.faults.writeGoes = (count) => { sent = true; return count === 1 ? goes : 'well' }
    await world.until(() => world.events().some(({ event }) => event.type === 'step-intended' && event.step === 'zero-weight'))
    t.notOk(sent)
    await world.say({ kind: 'hand-over', obligation: 'weight:gitaly-01.test' })
    t.equal(world.state().obligations.get('weight:gitaly-01.test')?.status, 'void')
    await world.untilClosed()
    t.ok(allDone(world))
    t.same(world.gitlab.weights, world.initialWeights)
    t.same(checkHistory(world), [])
  })
}

void t.test('the story of a small window', async (t) => {
  const world = await World.opened({ nodes: 2, policy: { groupSize: 1, prepareAhead: 1 } })
  await world.untilClosed()
  t.matchSnapshot(story(world.events(), world.start))
})
