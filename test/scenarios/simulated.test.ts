// What the simulator found, each as the smallest story that shows it. All of them were real defects of the coordinator.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'

const phases = (world: World): string => [...world.hosts.keys()].map((_, index) => world.phase(index)).join(' ')
const wait = (world: World, ms: number): Promise<boolean> => world.clock.runUntil(() => false, ms)
const count = (world: World, type: string, node?: string): number =>
  world.events().filter(({ event }) => event.type === type && (node === undefined || ('node' in event && event.node === node))).length

/** The next thing asked of the store is done, and nobody hears of it. */
function unanswered(world: World): void {
  let once = true
  world.storeGoes = () => {
    if (!once) return 'well'
    once = false
    return 'unanswered'
  }
}

void t.test('a command that was stored and not answered is obeyed: what is in memory is never behind the journal', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(1) === 'prepared')
  unanswered(world)
  await t.rejects(world.say({ kind: 'pause' }), { code: 'STORE_UNAVAILABLE' })
  const paused = world.events().find(({ event }) => event.type === 'window-paused')?.seq ?? Infinity
  await wait(world, 10 * minutes)
  t.match((await world.view()).label, 'paused')
  t.same(world.events().filter(({ seq, event }) => seq > paused && event.type === 'slot-taken'), [])
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('a freeze that was stored and not answered freezes', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(0) === 'preparing')
  unanswered(world)
  await t.rejects(world.settle(world.coordinator.freeze('bob', 'incident')), { code: 'STORE_UNAVAILABLE' })
  await wait(world, 5 * minutes)
  t.match(world.coordinator.frozen, { by: 'bob' })
  await world.settle(world.coordinator.unfreeze('bob', 'over'))
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('a node whose weight cannot go back is watched all the same: its relapse does not wait for GitLab', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(0) === 'down' && world.host(0).servingSince > world.start)
  world.gitlab.faults.readGoes = () => 'error'
  await world.until(() => world.phase(0) === 'returning')
  world.host(0).breakGitaly('startup-error')
  await world.until(() => world.phase(0) === 'failed', minutes)
  t.ok(world.has('window-halted'))
})

void t.test('a healthy node is not blamed because GitLab does not take its weight back', async (t) => {
  const world = await World.opened({ policy: { deadlines: { stageMs: minutes, upgradeMs: minutes, returnMs: 2 * minutes } } })
  await world.until(() => world.phase(0) === 'down' && world.host(0).servingSince > world.start)
  world.gitlab.faults.readGoes = () => 'error'
  await wait(world, 20 * minutes)
  t.equal(world.phase(0), 'returning')
  t.equal(world.node(0).overdue, false)
  t.ok(world.clock.busiest < 100, `${world.clock.busiest} moments in one second`)
  world.gitlab.faults.readGoes = () => 'well'
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('a node that relapsed is drained until it is: a lost write is made again', async (t) => {
  const world = await World.opened({ nodes: 6 })
  await world.until(() => world.phase(0) === 'returning' && world.gitlab.weights['gitaly-01.test'] === 100)
  let once = true
  world.gitlab.faults.writeGoes = () => {
    if (!once) return 'well'
    once = false
    return 'lost-before'
  }
  world.host(0).breakGitaly('startup-error')
  await world.until(() => world.phase(0) === 'failed', 2 * minutes)
  await world.until(() => world.gitlab.weights['gitaly-01.test'] === 0, 2 * minutes)
  t.same(checkHistory(world), [])
})

void t.test('a node asked for by name, with the assigner awake: one look in five seconds, not a hundred a second', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1, canaryFirst: false } })
  world.host(0).faults.upgrade = 'fails'
  await world.until(() => world.phase(0) === 'failed')
  await world.say({ kind: 'retry', node: 'gitaly-01.test' })
  // Just behind a regular reading, just ahead of the last look.
  await world.until(() => world.host(0).installed)
  world.gitlab.setScheduleAs('bob', true)
  await world.until(() => count(world, 'slot-taken', 'gitaly-01.test') > 0 || world.has('window-closed'), 5 * minutes).catch(() => undefined)
  await wait(world, minutes)
  t.ok(count(world, 'slot-taken', 'gitaly-01.test') < 5, `${count(world, 'slot-taken', 'gitaly-01.test')} slots taken`)
  t.ok(world.clock.busiest < 100, `${world.clock.busiest} moments in one second`)
  t.same(world.history.happenings.filter(({ what }) => what === 'gitaly-stopped'), [])
})

void t.test('after a take-over nobody is blamed who was not asked: cut off, the coordinator is blind', async (t) => {
  const world = await World.opened({ nodes: 5, policy: { deadlines: { stageMs: minutes, upgradeMs: minutes, returnMs: 2 * minutes } } })
  await world.until(() => world.node(0).steps.upgrade?.status === 'intended')
  world.kill()
  for (const host of world.hosts.values()) host.faults.unreachable = true
  // Nobody is there, so nothing happens and time stands still: somebody waits.
  let waited = false
  world.clock.after(5 * minutes, () => { waited = true })
  await world.clock.runUntil(() => waited, 6 * minutes)
  await world.boot()
  await world.until(() => world.has('window-paused') || world.has('node-overdue'), 5 * minutes)
  t.notOk(world.has('node-overdue'))
  t.match((await world.view()).pause?.reasons, [{ code: 'BLIND' }])
})

