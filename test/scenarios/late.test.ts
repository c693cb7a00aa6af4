// What was decided on an old reading is not done: behind a slow store, and after a take-over from a machine whose clock is wrong.
import type { Store } from '@pitstop/coordinator/ports'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'

/** The first append that holds the intent of this step takes so long, and `meanwhile` happens. */
function slowIntent(world: World, step: string, slowMs: number, meanwhile: () => void): void {
  const append: Store['append'] = world.store.append.bind(world.store)
  let over = false
  const slow: Store['append'] = async (epoch, stream, at, events, window) => {
    if (!over && events.some((event) => event.type === 'step-intended' && 'step' in event && event.step === step)) {
      over = true
      await world.clock.sleep(slowMs / 2)
      meanwhile()
      await world.clock.sleep(slowMs / 2)
    }
    return append(epoch, stream, at, events, window)
  }
  world.store.append = slow
}

void t.test('a weight write that is journaled too long after its reading is not sent: what others wrote since stays', async (t) => {
  const world = await World.opened({ nodes: 2, policy: { groupSize: 1 } })
  slowIntent(world, 'zero-weight', 2000, () => { world.gitlab.writeAs('bob', { 'spare-1': 77 }) })
  await world.untilClosed()
  t.equal(world.gitlab.weights['spare-1'], 77)
  t.equal(world.phase(0), 'done')
  t.same(checkHistory(world), [])
})

void t.test('a reboot order that is journaled too long after its last look does not leave: it is looked again', async (t) => {
  const world = await World.opened({ nodes: 2, policy: { groupSize: 1 } })
  slowIntent(world, 'reboot', 6000, () => { world.gitlab.writeAs('bob', { 'gitaly-01.test': 80 }) })
  await world.until(() => world.has('window-halted'))
  t.match((await world.view()).halt?.reasons, [{ code: 'WEIGHT_CHANGED' }])
  t.equal(world.history.happenings.filter(({ what }) => what === 'gitaly-stopped').length, 0, 'nobody went down under a weight of 80')
  // Told by the reading, and once more by the last look of a node that has its slot already.
  for (let resumed = 0; resumed < 2; resumed++) {
    await world.say({ kind: 'resume' })
    await world.until(() => world.state().window.halt !== null || world.has('window-closed'))
  }
  t.ok(world.has('window-closed'))
  t.equal(world.phase(0), 'done', 'drained anew after a person resumed')
  t.equal(world.gitlab.weights['gitaly-01.test'], 80)
  t.same(checkHistory(world), [])
  const { happenings } = world.history
  for (const [index, sent] of happenings.entries()) {
    if (sent.what !== 'order-sent' || sent.step !== 'reboot') continue
    const looked = happenings.slice(0, index).findLast(({ what }) => what === 'weights-read')
    t.ok(sent.at - (looked?.at ?? 0) < 4000, `${sent.node} was told to reboot ${sent.at - (looked?.at ?? 0)} ms after the last look`)
  }
})

void t.test('a predecessor whose clock was behind: its write is waited out by the successor\'s own clock', async (t) => {
  const world = new World({ nodes: 2, policy: { groupSize: 1 } })
  world.store.shared = false
  await world.boot()
  await world.makePlan()
  await world.clock.runUntil(() => false, minutes)
  world.setClock(-40_000)
  await world.openWindow()
  let killedAt = 0
  world.gitlab.faults.writeGoes = (count) => {
    if (count !== 1) return 'well'
    killedAt = world.clock.now()
    world.clock.after(0, () => { world.kill() })
    return { landsAfterMs: 15_000 }
  }
  await world.until(() => killedAt > 0 && world.gitlab.weights['gitaly-01.test'] === 0)
  t.equal(world.gitlab.overtaken, 0, 'nothing was sent while it could still land')
  await world.untilClosed()
  t.equal(world.gitlab.overtaken, 0)
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('a node that came back late and relapses while it is watched: the assigner waits, and the audit is made of what is so then', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1, watchMs: 5 * minutes }, closesInMs: 60 * minutes })
  world.host(0).faults.boot = { slowMs: 30 * minutes }
  world.host(0).faults.relapseAfterMs = 2 * minutes
  await world.until(() => world.node(0).overdue)
  await world.say({ kind: 'abort' })
  await world.until(() => world.phase(0) === 'failed')
  await world.clock.runUntil(() => false, minutes)
  t.notOk(world.gitlab.scheduleActive, 'it was watched, and is drained now')
  t.equal(world.gitlab.weights['gitaly-01.test'], 0)
  await world.say({ kind: 'write-off', node: 'gitaly-01.test' })
  await world.untilClosed()
  t.match((await world.view()).audit, [{ code: 'WEIGHT_CHANGED', text: /gitaly-01\.test: 100 at opening, 0 now/ }])
  t.ok(world.gitlab.scheduleActive)
  t.same(checkHistory(world), [])
})
