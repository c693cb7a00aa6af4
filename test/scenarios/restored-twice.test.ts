// One backup that is put back more than once, in the simulated world: whoever has seen to a restore has seen to it for every
// machine, and for the process that lives on. And what a machine that only stood by remembers afterwards.
import { Fault } from '@pitstop/shared/fault'
import t from 'tap'
import { type Seat, bootOn, severalMachines } from '../world/machines.ts'
import { World, minutes } from '../world/world.ts'

const told = ({ store }: World): number => store.rows.filter(({ recorded }) => (recorded.event as { readonly type: string }).type === 'store-restored').length

async function handOverAll(world: World, { coordinator }: Seat): Promise<void> {
  // What was under way to GitLab lands first.
  await world.clock.runUntil(() => false, minutes)
  for (const { id } of await world.settle(coordinator.lostPromises())) await world.settle(coordinator.handOver({ kind: 'hand-over', obligation: id, by: 'ada', reason: 'seen to' }))
}

void t.test('under a coordinator that lives on: each time it is put back is told once, and no later take-over is one', async (t) => {
  const world = severalMachines()
  const { coordinator } = await bootOn(world, 'vm-1')
  world.coordinator = coordinator
  await world.makePlan()
  await world.openWindow()
  await world.until(() => world.has('window-rolling'))
  await world.say({ kind: 'pause' })
  const copy = world.store.copy()
  // A network that hiccups: nobody renews in time, and the same process takes the lease anew.
  const hiccup = async (): Promise<number> => {
    const epoch = world.store.lease?.epoch ?? 0
    if (world.store.lease !== null) world.store.lease = { ...world.store.lease, expiresAt: 0, holder: 'nobody' }
    t.ok(await world.clock.runUntil(() => coordinator.acting && (world.store.lease?.epoch ?? 0) > epoch, 2 * minutes))
    return told(world)
  }
  t.equal(await hiccup(), 0)
  for (const time of ['first', 'second', 'third']) {
    world.putBackStore(copy)
    t.same([await hiccup(), await hiccup(), await hiccup()], [1, 1, 1], `the ${time} time`)
  }
})

void t.test('as the documents say, with a second machine: when its turn comes nothing is held against the store', async (t) => {
  const world = severalMachines()
  let first = await bootOn(world, 'vm-1')
  let second = await bootOn(world, 'vm-2')
  world.coordinator = first.coordinator
  await world.makePlan()
  const copy = world.store.copy()
  for (const open of [true, false]) {
    if (open) await world.openWindow()
    await world.clock.runUntil(() => false, minutes)
    for (const { process } of [first, second]) world.kill(process)
    world.putBackStore(copy, 'vm-1')
    first = await bootOn(world, 'vm-1')
    second = await bootOn(world, 'vm-2')
    t.equal(told(world), 1)
    await handOverAll(world, first)
  }
  await world.clock.runUntil(() => false, minutes)
  world.kill(first.process)
  t.ok(await world.clock.runUntil(() => second.coordinator.acting, 5 * minutes))
  t.equal(told(world), 1, 'nothing was put back since')
})

void t.test('a machine that was off all that time holds nothing against the store either: it knew the copy by its own name', async (t) => {
  const world = severalMachines()
  let first = await bootOn(world, 'vm-1')
  const second = await bootOn(world, 'vm-2')
  world.coordinator = first.coordinator
  const copy = world.store.copy()
  await world.settle(first.coordinator.freeze('ada', 'a row that the copy lacks'))
  await world.clock.runUntil(() => false, 1000)
  world.kill(second.process)
  for (const _ of ['once', 'twice']) {
    world.kill(first.process)
    world.putBackStore(copy, 'vm-1')
    first = await bootOn(world, 'vm-1')
    t.equal(told(world), 1)
    await handOverAll(world, first)
  }
  t.match(world.memories?.get('vm-2'), { incarnation: 'first' })
  world.kill(first.process)
  const third = await bootOn(world, 'vm-2')
  t.ok(await world.clock.runUntil(() => third.coordinator.acting, 5 * minutes))
  t.equal(told(world), 1)
})

void t.test('a machine that stands by on a store that was seen to goes on remembering it, and notices when that one is put back', async (t) => {
  const world = severalMachines()
  let first = await bootOn(world, 'vm-1')
  let second = await bootOn(world, 'vm-2')
  world.coordinator = first.coordinator
  await world.makePlan()
  const copy = world.store.copy()
  for (const { process } of [first, second]) world.kill(process)
  world.putBackStore(copy, 'vm-1')
  // vm-1 has a memory of a row more, and sees to it; vm-2 knows the store by its former name.
  world.memories?.set('vm-1', { incarnation: 'first', epoch: 1, seq: 99 })
  first = await bootOn(world, 'vm-1')
  t.equal(told(world), 1)
  second = await bootOn(world, 'vm-2')
  const { id } = await world.store.incarnation()
  t.match(world.memories?.get('vm-2'), { incarnation: id, epoch: 2 })
  const later = world.store.copy()
  world.coordinator = first.coordinator
  await world.openWindow()
  await world.until(() => world.has('window-rolling'))
  await world.clock.runUntil(() => false, 1000)
  for (const { process } of [first, second]) world.kill(process)
  world.putBackStore(later, 'vm-2')
  for (const host of world.hosts.values()) host.faults.unreachable = true
  second = await bootOn(world, 'vm-2')
  await world.clock.runUntil(() => second.coordinator.acting, 2 * minutes)
  t.equal(told(world), 2, 'by its memory alone: no agent answers')
})

