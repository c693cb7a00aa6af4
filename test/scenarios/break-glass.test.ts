// The break-glass files of several machines on one store, in the simulated world: whoever acts says what is owed, whoever stands
// by says who acts, and no file drops what no journal holds. The commands themselves: test/break-glass/by-hand.test.ts.
import { Fault } from '@pitstop/shared/fault'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { type Seat, bootOn as startOn, severalMachines } from '../world/machines.ts'
import { type World, minutes } from '../world/world.ts'

/** A coordinator on a machine of its own; people talk to the one that was started last. */
async function bootOn(world: World, machine: string): Promise<Seat> {
  const seat = await startOn(world, machine)
  world.coordinator = seat.coordinator
  await world.clock.runUntil(() => false, 100)
  return seat
}

const glass = (world: World, machine: string): string => world.glass.get(machine) ?? ''
const acts = (world: World, { coordinator }: Seat): Promise<boolean> => world.clock.runUntil(() => coordinator.acting, 5 * minutes)

/** vm-1 opens a window and is killed with a node down; vm-2 takes over. */
async function killedInMidWindow(): Promise<{ readonly world: World, readonly second: Seat }> {
  const world = severalMachines()
  const first = await bootOn(world, 'vm-1')
  await world.makePlan()
  await world.openWindow()
  await world.until(() => world.phase(0) === 'down')
  world.kill(first.process)
  const second = await bootOn(world, 'vm-2')
  return { world, second }
}

