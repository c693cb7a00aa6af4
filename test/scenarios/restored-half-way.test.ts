// A store that was put back, and a coordinator that dies while it sees to it: whoever comes next finds that there is something
// to see to, on whatever machine. And whom a coordinator asks before it acts on a store that it has not watched.
import t from 'tap'
import { fleetStream } from '@pitstop/coordinator/ports'
import { Fault } from '@pitstop/shared/fault'
import { checkHistory } from '../world/check-history.ts'
import { type Seat, bootOn } from '../world/machines.ts'
import { World, minutes } from '../world/world.ts'

/** The first node was rebooted, and the store is put back to before that. @param same the backup is of the epoch that acts still. */
async function putBack({ newMachine = false, same = false } = {}): Promise<World> {
  const world = new World({ nodes: 3, policy: { groupSize: 1 } })
  world.memories = new Map()
  await world.boot()
  await world.makePlan()
  await world.openWindow()
  await world.until(() => world.has('window-rolling'))
  const copy = world.store.copy()
  if (!same) {
    world.kill()
    await world.boot()
  }
  await world.until(() => world.phase(0) === 'down')
  await world.clock.runUntil(() => world.host(0).up, 2 * minutes)
  world.kill()
  world.putBackStore(copy)
  if (newMachine) {
    world.memories.clear()
    world.glass.clear()
  }
  return world
}

const told = ({ store }: World): number => store.rows.filter(({ recorded }) => isConclusion([recorded.event as { readonly type: string }])).length

/** How often an agent is asked without a claim. */
function asks(world: World): () => number {
  let count = 0
  for (const { agent } of world.hosts.values()) {
    const describe = agent.describe.bind(agent)
    agent.describe = (epoch, ids) => {
      if (epoch === 0) count++
      return describe(epoch, ids)
    }
  }
  return () => count
}

async function staysPaused(t: { match(a: unknown, b: unknown): boolean, same(a: unknown, b: unknown): boolean, ok(a: unknown): boolean }, world: World): Promise<void> {
  t.match((await world.view()).pause?.reasons[0], { code: 'STORE_RESTORED' })
  t.same((await world.store.incarnation()).restoring, [])
  await world.clock.runUntil(() => false, 10 * minutes)
  t.ok(world.history.happenings.filter(({ what }) => what === 'gitaly-stopped').length <= 1)
  t.same(checkHistory(world), [])
}

void t.test('under the present epoch, on a machine that remembers nothing: an order that only its agent knows is proof enough', async (t) => {
  const world = await putBack({ newMachine: true, same: true })
  await world.boot()
  t.match((await world.view()).pause?.reasons[0], { code: 'STORE_RESTORED', text: /gitaly-01\.test has upgrade upgrade-1-\w+ \(succeeded\), of which the restored journal does not know/ })
  await staysPaused(t, world)
  t.equal(told(world), 1)
  // A person has compared, and lets it go on: what was told once is no news at the next start.
  for (const { id } of await world.settle(world.coordinator.lostPromises())) await world.settle(world.coordinator.handOver({ kind: 'hand-over', obligation: id, by: 'ada', reason: 'looked' }))
  await world.say({ kind: 'resume' })
  world.kill()
  await world.boot()
  t.equal(told(world), 1, 'not told again')
  t.equal((await world.view()).pause, null)
})

void t.test('an order of the lost time that has not begun begins no more: every agent that is reached is told the new epoch at once', async (t) => {
  const world = new World({ nodes: 2, policy: { groupSize: 1, rebootDelayMs: minutes } })
  world.memories = new Map()
  await world.boot()
  await world.makePlan()
  await world.openWindow()
  const copy = world.store.copy()
  await world.until(() => world.history.happenings.some((each) => each.what === 'order-sent' && each.step === 'reboot'))
  const ordered = world.clock.now()
  await world.clock.runUntil(() => world.clock.now() - ordered > 5000, minutes)
  world.kill()
  world.putBackStore(copy)
  await world.boot()
  await world.clock.runUntil(() => false, 5 * minutes)
  t.same(world.history.happenings.filter(({ what }) => what === 'gitaly-stopped'), [])
})

void t.test('a memory that is older than the backup asks the agents too, and no epoch is used twice', async (t) => {
  const world = new World({ nodes: 2 })
  world.memories = new Map()
  await world.boot()
  const memory = new Map(world.memories)
  world.kill()
  await world.boot()
  const copy = world.store.copy()
  world.kill()
  await world.boot()
  await world.makePlan()
  await world.openWindow()
  await world.until(() => world.phase(0) === 'down')
  world.kill()
  world.putBackStore(copy)
  world.memories = memory
  world.glass.clear()
  await world.boot()
  t.equal(world.store.lease?.epoch, 4, 'above the 3 that agents have seen')
  t.equal(told(world), 1)
})

type Ends = (world: World) => void
const never = new Promise<never>(() => undefined)
const isConclusion = (events: readonly { readonly type: string }[]): boolean => events.some(({ type }) => type === 'store-restored')
const conclusion = (fate: 'before' | 'after'): Ends => (world) => {
  world.killAt = (_append, events) => {
    if (!isConclusion(events)) return null
    world.killAt = () => null
    return fate
  }
}
const ends: Readonly<Record<string, Ends>> = {
  'before it has the lease': (world) => {
    const { store } = world
    const take = store.takeLease.bind(store)
    store.takeLease = () => {
      store.takeLease = take
      world.kill()
      return never
    }
  },
  'as soon as it has the lease': (world) => {
    const { store } = world
    const { onTaken } = store
    store.onTaken = (row) => {
      onTaken(row)
      store.onTaken = onTaken
      world.kill()
    }
  },
  'before it is told': conclusion('before'),
  'as soon as it is told': conclusion('after')
}