void t.test('a standby does not take a store that knows less for its own before somebody has seen to it, and does then', async (t) => {
  const world = severalMachines()
  const first = await bootOn(world, 'vm-1')
  world.coordinator = first.coordinator
  await world.makePlan()
  world.memories?.set('vm-2', { incarnation: 'another', epoch: 1, seq: 99 })
  const second = await bootOn(world, 'vm-2')
  await world.clock.runUntil(() => false, minutes)
  t.match(world.memories?.get('vm-2'), { incarnation: 'another', seq: 99 })
  world.kill(first.process)
  t.ok(await world.clock.runUntil(() => second.coordinator.acting, 5 * minutes))
  t.equal(told(world), 1)
  t.match(world.memories?.get('vm-2'), { incarnation: (await world.store.incarnation()).id })
})

void t.test('a word that was said about the first restore does not count for the second, which came while GitLab was read for it', async (t) => {
  const world = severalMachines()
  let slow = false
  const port = world.gitlab.port.bind(world.gitlab)
  world.gitlab.port = (asker) => {
    const gitlab = port(asker)
    return { ...gitlab, readWeights: async () => {
      if (slow) {
        slow = false
        await world.clock.sleep(30_000)
      }
      return await gitlab.readWeights()
    } }
  }
  const seat = await bootOn(world, 'vm-1')
  const { coordinator } = seat
  world.coordinator = coordinator
  await world.makePlan()
  await world.openWindow()
  await world.until(() => world.has('window-rolling'))
  await world.say({ kind: 'pause' })
  await world.clock.runUntil(() => false, minutes)
  const copy = world.store.copy()
  await world.settle(coordinator.freeze('ada', 'a row that the copy lacks'))
  await world.settle(coordinator.unfreeze('ada', 'and another'))
  const putBack = async (): Promise<void> => {
    world.putBackStore(copy)
    const epoch = world.store.lease?.epoch ?? 0
    if (world.store.lease !== null) world.store.lease = { ...world.store.lease, expiresAt: 0, holder: 'nobody' }
    t.ok(await world.clock.runUntil(() => coordinator.acting && (world.store.lease?.epoch ?? 0) > epoch, 5 * minutes))
    t.match(world.state().window.pause?.reasons[0], { code: 'STORE_RESTORED' })
  }
  await putBack()
  await handOverAll(world, seat)
  slow = true
  const said = coordinator.command({ kind: 'resume', by: 'ada', reason: 'looked at the first' }).then(() => 'accepted', (error: unknown) => (error as { readonly code: string }).code)
  await world.clock.runUntil(() => !slow, 1000)
  await putBack()
  t.equal(await world.settle(said), 'STALE_VIEW')
  t.not(world.state().window.pause, null)
})

for (const planKept of [true, false]) for (const why of ['lands later', 'GitLab away'] as const) void t.test(`what the first restore learnt of a drain (${why}, its plan ${planKept ? 'in' : 'not in'} the copy) the second does not forget: it is told before a window is opened`, async (t) => {
  const world = new World({ nodes: 3, policy: { groupSize: 1, prepareAhead: 1, settleMs: 10 * minutes } })
  const { node } = world.host(0)
  world.memories = new Map()
  await world.boot()
  if (planKept) await world.makePlan()
  const older = world.store.copy()
  await world.clock.runUntil(() => false, 1000)
  if (!planKept) await world.makePlan()
  let lost = why === 'lands later' ? 1 : 0
  world.gitlab.faults.writeGoes = () => lost-- > 0 ? { landsAfterMs: 20_000 } : 'well'
  await world.openWindow()
  await world.until(() => world.node(0).steps['zero-weight']?.status === (why === 'lands later' ? 'intended' : 'done'))
  await world.clock.runUntil(() => false, 1000)
  let away = why === 'GitLab away'
  const port = world.gitlab.port.bind(world.gitlab)
  world.gitlab.port = (asker) => {
    const gitlab = port(asker)
    return { ...gitlab, readWeights: () => away ? Promise.reject(new Fault('GITLAB_UNREACHABLE', 'away')) : gitlab.readWeights() }
  }
  world.kill()
  world.putBackStore(older)
  world.memories.clear()
  world.glass.clear()
  await world.boot()
  const later = world.store.copy()
  await world.settle(world.coordinator.freeze('ada', 'a row that the second copy lacks'))
  await world.settle(world.coordinator.unfreeze('ada', 'and another'))
  world.kill()
  world.putBackStore(later)
  await world.boot()
  t.equal(told(world), 2)
  await world.clock.runUntil(() => false, 2 * minutes)
  away = false
  t.equal(world.gitlab.weights[node], 0)
  world.gitlab.setScheduleAs('ada', true)
  for (const { id, kind } of await world.settle(world.coordinator.lostPromises())) if (kind === 'assigner') await world.say({ kind: 'hand-over', obligation: id })
  await world.makePlan()
  await t.rejects(world.openWindow(), { code: 'STORE_RESTORED', message: new RegExp(`found:weight:${node}`) })
})