void t.test('a machine that comes back as a standby does not go on telling its old promises', async (t) => {
  const { world, second } = await killedInMidWindow()
  t.match(glass(world, 'vm-1'), /# weight:gitaly-01\.test: weight of .* was 100[^]*# assigner: assigner was active/)
  t.match(glass(world, 'vm-1'), /# written 2026-11-22 02:.*Z by vm-1\/\d+\/ab, epoch 1, entry \d+;/)
  t.match(glass(world, 'vm-2'), /vm-1\/\d+\/ab .* acts, epoch 1\./, 'a machine that never acted says who does')
  await acts(world, second)
  const third = await bootOn(world, 'vm-1')
  t.match(glass(world, 'vm-1'), /does not act: nothing is to be paid from this file[^]*vm-2\/\d+\/ab at .* acts, epoch 2\..* on vm-2,/)
  t.notMatch(glass(world, 'vm-1'), /curl|was 100/)
  t.match(glass(world, 'vm-2'), /epoch 2, entry \d+;[^]*# weight:gitaly-01\.test/)
  await world.untilClosed()
  t.match(glass(world, 'vm-2'), /# Nothing has to be put back\./)
  t.equal(third.coordinator.acting, false)
  t.same(checkHistory(world), [])
})

void t.test('promises that were paid under another coordinator are not lost when a machine with an old file acts on a store that failed over', async (t) => {
  const { world, second } = await killedInMidWindow()
  await world.untilClosed()
  world.kill(second.process)
  t.match(glass(world, 'vm-1'), /# weight:gitaly-01\.test/, 'it was never started since')
  const { incarnation } = world.store
  world.store.incarnation = async () => ({ ...await incarnation.call(world.store), moved: 'it was on timeline 1 and is on timeline 2' })
  const third = await bootOn(world, 'vm-1')
  await acts(world, third)
  t.same(await third.coordinator.lostPromises(), [])
  t.match(glass(world, 'vm-1'), /epoch 3, entry \d+;[^]*# Nothing has to be put back\./)
  await world.makePlan()
  await world.openWindow()
})

void t.test('what a store has lost stays in the file of the machine that promised it, and is told when that machine acts', async (t) => {
  const world = severalMachines()
  const first = await bootOn(world, 'vm-1')
  await world.makePlan()
  const copy = world.store.copy()
  await world.openWindow()
  await world.until(() => world.phase(0) === 'down')
  const promised = glass(world, 'vm-1')
  world.kill(first.process)
  world.putBackStore(copy)
  const second = await bootOn(world, 'vm-2')
  await acts(world, second)
  const third = await bootOn(world, 'vm-1')
  t.equal(third.coordinator.acting, false)
  t.match(glass(world, 'vm-1'), /does not act\.\n[^]*Look at GitLab before you pay any of it\.\n# pitstop: what must be put back/)
  t.ok(glass(world, 'vm-1').endsWith(promised), 'every line of it')
  world.kill(second.process)
  await acts(world, third)
  t.same((await third.coordinator.lostPromises()).map(({ id }) => id).sort(), ['found:assigner', 'found:weight:gitaly-01.test', 'found:weight:gitaly-02.test', 'found:weight:gitaly-03.test'])
  t.match(glass(world, 'vm-1'), /# weight:gitaly-01\.test: [^]*# weight:gitaly-02\.test: [^]*# assigner: /)
  t.match(glass(world, 'vm-1'), /# weight:gitaly-03\.test: weight of gitaly-03\.test was not known, node gitaly-03\.test\nexport WEIGHT=''; curl/)
  await world.clock.runUntil(() => false, minutes)
  for (const { id } of await third.coordinator.lostPromises()) await world.settle(third.coordinator.command({ kind: 'hand-over', obligation: id, by: 'ada', reason: 'put back by hand' }))
  t.match(glass(world, 'vm-1'), /# Nothing has to be put back\./)
})

for (const machine of ['vm-1', 'vm-2']) {
  void t.test(`a lease that is taken on ${machine === 'vm-1' ? 'the same' : 'another'} machine by one that dies before it has written its file: no file drops what is owed`, async (t) => {
    const world = severalMachines()
    const first = await bootOn(world, 'vm-1')
    await world.makePlan()
    await world.openWindow()
    await world.until(() => world.phase(0) === 'down')
    world.kill(first.process)
    const promised = glass(world, 'vm-1')
    world.killAt = (_, events) => (events.some(({ type }) => type === 'lease-taken') ? 'before' : null)
    const second = await bootOn(world, machine)
    await world.clock.runUntil(() => !second.process.alive, 2 * minutes)
    t.equal(world.store.lease?.holder, second.process.name, 'it had the lease')
    world.killAt = () => null
    const third = await bootOn(world, 'vm-1')
    await world.clock.runUntil(() => false, 3000)
    t.equal(third.coordinator.acting, false)
    // The database is gone for good.
    world.storeGoes = () => 'away'
    await world.clock.runUntil(() => false, 10 * minutes)
    t.equal(glass(world, 'vm-1'), promised)
  })
}

void t.test('a holder that cannot write its file, and then can: only then does a standby leave the promises to it', async (t) => {
  const { world, second } = await killedInMidWindow()
  const promised = glass(world, 'vm-1')
  const set = world.glass.set.bind(world.glass)
  let full = true
  world.glass.set = (machine, text) => {
    if (full && machine === 'vm-2') throw new Fault('STORE_UNAVAILABLE', 'cannot write the break-glass file: ENOSPC')
    return set(machine, text)
  }
  await acts(world, second)
  await bootOn(world, 'vm-1')
  await world.clock.runUntil(() => false, minutes)
  t.equal(glass(world, 'vm-1'), promised)
  full = false
  await world.until(() => /does not act: nothing is to be paid/.test(glass(world, 'vm-1')))
  t.match(glass(world, 'vm-2'), /epoch \d+, entry \d+;[^]*# weight:gitaly-01\.test/)
})

void t.test('a process that stands by beside the one that acts leaves the file to it', async (t) => {
  const world = severalMachines()
  await bootOn(world, 'vm-1')
  const acting = world.coordinator
  await world.makePlan()
  await world.openWindow()
  await world.until(() => world.phase(0) === 'down')
  const before = glass(world, 'vm-1')
  const beside = await bootOn(world, 'vm-1')
  t.equal(beside.coordinator.acting, false)
  t.equal(acting.acting, true)
  t.equal(glass(world, 'vm-1'), before)
})
