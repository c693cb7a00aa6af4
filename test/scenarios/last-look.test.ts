// The last look before Gitaly stops, where what it sees is of pitstop's own making: a group that a failure has filled, and a weight
// that pitstop itself has put back, or may have.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'

const phases = (world: World): string => [...world.hosts.keys()].map((_, index) => world.phase(index)).join(' ')
const first = 'gitaly-01.test'
const second = 'gitaly-02.test'

/** The second node's upgrade ends with its Gitaly restarted or stopped, soon after the first one is told to reboot. */
async function groupFilledByFailure(upgrade: 'restarts-gitaly' | 'stops-gitaly', { failureBudget = 1, hooksMs = 0 } = {}): Promise<World> {
  const world = await World.opened({ policy: { groupSize: 1, canaryFirst: false, failureBudget } })
  const { times } = world.host(0)
  world.host(0).times = { ...times, hooksMs }
  world.host(1).times = { ...times, aptMs: times.aptMs + 2000 }
  world.host(1).faults.upgrade = upgrade
  return world
}

const reboots = (world: World, node: string): number => world.history.happenings.filter((each) => each.what === 'gitaly-stopped' && each.node === node && each.id !== null).length

void t.test('a node whose order was lost does not go down beside one that failed meanwhile and that a person has rebooted', async (t) => {
  const world = await groupFilledByFailure('restarts-gitaly')
  world.host(0).faults.loseOrder = 'request'
  await world.until(() => world.has('node-failed'))
  t.ok(world.node(0).holdsSlot)
  t.ok(world.node(1).holdsSlot)
  await world.say({ kind: 'retry', node: second, mode: 'reboot' })
  await world.say({ kind: 'resume', raiseBudgetBy: 1 })
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.equal(reboots(world, first), 1)
  t.equal(reboots(world, second), 1)
  t.same(checkHistory(world), [])
})

void t.test('a reboot that a person asks for waits for a node that is on its way, and not for one that never comes', async (t) => {
  const world = await groupFilledByFailure('restarts-gitaly')
  world.host(0).faults.boot = 'never'
  await world.until(() => !world.host(0).up)
  await world.until(() => world.has('node-failed'))
  await world.say({ kind: 'retry', node: second, mode: 'reboot' })
  await world.clock.runUntil(() => false, minutes)
  t.equal(world.host(1).up, true)
  t.match((await world.view()).nodes.find(({ node }) => node === second)?.reasons, [{ code: 'WAITING', text: /gitaly-01\.test fills the group/ }])
  await world.until(() => world.node(0).overdue)
  await world.until(() => !world.host(1).up)
  await world.until(() => world.phase(1) === 'done')
  t.same(checkHistory(world), [])
})

