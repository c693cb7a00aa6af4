// Our own weight writes: lost ones that land late, refused ones, the floor, and a GitLab that cannot be read.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { story } from '../world/story.ts'
import { World, minutes } from '../world/world.ts'
import { allDone } from './all-done.ts'

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

void t.test('somebody raises a weight from our 0 while our clock is an hour back: seen as soon as with a right one', async (t) => {
  for (const offMs of [0, -60 * minutes]) {
    const world = await World.opened({ nodes: 3, policy: { groupSize: 1 } })
    await world.until(() => world.history.happenings.some(({ what }) => what === 'gitaly-stopped'))
    world.setClock(offMs)
    for (const host of world.hosts.values()) host.clockOffMs = offMs
    world.gitlab.writeAs('bob', { 'gitaly-01.test': 42 })
    const raisedAt = world.clock.now()
    await world.until(() => world.has('window-halted'))
    t.ok(world.clock.now() - raisedAt <= 20_000, `${offMs} ms: ${world.clock.now() - raisedAt} ms later`)
    t.match(world.state().window.halt?.reasons, [{ code: 'WEIGHT_CHANGED', text: /42/ }])
  }
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

for (const goes of ['well', 'lost-after'] as const) {
  void t.test(`the assigner handed over while the write that pauses it is on its way (${goes}) is promised anew: it ends as it was`, async (t) => {
    const world = new World({ nodes: 2 })
    await world.boot()
    await world.makePlan()
    world.gitlab.faults.scheduleGoes = (count) => (count === 1 ? goes : 'well')
    await world.openWindow()
    await world.until(() => world.events().some(({ event }) => event.type === 'step-intended' && event.step === 'pause-assigner'))
    t.ok(world.gitlab.scheduleActive)
    await world.say({ kind: 'hand-over', obligation: 'assigner' })
    await world.untilClosed()
    t.ok(allDone(world))
    t.ok(world.gitlab.scheduleActive)
    t.same(checkHistory(world), [])
  })
}

void t.test('the assigner handed over while its schedule is read, ahead of the write that resumes it: it is theirs, and nothing is sent', async (t) => {
  const world = await World.opened({ nodes: 2, policy: { groupSize: 1 } })
  await world.until(() => world.phase(1) === 'returning')
  world.gitlab.readMs = 2000
  await world.until(() => world.has('window-settling'))
  await world.clock.runUntil(() => false, 500)
  t.equal(world.state().obligations.get('assigner')?.status, 'open')
  world.gitlab.readMs = 8
  await world.say({ kind: 'hand-over', obligation: 'assigner' })
  await world.untilClosed()
  t.notOk(world.gitlab.scheduleActive)
  t.same(checkHistory(world), [])
})

void t.test('the story of a small window', async (t) => {
  const world = await World.opened({ nodes: 2, policy: { groupSize: 1, prepareAhead: 1 } })
  await world.untilClosed()
  t.matchSnapshot(story(world.events(), world.start))
})
