// A store that was put back under a machine that remembers nothing of it, or nonsense: the agents say what they know, however
// late it is and however many plans there are; and nothing that nobody can have seen is told to them.
import t from 'tap'
import { isPlausibleEpoch } from '@pitstop/coordinator/domain/restored'
import { Fault } from '@pitstop/shared/fault'
import { World, minutes } from '../world/world.ts'

async function remembering(options: ConstructorParameters<typeof World>[0]): Promise<World> {
  const world = new World(options)
  world.memories = new Map()
  await world.boot()
  return world
}

/** Put back while nobody runs, on a machine that is new. */
function putBackOnNewMachine(world: World, copy: ReturnType<World['store']['copy']>): void {
  world.kill()
  world.putBackStore(copy)
  world.memories?.clear()
  world.glass.clear()
}

for (const [when, ms] of [['before', 2 * minutes], ['after', 25 * minutes], ['a day after', 24 * 60 * minutes]] as const) {
  void t.test(`${when} the plan's closing time, its window still settling a node that was silent: the agents' orders tell`, async (t) => {
    const world = await remembering({ nodes: 3, policy: { groupSize: 1 }, closesInMs: 20 * minutes })
    await world.makePlan()
    const copy = world.store.copy()
    await world.openWindow()
    await world.until(() => !world.host(0).up)
    world.host(0).faults.unreachable = true
    await world.clock.runUntil(() => false, ms)
    t.not(world.state().window.phase, 'closed')
    world.host(0).faults = {}
    await world.clock.runUntil(() => false, 5000)
    putBackOnNewMachine(world, copy)
    await world.boot()
    t.match((await world.settle(world.coordinator.readRestored()))?.reasons, [{ code: 'STORE_RESTORED', text: /gitaly-01\.test has stage .* of which the restored journal does not know/ }])
  })
}

/** A plan of tonight, the store of last night: put back on a new machine while a node is on its way back. */
async function olderThanThePlan(): Promise<World> {
  const world = await remembering({ nodes: 3, policy: { groupSize: 1 } })
  await world.makePlan()
  await world.openWindow()
  await world.untilClosed()
  const copy = world.store.copy()
  await world.clock.runUntil(() => false, minutes)
  await world.makePlan()
  await world.openWindow()
  await world.until(() => !world.host(0).up)
  t.ok(await world.clock.runUntil(() => world.host(0).up, 3 * minutes))
  t.equal(world.gitlab.weights['gitaly-01.test'], 0)
  putBackOnNewMachine(world, copy)
  return world
}

void t.test('a copy that is older than the plan: the agents name it, and the weight and the assigner that its window had promised are told', async (t) => {
  const world = await olderThanThePlan()
  await world.boot()
  t.match((await world.settle(world.coordinator.readRestored()))?.reasons, [{ code: 'STORE_RESTORED', text: /^gitaly-01\.test has reboot .* of plan [0-9a-f]{12} \(and 2 more hosts\), and the store does not hold that plan$/ }])
  t.match(await world.settle(world.coordinator.lostPromises()), [
    { id: 'found:weight:gitaly-01.test', previous: 100, text: /^gitaly-01\.test has reboot .*; its weight was 100 when window 1 of plan .* was opened$/ },
    { id: 'found:weight:gitaly-02.test', previous: 99, text: /^gitaly-02\.test has upgrade / },
    { id: 'found:weight:gitaly-03.test', previous: false },
    { id: 'found:assigner', previous: true, text: /^it is off, and a window of which the restored journal does not know may have switched it off$/ }
  ])
  await world.makePlan()
  await t.rejects(world.openWindow(), { code: 'STORE_RESTORED', message: /found:weight:gitaly-01\.test, found:weight:gitaly-02\.test, found:weight:gitaly-03\.test, found:assigner/ })
  world.kill()
  await world.boot()
  t.equal(world.warnings.filter((text) => text.startsWith('STORE_RESTORED')).length, 1, 'told once')
  t.match((await world.settle(world.coordinator.lostPromises())).map(({ id }) => id), ['found:weight:gitaly-01.test', 'found:weight:gitaly-02.test', 'found:weight:gitaly-03.test', 'found:assigner'])
})

void t.test('the same without any plan in the copy, GitLab away at the restore: the storages are those of the inventory, and before a window is opened they are told', async (t) => {
  const world = await remembering({ nodes: 2, policy: { groupSize: 1 } })
  const copy = world.store.copy()
  await world.makePlan()
  await world.openWindow()
  await world.until(() => world.phase(0) === 'down')
  await world.clock.runUntil(() => world.host(0).serves, 3 * minutes)
  putBackOnNewMachine(world, copy)
  const { port } = world.gitlab
  world.gitlab.port = (asker) => ({ ...port.call(world.gitlab, asker), readWeights: () => Promise.reject(new Fault('GITLAB_UNREACHABLE', 'away')) })
  await world.boot()
  t.match((await world.settle(world.coordinator.lostPromises())).find(({ id }) => id === 'found:weight:gitaly-01.test'), { previous: false, text: /what its weight was, no journal says any more/ })
})