void t.test('a reboot that its agent holds is not sent again beside a node that failed meanwhile', async (t) => {
  const world = await groupFilledByFailure('stops-gitaly')
  const { agent, bootId } = world.host(0)
  const take = agent.order.bind(agent)
  let dying = false
  agent.dies = () => dying ? 'after' : null
  agent.order = (payload) => {
    dying = payload.order.step === 'reboot' && agent.highestEpoch === payload.epoch
    const answer = take(payload)
    dying = false
    return answer
  }
  await world.until(() => !agent.up)
  agent.order = take
  await world.until(() => world.has('node-failed'))
  await world.say({ kind: 'resume', raiseBudgetBy: 1 })
  agent.restarted()
  await world.clock.runUntil(() => false, minutes)
  t.equal(world.host(0).bootId, bootId)
  t.equal(world.phase(0), 'prepared', 'its slot went back')
  world.host(1).mend()
  await world.say({ kind: 'retry', node: second })
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('a reboot whose hooks still run when another node fills the group is taken back, though no gate closes', async (t) => {
  const world = await groupFilledByFailure('stops-gitaly', { failureBudget: 2, hooksMs: 10_000 })
  const { bootId } = world.host(0)
  await world.until(() => world.phase(0) === 'pending-reboot')
  t.notOk(world.has('window-halted'))
  t.ok(world.node(1).holdsSlot)
  t.equal(world.host(0).bootId, bootId)
  t.same(checkHistory(world), [])
})

for (const goes of [{ landsAfterMs: 20_000 }, 'lost-after', 'lost-before', 'well'] as const) {
  const what = typeof goes === 'object' ? 'lands late' : goes
  void t.test(`a node that relapsed beside the write of its weight (${what}) is drained anew before a person's reboot, and nobody else is blamed`, async (t) => {
    const world = await World.opened({ policy: { groupSize: 1 } })
    world.host(0).faults.relapseAfterMs = 12_000
    await world.until(() => world.phase(0) === 'returning')
    let puts = 0
    world.gitlab.faults.writeGoes = () => puts++ === 0 ? goes : 'well'
    await world.until(() => world.phase(0) === 'failed')
    t.equal(puts, 1)
    world.host(0).faults = {}
    await world.say({ kind: 'retry', node: first, mode: 'reboot' })
    await world.until(() => world.phase(0) === 'done')
    t.equal(world.events().filter(({ event }) => event.type === 'node-failed').length, 1)
    await world.say({ kind: 'resume' })
    await world.untilClosed()
    t.notOk(world.events().some(({ event }) => event.type === 'obligation-settled' && event.how === 'superseded'))
    t.equal(world.gitlab.weights[first], 100)
    t.equal(phases(world), 'done done done done')
    t.same((await world.view()).audit, [])
    t.same(checkHistory(world), [])
  })
}

void t.test('a weight put back by a lost write on a node that has failed since goes to 0 again, while nobody does anything', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1 } })
  world.host(0).faults.relapseAfterMs = 12_000
  await world.until(() => world.phase(0) === 'returning')
  let puts = 0
  world.gitlab.faults.writeGoes = () => puts++ === 0 ? { landsAfterMs: 20_000 } : 'well'
  await world.until(() => world.phase(0) === 'failed')
  await world.until(() => world.gitlab.weights[first] === 100)
  await world.until(() => world.gitlab.weights[first] === 0, 5 * minutes)
  await world.say({ kind: 'retry', node: first, mode: 'reboot' })
  await world.until(() => world.phase(0) === 'failed' || world.phase(0) === 'done')
  t.notOk(world.events().some(({ event }) => event.type === 'obligation-settled' && event.how === 'superseded'))
  t.same(checkHistory(world), [])
})

/** Watched, its weight put back, and relapsed: it is down, and pitstop may not set it to 0 again, because somebody else has taken storages out. */
async function relapsedAtTheFloor(): Promise<World> {
  const world = await World.opened({ policy: { groupSize: 1, activeStorageFloor: 3, prepareAhead: 1 }, closesInMs: 60 * minutes })
  world.host(0).faults.relapseAfterMs = 20_000
  await world.until(() => world.gitlab.weights[first] === 100 && world.phase(0) === 'returning')
  world.gitlab.writeAs('bob', { 'spare-1': 0, 'spare-2': 0 })
  await world.until(() => world.phase(0) === 'failed')
  world.host(0).faults = {}
  return world
}

void t.test('a reboot asked for by name is given back when its drain is refused: the node can be taken over, and drained once there is room', async (t) => {
  const world = await relapsedAtTheFloor()
  await world.say({ kind: 'retry', node: first, mode: 'reboot' })
  await world.until(() => world.phase(0) === 'failed')
  t.match(world.node(0).reasons, [{ code: 'WEIGHT_FLOOR' }])
  t.equal(reboots(world, first), 1)
  // A write for another node is on its way, and carries the whole hash.
  await world.clock.runUntil(() => false, 1000)
  world.gitlab.writeAs('bob', { 'spare-1': 1, 'spare-2': 1 })
  await world.until(() => world.gitlab.weights[first] === 0)
  await world.say({ kind: 'retry', node: first, mode: 'reboot' })
  await world.until(() => world.phase(0) === 'done')
  t.equal(reboots(world, first), 2)
  t.same(checkHistory(world), [])
})

