// Opening, pausing, aborting, running out of time, taking over: what a window promises as a whole.
import t from 'tap'
import type { Happening } from '../world/history.ts'
import { checkHistory } from '../world/check-history.ts'
import { story } from '../world/story.ts'
import { World, minutes } from '../world/world.ts'

const phases = (world: World): string => [...world.hosts.keys()].map((_, index) => world.phase(index)).join(' ')
const stops = (world: World): Happening[] => world.history.happenings.filter(({ what }) => what === 'gitaly-stopped')

void t.test('never late: what does not fit before closing is carried over as "waiting" or "pending reboot", and the next window does it', async (t) => {
  const world = await World.opened({ nodes: 6, closesInMs: 7 * minutes, policy: { groupSize: 1, prepareAhead: 2 } })
  await world.untilClosed()
  const left = phases(world).split(' ')
  t.ok(left.includes('done'), left.join(' '))
  t.ok(left.includes('waiting') || left.includes('pending-reboot'), left.join(' '))
  t.notOk(left.some((phase) => phase === 'failed' || phase === 'down' || phase === 'prepared'))
  t.same(world.gitlab.weights, world.initialWeights)
  t.equal(world.gitlab.scheduleActive, true)
  t.same(checkHistory(world), [])
  await world.clock.runUntil(() => false, 10 * minutes)
  await t.rejects(world.openWindow(), { code: 'OUTSIDE_WINDOW' })
})

void t.test('strict batches wait for the whole batch', async (t) => {
  const world = await World.opened({ nodes: 5, policy: { strictBatches: true, canaryFirst: false } })
  world.host(0).faults.boot = { slowMs: 2 * minutes }
  await world.untilClosed()
  t.equal(phases(world), 'done done done done done')
  const served = (index: number): number => world.history.happenings.find((each) => each.what === 'gitaly-serving' && each.node === world.host(index).node)?.at ?? 0
  const stopped = (index: number): number => world.history.happenings.find((each) => each.what === 'gitaly-stopped' && each.node === world.host(index).node)?.at ?? 0
  t.ok(stopped(2) > served(0), 'the third waits for the slow first')
  t.same(checkHistory(world), [])
})

void t.test('hooks ahead of a reboot are given the time that their host says they may take', async (t) => {
  const world = await World.opened({ nodes: 2, policy: { groupSize: 1 } })
  world.host(0).times = { ...world.host(0).times, hooksMs: 45_000 }
  await world.untilClosed()
  t.equal(phases(world), 'done done')
  t.equal(world.events().filter(({ event }) => event.type === 'step-ended').length, 0, 'nothing was ordered in vain')
  t.same(checkHistory(world), [])
})

for (const [what, times, lost, returnMs] of [
  ['a hook of 55 s', { hooksMs: 55_000, rebootMs: 20_000 }, false, 75_000],
  ['a lost order that leaves time for a hook', { hooksMs: 5000, rebootMs: 20_000 }, true, minutes]
] as const) void t.test(`${what} takes nothing off the time to come back: nobody is overdue`, async (t) => {
  const world = await World.opened({ nodes: 2, policy: { groupSize: 1, deadlines: { stageMs: 10 * minutes, upgradeMs: 20 * minutes, returnMs } } })
  world.host(0).times = { ...world.host(0).times, ...times }
  if (lost) world.host(0).faults.loseOrder = 'request'
  await world.until(() => world.has('window-closed') || world.has('window-halted'))
  t.notOk(world.has('node-overdue'))
  t.equal(phases(world), 'done done')
  t.same(checkHistory(world), [])
})

