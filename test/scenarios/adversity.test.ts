// What an adversary found: each was a way to hurt somebody twice, to leave something behind, or to wait for ever.
import { Fault, reason } from '@pitstop/shared/fault'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'

const phases = (world: World): string => [...world.hosts.keys()].map((_, index) => world.phase(index)).join(' ')
const stops = (world: World): number => world.history.happenings.filter(({ what }) => what === 'gitaly-stopped').length

for (const loseOrder of ['request', 'answer'] as const) {
  void t.test(`a reboot order whose ${loseOrder} is lost is asked about until the truth is known`, async (t) => {
    const world = await World.opened()
    world.host(0).faults.loseOrder = loseOrder
    await world.untilClosed(60 * minutes)
    t.equal(phases(world), 'done done done done')
    t.same(checkHistory(world), [])
  })
}

void t.test('a scheduled reboot that the host refuses when it fires leaves the node pending reboot, not overdue', async (t) => {
  const world = await World.opened()
  world.host(0).faults.firingVeto = reason('HOST_DISABLED', '/etc/pitstop/disabled exists')
  await world.untilClosed(60 * minutes)
  t.equal(phases(world), 'pending-reboot done done done')
  t.notOk(world.has('window-halted'))
  t.same(checkHistory(world), [])
})

void t.test('what a host has not put back in time is said at the end, and changes nothing of how the window ended', async (t) => {
  const world = await World.opened()
  world.host(2).faults.promises = [{ id: 'hook-x', what: 'undo hook before-upgrade/50-chef', dueAt: 1, lastError: 'chef is away' }]
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.match((await world.view()).audit, [{ code: 'HOST_PROMISE_UNPAID', text: /gitaly-03\.test has not put back in time: undo hook.*chef is away/, hint: 'on gitaly-03.test: pitstop-agent pay hook-x' }])
  t.same(checkHistory(world), [])
})