for (const newMachine of [false, true]) {
  for (const [when, end] of Object.entries(ends)) {
    void t.test(`killed ${when}: the next on ${newMachine ? 'a machine that remembers nothing' : 'the same machine'} sees to it`, async (t) => {
      const world = await putBack({ newMachine })
      end(world)
      await t.rejects(world.boot(), { message: /was killed/ })
      if (newMachine) world.memories?.clear()
      // From the moment in which the lease is taken nothing else is needed: no agent has to say it again.
      const silent = newMachine && when !== 'before it has the lease'
      for (const host of world.hosts.values()) host.faults.unreachable = silent
      await world.boot()
      for (const host of world.hosts.values()) host.faults.unreachable = false
      await staysPaused(t, world)
    })
  }
}

for (const write of ['takeLease', 'concludeRestore'] as const) {
  void t.test(`${write}, done and never answered, ends the same way`, async (t) => {
    const world = await putBack({ newMachine: true })
    const { store } = world
    const call = store[write].bind(store) as (...asked: readonly unknown[]) => Promise<unknown>
    let lost = false
    Object.assign(store, { [write]: async (...asked: readonly unknown[]) => {
      const answer = await call(...asked)
      if (lost) return answer
      lost = true
      throw new Fault('STORE_UNAVAILABLE', 'the connection broke')
    } })
    await world.boot()
    await world.until(() => world.coordinator.acting, minutes)
    await staysPaused(t, world)
  })
}

async function shared(): Promise<{ readonly world: World, readonly holder: Seat, readonly standby: Seat }> {
  const world = new World({ nodes: 3 })
  world.embeddedStore = false
  const holder = await bootOn(world, 'holder')
  const standby = await bootOn(world, 'standby')
  await world.clock.runUntil(() => false, minutes)
  return { world, holder, standby }
}

void t.test('a standby that watched all the time asks no agent when its turn comes', async (t) => {
  const { world, holder, standby } = await shared()
  const asked = asks(world)
  world.kill(holder.process)
  t.ok(await world.clock.runUntil(() => standby.coordinator.acting, minutes))
  t.equal(asked(), 0)
})

void t.test('a standby that lost sight of the store for a while asks them all; a host that is down is not waited for longer than two seconds', async (t) => {
  const { world, holder, standby } = await shared()
  const asked = asks(world)
  world.host(2).faults.unreachable = true
  world.kill(holder.process)
  world.storeGoes = () => 'away'
  await world.clock.runUntil(() => false, minutes)
  t.equal(asked(), 0)
  world.storeGoes = () => 'well'
  t.ok(await world.clock.runUntil(() => asked() > 0, minutes))
  const since = world.clock.now()
  t.ok(await world.clock.runUntil(() => standby.coordinator.acting, minutes))
  t.equal(asked(), 2)
  t.ok(world.clock.now() - since <= 2000, `${world.clock.now() - since} ms until it acts`)
})

void t.test('a coordinator that was started beside the lease of one that is dead asks, though that lease still runs', async (t) => {
  const { world, holder, standby } = await shared()
  world.kill(holder.process)
  world.kill(standby.process)
  const asked = asks(world)
  const late = await bootOn(world, 'late')
  t.notOk(late.coordinator.acting)
  t.ok(await world.clock.runUntil(() => late.coordinator.acting, minutes))
  t.equal(asked(), 3)
})

void t.test('a standby notices that the store was put back under it, and the holder going on does not make it forget', async (t) => {
  const { world, holder, standby } = await shared()
  const older = world.store.copy()
  await world.store.append(1, fleetStream, 1, [{ type: 'frozen', by: 'ada', reason: 'r' }, { type: 'unfrozen', by: 'ada', reason: 'r' }])
  await world.clock.runUntil(() => false, 1000)
  world.store.putBack(older)
  if (older.lease !== null) world.store.lease = { ...older.lease, expiresAt: world.clock.now() + 20_000 }
  t.ok(await world.clock.runUntil(() => world.warnings.length > 0, 5000))
  t.match(world.warnings[0], /put back behind our back: this machine has seen entry 3 of the journal, the store ends with 1; holder\/\d+\/ab acts on it/)
  await world.store.append(1, fleetStream, 2, Array.from({ length: 9 }, () => ({ type: 'unfrozen', by: 'ada', reason: 'r' })))
  world.kill(holder.process)
  t.ok(await world.clock.runUntil(() => standby.coordinator.acting, minutes))
  t.equal(told(world), 1)
  t.match(world.warnings.at(-1), /^STORE_RESTORED: this machine has seen entry 3 .*; 0 promises to settle: pitstop obligations$/)
})

void t.test('one agent that says an epoch which nobody can have told it does not become the whole fleet\'s', async (t) => {
  for (const epoch of [Number.MAX_SAFE_INTEGER, 2 ** 63, 2_000_000]) {
    const world = new World({ nodes: 3 })
    world.memories = new Map()
    await world.boot()
    world.kill()
    world.host(1).highestEpoch = epoch
    await world.boot()
    t.equal(world.store.lease?.epoch, 2, `${epoch} is not taken for the truth`)
    t.equal(told(world), 0)
    t.match(world.warnings, [/gitaly-02\.test says that it has seen epoch .* not believed/])
  }
})
