// A shared store whose clock is set: nobody acts beside a living holder, and nobody waits for a dead one longer than its lease.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { type Seat, bootOn } from '../world/machines.ts'
import { World, minutes } from '../world/world.ts'

/** vm-1 has opened a window, with a node down; vm-2 stands by. */
async function twoInMidWindow(): Promise<{ readonly world: World, readonly first: Seat, readonly second: Seat, readonly cutOff: () => void }> {
  const world = new World({ nodes: 3 })
  world.embeddedStore = false
  const { renewLease } = world.store
  let cutOff = ''
  world.store.renewLease = (holder, ...rest) => holder === cutOff ? new Promise(() => undefined) : renewLease.call(world.store, holder, ...rest)
  const first = await bootOn(world, 'vm-1')
  world.coordinator = first.coordinator
  await world.makePlan()
  await world.openWindow()
  const second = await bootOn(world, 'vm-2')
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

interface Overtaking { readonly bothActed: boolean, readonly appendsRefused: number, readonly refusedByAgents: number, readonly tookOverAfterMs: number | null, readonly world: World }

/**
 * vm-1 acts and lives, vm-2 stands by; the store's clock jumps an hour ahead.
 * @param moment after so long; or while that node's weight is being set to 0, a write that lands so much later, sent by a wall clock that is so far off
 */
async function jumpsAhead(moment: { readonly afterMs: number } | { readonly writeFor: number, readonly landsAfterMs: number, readonly wallOffMs: number }): Promise<Overtaking> {
  const world = new World({ nodes: 3, policy: { groupSize: 1 } })
  world.embeddedStore = false
  let [appendsRefused, refusedByAgents, jumpedAt] = [0, 0, Infinity]
  const { append } = world.store
  world.store.append = (...args) => append.apply(world.store, args).catch((error: unknown) => { appendsRefused++; throw error }) as never
  for (const { agent } of world.hosts.values()) {
    for (const call of ['describe', 'health'] as const) {
      const answer = agent[call].bind(agent) as (...args: unknown[]) => unknown
      agent[call] = ((...args: unknown[]) => {
        try { return answer(...args) } catch (error) { refusedByAgents++; throw error }
      }) as never
    }
  }
  const first = await bootOn(world, 'vm-1')
  world.coordinator = first.coordinator
  await world.makePlan()
  await world.openWindow()
  const second = await bootOn(world, 'vm-2')
  const jump = (): void => {
    jumpedAt = world.clock.now()
    world.storeClockOffMs = 60 * minutes
  }
  if ('afterMs' in moment) {
    await world.clock.runUntil(() => false, moment.afterMs)
    jump()
  } else {
    await world.until(() => world.node(moment.writeFor).steps.stage?.status === 'done')
    first.process.wallOffMs = moment.wallOffMs
    world.gitlab.faults.writeGoes = () => {
      if (jumpedAt < Infinity) return 'well'
      jump()
      return { landsAfterMs: moment.landsAfterMs }
    }
  }
  let [bothActed, tookOverAt] = [false, Infinity]
  await world.clock.runUntil(() => {
    if (second.coordinator.acting) tookOverAt = Math.min(tookOverAt, world.clock.now())
    bothActed ||= first.coordinator.acting && second.coordinator.acting
    return world.has('window-closed')
  }, 60 * minutes)
  if (!world.has('window-closed')) throw new Error(`not closed: ${world.troubles.join('; ')}`)
  return { bothActed, appendsRefused, refusedByAgents, tookOverAfterMs: tookOverAt === Infinity ? null : tookOverAt - jumpedAt, world }
}

void t.test('the store\'s clock jumps an hour ahead under a holder who lives: overtaken, it changes nothing any more, and the window goes on as if nothing were', async (t) => {
  const seen = { takeOvers: 0, bothActed: 0, appendsRefused: 0, refusedByAgents: 0 }
  for (let afterMs = 0; afterMs < 200_000; afterMs += 3700) {
    const { world, bothActed, appendsRefused, refusedByAgents, tookOverAfterMs } = await jumpsAhead({ afterMs })
    t.same(checkHistory(world), [], `after ${afterMs} ms`)
    t.same([...world.hosts.keys()].map((_, index) => world.phase(index)), ['done', 'done', 'done'])
    t.same(world.gitlab.weights, world.initialWeights)
    if (tookOverAfterMs !== null) seen.takeOvers++
    if (bothActed) seen.bothActed++
    seen.appendsRefused += appendsRefused
    seen.refusedByAgents += refusedByAgents
  }
  t.comment(JSON.stringify(seen))
  for (const [what, times] of Object.entries(seen)) t.ok(times > 0, `${what}: ${times}`)
})

// An hour behind it takes no node down, so there is the first write only.
for (const [clocks, wallOffMs, writesFor] of [['agree', 0, [0, 1, 2]], ['disagree: the predecessor\'s is an hour behind', -60 * minutes, [0]], ['disagree: the predecessor\'s is a minute ahead', minutes, [0, 1, 2]]] as const) {
  void t.test(`a weight write is on its way when the store's clock jumps ahead, and wall clocks ${clocks}: the successor writes when it can no longer land`, async (t) => {
    for (const writeFor of writesFor) {
      for (const landsAfterMs of [5000, 15_000, 25_000, 29_000]) {
        const { world, tookOverAfterMs } = await jumpsAhead({ writeFor, landsAfterMs, wallOffMs })
        t.ok(tookOverAfterMs !== null && tookOverAfterMs < 5000, `taken over after ${tookOverAfterMs} ms`)
        t.equal(world.gitlab.overtaken, 0, `write ${writeFor + 1}, landing after ${landsAfterMs} ms`)
        t.same(world.gitlab.weights, world.initialWeights)
        t.same(checkHistory(world), [])
      }
    }
  })
}