void t.test('two openings at the same moment: one window, and it obeys', async (t) => {
  const world = new World()
  await world.boot()
  const plan = await world.makePlan()
  const open = () => world.coordinator.openWindow(plan.hash, { by: 'ada', reason: 'r', confirm: plan.hash })
  const both = await world.settle(Promise.allSettled([open(), open()]))
  t.same(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  t.equal(stops(world), 0)
})

void t.test('a pause that is journaled before the order keeps the order from leaving', async (t) => {
  for (let offset = 0; offset <= 60; offset += 4) {
    const world = await World.opened()
    await world.until(() => world.phase(0) === 'down')
    await world.clock.runUntil(() => false, offset)
    await world.say({ kind: 'pause' })
    const paused = world.events().find(({ event }) => event.type === 'window-paused')?.seq ?? 0
    await world.clock.runUntil(() => false, minutes)
    const late = world.events().filter(({ seq, event }) => seq > paused && event.type === 'step-intended' && event.step === 'reboot')
    t.same(late, [], `paused ${offset} ms after the slot was taken`)
  }
})

void t.test('a retry that comes too late gives the weight back when the window ends', async (t) => {
  const world = await World.opened({ closesInMs: 8 * minutes, nodes: 3 })
  world.host(1).faults.upgrade = 'fails'
  await world.until(() => world.phase(1) === 'failed')
  await world.clock.runUntil(() => world.clock.now() > world.plan.plan.closesAt - 3.5 * minutes, 10 * minutes)
  await world.say({ kind: 'retry', node: 'gitaly-02.test' })
  await world.untilClosed(30 * minutes)
  t.same(world.gitlab.weights, world.initialWeights)
  t.equal(world.gitlab.scheduleActive, true)
  t.same(checkHistory(world), [])
})

void t.test('nothing of a node begins after closing time, whatever held it up until then', async (t) => {
  const world = await World.opened({ closesInMs: 8 * minutes })
  await world.until(() => world.phase(1) === 'preparing')
  world.gitlab.faults.readGoes = () => 'error'
  await world.clock.runUntil(() => world.clock.now() > world.plan.plan.closesAt + 15 * minutes, 60 * minutes)
  world.gitlab.faults.readGoes = () => 'well'
  await world.untilClosed(60 * minutes)
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('a retry forgets a step, not a write that may still land', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1 } })
  world.gitlab.faults.writeGoes = (count) => count === 3 ? { landsAfterMs: 25_000 } : 'well'
  world.host(1).faults.vetoes = [reason('DISK_FULL', 'no room')]
  await world.until(() => world.phase(1) === 'postponed')
  world.host(1).faults = {}
  await world.say({ kind: 'retry', node: 'gitaly-02.test' })
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('a look from before the order does not prove the reboot', async (t) => {
  const world = await World.opened()
  world.host(1).faults.boot = 'startup-error'
  await world.until(() => world.phase(1) === 'failed')
  world.host(1).rebootBySelf()
  await world.clock.runUntil(() => false, 2 * minutes)
  await world.say({ kind: 'retry', node: 'gitaly-02.test', mode: 'reboot' })
  await world.until(() => world.phase(1) === 'returning')
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
})

void t.test('with a reboot delay, a gate that closes before Gitaly stops takes the reboot back', async (t) => {
  for (const what of ['pause', 'assigner', 'weight'] as const) {
    const world = await World.opened({ policy: { rebootDelayMs: 2 * minutes } })
    await world.until(() => world.events().some(({ event }) => event.type === 'step-intended' && event.step === 'reboot'))
    await world.clock.runUntil(() => false, 5000)
    if (what === 'pause') await world.say({ kind: 'pause' })
    else if (what === 'assigner') world.gitlab.setScheduleAs('bob', true)
    else world.gitlab.writeAs('bob', { 'gitaly-01.test': 80 })
    await world.clock.runUntil(() => false, 10 * minutes)
    t.equal(stops(world), 0, what)
  }
})

for (const hold of ['abort', 'pause'] as const) {
  void t.test(`a host that can write nothing, not even that its reboot is taken back, is looked at and overdue in the end (${hold})`, async (t) => {
    const world = await World.opened({ policy: { groupSize: 1, rebootDelayMs: 30_000 } })
    const { agent } = world.host(0)
    await world.until(() => [...agent.orders.values()].some(({ step, view }) => step === 'reboot' && view.status === 'running'))
    const looks = { total: 0, atCancel: 0 }
    let unseen = 0
    let cancels = 0
    const health = agent.health.bind(agent)
    agent.health = (...asked) => { looks.total++; return health(...asked) }
    agent.cancel = () => {
      cancels++
      if (cancels > 1 && looks.total === looks.atCancel) unseen++
      looks.atCancel = looks.total
      throw new Fault('STATE_UNREADABLE', 'decision.json cannot be written: ENOSPC')
    }
    // Its unit cannot write "begun" either.
    for (const each of agent.orders.values()) if (each.step === 'reboot') each.unit = null
    await world.say({ kind: hold })
    await world.clock.runUntil(() => false, 10_000)
    t.match((await world.view()).nodes[0]?.reasons, [{ code: 'STATE_UNREADABLE', text: /ENOSPC/ }, { code: 'NOT_REBOOTED' }], 'the reason is told')
    await world.until(() => world.node(0).overdue, 30 * minutes)
    t.equal(unseen, 0, 'a refused cancel is followed by a look')
    t.same(world.troubles, [])
    t.same(checkHistory(world), [])
  })
}

void t.test('an agent that refuses every question after a take-over keeps an abort from ending no longer than its deadline', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1 } })
  const { agent } = world.host(0)
  await world.until(() => [...agent.orders.values()].some(({ step, view }) => step === 'upgrade' && view.status === 'running'))
  const refuse = (): never => { throw new Fault('STATE_UNREADABLE', 'epoch.json cannot be written: ENOSPC') }
  agent.describe = refuse
  agent.health = refuse
  world.kill()
  await world.boot()
  await world.clock.runUntil(() => false, minutes)
  await world.say({ kind: 'abort' })
  await world.until(() => world.node(0).overdue, 60 * minutes)
  await world.say({ kind: 'write-off', node: 'gitaly-01.test' })
  await world.untilClosed()
  t.equal(world.phase(0), 'written-off')
  t.same(world.troubles, [])
})