void t.test('a reboot asked for by name whose drain GitLab refuses for good is given back', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1 } })
  world.host(0).faults.relapseAfterMs = 20_000
  await world.until(() => world.gitlab.weights[first] === 100 && world.phase(0) === 'returning')
  world.gitlab.faults.writeGoes = () => 'forbidden'
  await world.until(() => world.phase(0) === 'failed')
  await world.say({ kind: 'retry', node: first, mode: 'reboot' })
  await world.until(() => world.phase(0) === 'failed')
  t.match(world.node(0).reasons, [{ code: 'GITLAB_FORBIDDEN' }])
  await world.say({ kind: 'write-off', node: first })
  t.same(checkHistory(world), [])
})

for (const ends of ['abort', 'closing time'] as const) {
  void t.test(`a window ends on ${ends} though a node that a person wants rebooted cannot be drained`, async (t) => {
    const world = await World.opened({ policy: { groupSize: 1 }, closesInMs: 60 * minutes })
    world.host(0).faults.relapseAfterMs = 20_000
    await world.until(() => world.gitlab.weights[first] === 100 && world.phase(0) === 'returning')
    let limited = 0
    world.gitlab.faults.writeGoes = () => { limited++; return 'refused' }
    await world.until(() => world.phase(0) === 'failed')
    world.host(0).faults = {}
    await world.say({ kind: 'retry', node: first, mode: 'reboot' })
    await world.until(() => limited > 2)
    t.equal(world.phase(0), 'down', 'GitLab asks for patience')
    if (ends === 'abort') await world.say({ kind: 'abort' })
    await world.until(() => world.phase(0) === 'failed', 60 * minutes)
    world.gitlab.faults.writeGoes = () => 'well'
    await world.say({ kind: 'write-off', node: first })
    await world.untilClosed()
    t.equal(reboots(world, first), 1)
    t.same(checkHistory(world), [])
  })
}

void t.test('drained anew, a node is rebooted no sooner than new projects have settled', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1 } })
  world.host(0).faults.relapseAfterMs = 20_000
  await world.until(() => world.phase(0) === 'failed')
  world.host(0).faults = {}
  await world.say({ kind: 'retry', node: first, mode: 'reboot' })
  await world.until(() => world.phase(0) === 'done')
  const { happenings } = world.history
  const zeroed = happenings.findLast((each) => each.what === 'weights-written' && each.after[first] === 0 && each.before[first] !== 0)
  const stopped = happenings.findLast((each) => each.what === 'gitaly-stopped' && each.node === first)
  t.ok((stopped?.at ?? 0) - (zeroed?.at ?? Infinity) >= world.policy.settleMs)
  t.equal(reboots(world, first), 2)
  t.same(checkHistory(world), [])
})

for (const what of ['assigner', 'weight'] as const) void t.test(`GitLab answers slowly, and ${what === 'assigner' ? 'the assigner is enabled' : 'its weight is raised'} while a node is at its last look: it steps back`, async (t) => {
  const world = await World.opened({ nodes: 3, policy: { groupSize: 1, prepareAhead: 1 } })
  await world.until(() => world.node(0).steps.upgrade?.status === 'intended')
  world.gitlab.readMs = 600
  await world.until(() => world.phase(0) === 'down')
  if (what === 'assigner') world.gitlab.setScheduleAs('bob', true)
  else world.gitlab.writeAs('bob', { [world.host(0).node]: 7 })
  t.ok(await world.clock.runUntil(() => world.has('slot-returned'), minutes))
  t.ok(world.host(0).up)
  t.same(checkHistory(world), [])
})

void t.test('GitLab answers more slowly than a final check may be old: nothing goes down, and an abort ends the window', async (t) => {
  const world = await World.opened({ nodes: 3, policy: { groupSize: 1, prepareAhead: 1 } })
  world.gitlab.readMs = 3500
  await world.until(() => world.phase(0) === 'down')
  t.notOk(await world.clock.runUntil(() => !world.host(0).up, 5 * minutes))
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  t.same(checkHistory(world), [])
})
