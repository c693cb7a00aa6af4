// A shared store whose clock is set: nobody acts beside a living holder, and nobody waits for a dead one longer than its lease.
import type { Coordinator } from '@pitstop/coordinator/engine/coordinator'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { coordinatorIn } from '../world/coordinator-in-world.ts'
import { Process } from '../world/process.ts'
import { World, minutes } from '../world/world.ts'

interface Seat { readonly process: Process, readonly coordinator: Coordinator }

async function bootOn(world: World, machine: string): Promise<Seat> {
  const process = new Process(`${machine}/1/ab`, world.clock, machine)
  const coordinator = coordinatorIn(world, process)
  world.coordinator = coordinator
  await world.settle(coordinator.start())
  return { process, coordinator }
}

/** vm-1 has opened a window, with a node down; vm-2 stands by. */
async function twoInMidWindow(): Promise<{ readonly world: World, readonly first: Seat, readonly second: Seat, readonly cutOff: () => void }> {
  const world = new World({ nodes: 3 })
  world.embeddedStore = false
  const { renewLease } = world.store
  let cutOff = ''
  world.store.renewLease = (holder, ...rest) => holder === cutOff ? new Promise(() => undefined) : renewLease.call(world.store, holder, ...rest)
  const first = await bootOn(world, 'vm-1')
  await world.makePlan()
  await world.openWindow()
  const second = await bootOn(world, 'vm-2')
  world.coordinator = first.coordinator
  await world.until(() => world.phase(0) === 'down')
  return { world, first, second, cutOff: () => { cutOff = first.process.name } }
}

void t.test('the store\'s clock goes back five minutes and the holder dies: a standby that watched acts after one lease', async (t) => {
  const { world, first, second } = await twoInMidWindow()
  world.storeClockOffMs = -5 * minutes
  world.kill(first.process)
  const killedAt = world.clock.now()
  await world.clock.runUntil(() => false, 7000)
  t.ok((second.coordinator.holder?.leftMs ?? 0) > 5 * minutes, 'by the store\'s clock')
  t.match(second.coordinator.standing?.hint, /if it is dead this one acts in (?:1\d|2\d|30)s: type it again then/, 'and by what is true')
  t.ok(await world.clock.runUntil(() => second.coordinator.acting, 10 * minutes))
  t.ok(world.clock.now() - killedAt <= world.leaseMs + 1000, `${world.clock.now() - killedAt} ms`)
  world.coordinator = second.coordinator
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('the store\'s clock goes back again and again under a holder who lives: it is never overtaken while it renews', async (t) => {
  const { world, first, second } = await twoInMidWindow()
  for (const off of [-5 * minutes, -6 * minutes, -60 * minutes]) {
    world.storeClockOffMs = off
    await world.clock.runUntil(() => second.coordinator.acting, 4 * 30_000)
    t.same([first.coordinator.acting, second.coordinator.acting], [true, false], `${off} ms`)
  }
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('a holder that cannot renew has stopped before a standby takes its lease, though the store\'s clock went back', async (t) => {
  const { world, first, second, cutOff } = await twoInMidWindow()
  world.storeClockOffMs = -5 * minutes
  let both = false
  let stoppedAt = 0
  cutOff()
  await world.clock.runUntil(() => {
    both ||= first.coordinator.acting && second.coordinator.acting
    if (!first.coordinator.acting) stoppedAt ||= world.clock.now()
    return second.coordinator.acting
  }, 10 * minutes)
  t.equal(second.coordinator.acting, true)
  t.equal(both, false)
  t.ok(stoppedAt > 0)
})