void t.test('paused: running nodes finish, nothing new starts; resumed: it goes on', async (t) => {
  const world = await World.opened({ nodes: 6 })
  await world.until(() => stops(world).length > 0)
  await world.say({ kind: 'pause' })
  await world.until(() => world.phase(0) === 'done')
  await world.clock.runUntil(() => false, 20 * minutes)
  t.ok(stops(world).length <= 2)
  t.match((await world.view()).gates, [{ code: 'NOT_NOW', text: /paused by ada/ }])
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('aborted: what is past the point of no return is finished, the rest is taken back, every promise is paid', async (t) => {
  const world = await World.opened({ nodes: 6 })
  await world.until(() => stops(world).length === 2)
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  const left = phases(world).split(' ')
  t.equal(left.filter((phase) => phase === 'done').length, stops(world).length)
  t.ok(stops(world).length < 4)
  t.notOk(left.some((phase) => phase === 'down' || phase === 'prepared' || phase === 'preparing'))
  t.same(world.gitlab.weights, world.initialWeights)
  t.equal(world.gitlab.scheduleActive, true)
  t.same(checkHistory(world), [])
  t.matchSnapshot(story(world.events(), world.start), 'the story of an abort')
})

void t.test('aborted before the delay of a reboot is over: the reboot is taken back with the agent\'s confirmation', async (t) => {
  const world = await World.opened({ policy: { rebootDelayMs: 2 * minutes } })
  await world.until(() => world.events().some(({ event }) => event.type === 'step-intended' && event.step === 'reboot'))
  await world.clock.runUntil(() => false, 5000)
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  t.equal(stops(world).length, 0)
  t.equal(world.phase(0), 'pending-reboot')
  t.same(checkHistory(world), [])
})

void t.test('frozen: no effect leaves until it is unfrozen', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(0) === 'preparing')
  await world.settle(world.coordinator.freeze('bob', 'incident 4711'))
  await world.clock.runUntil(() => false, 1000)
  const before = world.history.happenings.filter(({ what }) => what === 'weights-written' || what === 'order-accepted').length
  await world.clock.runUntil(() => false, 20 * minutes)
  t.equal(world.history.happenings.filter(({ what }) => what === 'weights-written' || what === 'order-accepted').length, before)
  t.match((await world.view()).gates, [{ code: 'FROZEN', text: /incident 4711/ }])
  world.kill()
  await world.boot()
  t.match(world.coordinator.frozen, { by: 'bob' }, 'a restart does not thaw it')
  await world.settle(world.coordinator.unfreeze('bob', 'over'))
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('if-needed: a node on which nothing asks for a reboot is "current", and its weight is back', async (t) => {
  const world = await World.opened({ nodes: 1, policy: { reboot: 'if-needed' } })
  await world.untilClosed()
  t.equal(world.phase(0), 'done', 'the upgrade asked for a reboot')
  t.same(checkHistory(world), [])
})

void t.test('at most one window is open per fleet, and the refusal names it', async (t) => {
  const world = await World.opened()
  await t.rejects(world.openWindow(), { code: 'WINDOW_OPEN', message: /opened by ada/ })
  t.same(checkHistory(world), [])
})

void t.test('a command upon a stale view is refused with what changed', async (t) => {
  const world = await World.opened()
  world.host(1).faults.boot = 'startup-error'
  const seen = world.node(1).version
  await world.until(() => world.has('window-halted'))
  await t.rejects(world.say({ kind: 'retry', node: 'gitaly-02.test', seen }), { code: 'STALE_VIEW', message: /it is failed now/ })
  await t.rejects(world.say({ kind: 'skip', node: 'gitaly-02.test' }), { code: 'NOT_NOW' })
  await t.rejects(world.say({ kind: 'abort', seen }), { code: 'STALE_VIEW', message: /it is halted now/ })
  await t.rejects(world.say({ kind: 'retry', node: 'gitaly-02' }), { code: 'NOT_FOUND', hint: /did you mean gitaly-02\.test/ })
  await t.rejects(world.say({ kind: 'retry', node: 'nobody.test' }), { code: 'NOT_FOUND' })
})

void t.test('a lost readiness report costs nothing but a second', async (t) => {
  const world = await World.opened({ reports: false })
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.notOk(world.has('node-reported'))
  t.same(checkHistory(world), [])
})

void t.test('a readiness report of an earlier boot is outdated, of an unknown order only observed', async (t) => {
  const world = await World.opened()
  await world.until(() => world.node(0).steps.reboot !== undefined)
  const { orderId = '', bootId = '' } = world.node(0).steps.reboot?.facts ?? {}
  const ready = (order: string, boot: string) => world.settle(world.coordinator.ready({ node: 'gitaly-01.test', orderId: order, bootId: boot, status: 'healthy' }))
  t.match(await ready(orderId, bootId), { result: 'outdated' })
  t.match(await ready('', 'some-boot'), { result: 'observed' })
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('lost requests and lost answers of agents are settled by asking', async (t) => {
  for (const lose of ['request', 'answer'] as const) {
    for (const phase of ['preparing', 'prepared', 'down'] as const) {
      const world = await World.opened()
      await world.until(() => world.phase(1) === phase)
      world.host(1).faults.lose = lose
      await world.untilClosed()
      t.equal(phases(world), 'done done done done', `${lose} lost while ${phase}`)
      t.same(checkHistory(world), [])
    }
  }
})

void t.test('two coordinators: one acts, the other stands by and takes over with a new epoch; the sleeper that wakes does nothing', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(1) === 'down')
  const sleeper = world.coordinator
  // SIGSTOP: its timers and answers come late, its lease runs out meanwhile.
  let awake = false
  world.sleepUntil(() => awake)
  await world.boot()
  t.notOk(world.coordinator.acting, 'the lease is held')
  await world.until(() => world.coordinator.acting, 5 * minutes)
  awake = true
  await world.untilClosed()
  t.notOk(sleeper.acting)
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
  const epochs = new Set(world.events().map(({ epoch }) => epoch))
  t.equal(epochs.size, 2)
})

void t.test('a reboot order that was overtaken before it began is given again by who took over, behind a final check of its own', async (t) => {
  const world = await World.opened()
  const { agent, node } = world.host(1)
  const order = () => [...agent.orders.values()].find(({ step }) => step === 'reboot')
  await world.until(() => order()?.view.status === 'running')
  world.kill()
  // A successor asks this host for something else, between the order's acceptance and its unit's last look, and dies.
  agent.highestEpoch = 2
  if (world.store.lease !== null) world.store.lease = { ...world.store.lease, epoch: 2 }
  t.ok(await world.clock.runUntil(() => order()?.view.status === 'accepted', minutes))
  t.notOk(order()?.begun)
  await world.boot()
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
  const told = world.events().flatMap(({ event, epoch }) => ('step' in event && event.step === 'reboot' && event.node === node ? [`${event.type} ${epoch}`] : []))
  t.same(told, ['step-intended 1', 'step-ended 3', 'step-intended 3', 'step-done 3'])
})

void t.test('an agent of the release before refuses an overtaken reboot for good: its node is left pending, and a person may ask for it again', async (t) => {
  const world = await World.opened()
  const { agent, node } = world.host(1)
  agent.refusesOvertaken = true
  const order = () => [...agent.orders.values()].find(({ step }) => step === 'reboot')
  await world.until(() => order()?.view.status === 'running')
  world.kill()
  agent.highestEpoch = 2
  if (world.store.lease !== null) world.store.lease = { ...world.store.lease, epoch: 2 }
  t.ok(await world.clock.runUntil(() => order()?.view.status === 'vetoed', minutes))
  await world.boot()
  await world.until(() => world.phase(1) === 'pending-reboot')
  await world.say({ kind: 'retry', node, mode: 'again' })
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.equal(stops(world).filter((each) => 'node' in each && each.node === node).length, 1)
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})