void t.test('opening another window asks for nobody by name: what counts as failed waits for a person at the halt', async (t) => {
  const world = await World.opened()
  world.host(1).faults.upgrade = 'restarts-gitaly'
  await world.until(() => world.phase(1) === 'failed')
  await world.say({ kind: 'abort' })
  await world.until(() => world.has('window-settling'))
  await world.say({ kind: 'retry', node: 'gitaly-02.test' })
  await world.untilClosed()
  t.equal(world.phase(1), 'pending-reboot')
  await world.openWindow()
  await world.until(() => count(world, 'window-halted') > 1)
  await wait(world, 10 * minutes)
  t.equal(world.phase(1), 'waiting')
  await world.say({ kind: 'resume', raiseBudgetBy: 1 })
  await world.until(() => count(world, 'window-closed') > 1)
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('a node that failed while it was up and was prepared anew is not called down by a last look that says no', async (t) => {
  const world = await World.opened({ policy: { canaryFirst: false } })
  world.host(0).faults.upgrade = 'fails'
  await world.until(() => world.phase(0) === 'failed')
  await world.say({ kind: 'retry', node: 'gitaly-01.test' })
  world.gitlab.moves = [{ source: 'gitaly-01.test', destination: 'spare-1', state: 'started' }]
  await world.until(() => count(world, 'slot-taken', 'gitaly-01.test') > 0)
  await wait(world, 1000)
  t.equal(world.node(0).holdsSlot, false)
  t.equal(world.phase(0), 'pending-reboot')
})

void t.test('a weight that somebody set while our first write was lost goes back to theirs', async (t) => {
  const world = await World.opened()
  world.gitlab.faults.writeGoes = (write) => write === 1 ? 'lost-before' : 'well'
  await world.until(() => world.events().some(({ event }) => event.type === 'step-intended' && event.step === 'zero-weight'))
  const drained = world.events().find(({ event }) => event.type === 'step-intended' && event.step === 'zero-weight')?.event
  const node = drained?.type === 'step-intended' ? drained.node ?? '' : ''
  await wait(world, 1000)
  world.gitlab.writeAs('bob', { [node]: 42 })
  await world.untilClosed()
  t.equal(world.gitlab.weights[node], 42)
  t.same(checkHistory(world), [])
})

void t.test('a wall clock that jumps does not cut short the wait for a lost write', async (t) => {
  const world = await World.opened()
  world.gitlab.faults.writeGoes = (write) => write === 2 ? { landsAfterMs: 25_000 } : 'well'
  await world.until(() => world.history.happenings.some((each) => each.what === 'write-answered' && each.how === 'unknown'))
  world.setClock(40_000)
  await wait(world, 2 * minutes)
  t.same(checkHistory(world), [])
})

void t.test('past closing time with a node under way: nothing goes round in circles', async (t) => {
  const world = await World.opened({ closesInMs: 8 * minutes, policy: { deadlines: { stageMs: minutes, upgradeMs: minutes, returnMs: 60 * minutes } } })
  world.host(0).faults.boot = { slowMs: 12 * minutes }
  await world.until(() => world.clock.now() > world.plan.plan.closesAt + minutes)
  t.equal(world.phase(0), 'down')
  t.ok(world.clock.busiest < 100, `${world.clock.busiest} moments in one second`)
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('a reboot order that took long to journal is not sent on an old last look', async (t) => {
  const world = await World.opened()
  const append = world.store.append.bind(world.store)
  let once = true
  world.store.append = async (...write) => {
    const [, , , events] = write
    if (once && events.some((event) => event.type === 'step-intended' && 'step' in event && event.step === 'reboot')) {
      once = false
      await world.clock.sleep(12_000)
    }
    return append(...write) as never
  }
  await world.untilClosed()
  t.notOk(once)
  t.equal(world.events().filter(({ event }) => event.type === 'step-ended' && event.step === 'reboot').length, 1, 'it ended as never sent, and was decided anew')
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('a take-over by a machine whose clock is behind makes the last look once, not a hundred times a second', async (t) => {
  const world = await World.opened()
  world.setClock(30_000)
  await world.until(() => world.phase(0) === 'down')
  world.kill()
  await world.boot()
  await world.untilClosed()
  t.ok(world.clock.busiest < 100, `${world.clock.busiest} moments in one second`)
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('restarted on its own store after kill -9, by a clock that was set right meanwhile: the lost write is waited out in full', async (t) => {
  const world = new World()
  world.store.shared = false
  await world.boot()
  await world.makePlan()
  await world.openWindow()
  world.setClock(-5000)
  world.gitlab.faults.writeGoes = (write) => write === 2 ? { landsAfterMs: 29_000 } : 'well'
  await world.until(() => world.history.happenings.filter(({ what }) => what === 'weights-sent').length === 2)
  world.kill()
  await world.boot()
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})
