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