void t.test('a node that was written off stays with its person, whatever its agent says later', async (t) => {
  const world = await World.opened({ policy: { deadlines: { stageMs: minutes, upgradeMs: 1000, returnMs: 5 * minutes } } })
  world.host(1).faults.upgrade = 'fails'
  await world.until(() => world.phase(1) === 'preparing' && world.node(1).steps.upgrade?.status === 'intended')
  world.host(1).faults.unreachable = true
  await world.until(() => world.node(1).overdue)
  await world.say({ kind: 'write-off', node: 'gitaly-02.test' })
  world.host(1).faults = { upgrade: 'fails' }
  await world.clock.runUntil(() => false, 10 * minutes)
  t.equal(world.phase(1), 'written-off')
  t.equal(world.node(1).holdsSlot, false)
})

void t.test('without the break-glass line no weight is written; once the file can be written it goes on', async (t) => {
  const world = await World.opened()
  await world.until(() => world.has('window-rolling'))
  world.glassFails = true
  await world.clock.runUntil(() => false, 5 * minutes)
  t.equal(world.history.happenings.filter(({ what }) => what === 'weights-written').length, 0)
  world.glassFails = false
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('a schedule that somebody keeps turning back is not hammered, and the reason is told', async (t) => {
  const world = new World()
  await world.boot()
  await world.makePlan()
  const set = world.gitlab.setScheduleAs.bind(world.gitlab)
  let writes = 0
  world.gitlab.setScheduleAs = (by, active) => {
    set(by, active)
    if (by === 'pitstop') writes++
    world.clock.after(1, () => { set('bob', true) })
  }
  await world.openWindow()
  await world.clock.runUntil(() => false, 5 * minutes)
  t.ok(writes < 70, `${writes} writes in five minutes`)
  t.match((await world.view()).reasons, [{ code: 'GITLAB_CONFLICT' }])
})

void t.test('frozen, not even a weight goes back', async (t) => {
  const world = await World.opened()
  await world.until(() => stops(world) > 0)
  await world.settle(world.coordinator.freeze('bob', 'incident'))
  await world.until(() => world.phase(0) === 'returning')
  await world.clock.runUntil(() => false, 5 * minutes)
  t.equal(world.gitlab.weights['gitaly-01.test'], 0)
  await world.settle(world.coordinator.unfreeze('bob', 'over'))
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('a store that is older than what its agents have seen does not roll on by itself', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(0) === 'down')
  for (const host of world.hosts.values()) host.highestEpoch = 4
  await world.until(() => world.has('window-paused'), 30 * minutes)
  t.match((await world.view()).pause?.reasons, [{ code: 'STALE_EPOCH', text: /restored from a backup/ }])
})

void t.test('a recheck of a node whose Gitaly never comes up is overdue in the end, and can be written off', async (t) => {
  const world = await World.opened({ policy: { canaryFirst: false, groupSize: 1 } })
  await world.until(() => world.phase(1) === 'prepared')
  world.host(1).servingSince = 0
  await world.until(() => world.phase(1) === 'failed')
  await world.say({ kind: 'retry', node: 'gitaly-02.test' })
  await world.until(() => world.node(1).overdue, 30 * minutes)
  await world.say({ kind: 'write-off', node: 'gitaly-02.test' })
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  t.equal(world.phase(1), 'written-off')
  t.same(checkHistory(world), [])
})

void t.test('with a slow store, what a person says while an intent waits for its turn still comes first', async (t) => {
  for (let offset = 0; offset <= 80; offset += 4) {
    const world = new World({ nodes: 3 })
    const append = world.store.append.bind(world.store)
    // As with a synchronous commit far away: each append takes its time, and they queue.
    world.store.append = async (...write) => {
      await world.clock.sleep(20)
      return append(...write) as never
    }
    await world.boot()
    await world.makePlan()
    await world.openWindow()
    await world.until(() => world.phase(0) === 'down')
    await world.clock.runUntil(() => false, offset)
    await world.say({ kind: 'pause' })
    const paused = world.events().find(({ event }) => event.type === 'window-paused')?.seq ?? 0
    await world.clock.runUntil(() => false, minutes)
    const late = world.events().filter(({ seq, event }) => seq > paused && event.type === 'step-intended' && event.step === 'reboot')
    t.same(late, [], `paused ${offset} ms after the slot was taken`)
  }
})