void t.test('a weight that was 0 when the last window was opened that the copy knows, and was raised since: its drain in the lost one is told, as not known', async (t) => {
  const world = await remembering({ nodes: 3, policy: { groupSize: 1, prepareAhead: 3 } })
  await world.makePlan()
  await world.openWindow()
  const { node, orders } = world.host(2)
  t.equal(world.gitlab.weights[node], 0)
  await world.untilClosed()
  const copy = world.store.copy()
  world.gitlab.writeAs('ada', { [node]: 50 })
  await world.makePlan()
  await world.openWindow()
  await world.until(() => [...orders.keys()].filter((id) => id.startsWith('upgrade')).length === 2 && world.gitlab.weights[node] === 0)
  putBackOnNewMachine(world, copy)
  await world.boot()
  t.match((await world.settle(world.coordinator.lostPromises())).find(({ id }) => id === `found:weight:${node}`), { previous: false, text: /; its weight was 0 when window 1 of plan .* was opened, unless it was raised since: a person decides it$/ })
})

void t.test('of an agent of the release before, or one that names what no plan can be called, nothing is believed', async (t) => {
  for (const told of ['nothing', 'nonsense'] as const) {
    const world = await olderThanThePlan()
    for (const { agent } of world.hosts.values()) {
      if (told === 'nothing') agent.tellsLatest = false
      else for (const [id, order] of agent.orders) agent.orders.set(id, { ...order, plan: '../../etc' })
    }
    await world.boot()
    t.match(await world.settle(world.coordinator.readRestored()), null, told)
  }
})

void t.test('a plan that the store holds and cannot read is held', async (t) => {
  const world = await remembering({ nodes: 2, closesInMs: 60 * minutes })
  await world.makePlan()
  await world.openWindow()
  await world.untilClosed()
  await world.clock.runUntil(() => false, 60 * minutes)
  world.kill()
  world.store.readPlan = () => Promise.reject(new Fault('STORE_NEWER', 'format 9'))
  world.store.listPlans = () => Promise.reject(new Fault('STORE_NEWER', 'format 9'))
  await world.boot()
  t.ok(world.coordinator.acting)
  t.equal(await world.settle(world.coordinator.readRestored()), null)
})

void t.test('more plans than an agent answers for at once: it is asked in parts', async (t) => {
  const world = await remembering({ nodes: 2, policy: { groupSize: 1 } })
  for (let plans = 0; plans < 112; plans++) {
    await world.clock.runUntil(() => false, 1000)
    await world.makePlan()
  }
  const copy = world.store.copy()
  await world.openWindow()
  await world.until(() => world.phase(0) === 'down')
  await world.clock.runUntil(() => world.host(0).up, 2 * minutes)
  putBackOnNewMachine(world, copy)
  await world.boot()
  t.match((await world.settle(world.coordinator.readRestored()))?.reasons, [{ code: 'STORE_RESTORED' }])
})

void t.test('an agent that refuses to answer is named: it may know what nobody else does', async (t) => {
  const world = await remembering({ nodes: 2 })
  world.kill()
  world.host(1).agent.describe = () => { throw new Fault('WRONG_NODE', 'gitaly-02.test: the certificate is another host\'s') }
  await world.boot()
  t.match(world.warnings, [/gitaly-02\.test: the certificate is another host's; /])
})

void t.test('an epoch in this machine\'s own memory that nobody can have seen is not told to the agents', async (t) => {
  for (const epoch of [2_000_000, 8_000_000_000_000_000]) {
    const world = await remembering({ nodes: 2 })
    await world.makePlan()
    world.kill()
    const [machine, memory] = [...world.memories ?? []][0] ?? []
    if (machine === undefined || memory === undefined) throw new Error('nothing is remembered')
    world.memories?.set(machine, { ...memory, epoch })
    await world.boot()
    t.equal(world.store.lease?.epoch, 2)
    t.match(world.warnings, [new RegExp(`store-memory\\.json beside break-glass\\.txt says that this machine has seen epoch ${epoch}, and the store is at 1: .* not believed`)])
    t.match(world.memories?.get(machine), { epoch: 2 }, 'made anew')
    world.kill()
    await world.boot()
    t.equal(world.warnings.length, 1)
  }
})

void t.test('a lease with an epoch that no agent would be believed with is not taken', async (t) => {
  const world = await remembering({ nodes: 2 })
  world.kill()
  if (world.store.lease === null) throw new Error('no lease')
  world.store.lease = { ...world.store.lease, epoch: 8_000_000_000_000_000 }
  t.notOk(isPlausibleEpoch(world.store.lease.epoch, world.store.lease.epoch))
  await t.rejects(world.boot(), { code: 'STORE_CORRUPT', message: /no epoch above 8000000000000000/ })
  t.ok([...world.hosts.values()].every(({ agent }) => agent.highestEpoch <= 1), 'nobody was told')
})

for (const past of [false, true]) {
  void t.test(`a plan that a newer release wrote to ${past ? 'is past closing: it is named, and keeps nobody from acting' : 'may be opened again: whoever cannot read it does not act'}`, async (t) => {
    const world = await remembering({ nodes: 2, closesInMs: 60 * minutes })
    await world.makePlan()
    await world.openWindow()
    await world.untilClosed()
    if (past) await world.clock.runUntil(() => false, 60 * minutes)
    world.kill()
    const read = world.store.read.bind(world.store)
    world.store.read = async (stream, after) => {
      if (stream === world.plan.hash) throw new Fault('STORE_NEWER', 'event 7 has format 9')
      return await read(stream, after)
    }
    await world.boot()
    t.equal(world.coordinator.acting, past)
    if (past) t.match(world.warnings.filter((text) => text.includes('cannot be read')), [/plan .* cannot be read.*format 9/])
    else t.match(world.coordinator.standing, { code: 'STORE_NEWER' })
  })
}
