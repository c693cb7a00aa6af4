// Hosts that go down by themselves while their node is under way: in what comes ahead of the reboot, and while an ordered reboot waits
// out its delay or runs its hooks. That an order came to nothing is no proof that its host is up: a look frees the slot, and pays the weight.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'

const isScheduled = (world: World): boolean => [...world.host(0).orders.values()].some(({ step, view }) => step === 'reboot' && view.status === 'running')
const alone = { groupSize: 1, canaryFirst: false }
const seconds = 1000

for (const boot of ['no-gitaly', 'startup-error', 'well'] as const) for (const how of ['in its delay, over a take-over', 'in its hooks, and the answer to its order is lost'] as const) {
  void t.test(`a host crashes ${how}, and comes back ${boot}: its slot is freed by health alone`, async (t) => {
    const isTakenOver = how.endsWith('take-over')
    const world = await World.opened({ policy: { ...alone, rebootDelayMs: isTakenOver ? 60 * seconds : 0 }, reports: false })
    const host = world.host(0)
    if (!isTakenOver) {
      host.faults.loseOrder = 'answer'
      host.times = { ...host.times, hooksMs: 60 * seconds }
    }
    await world.until(() => isScheduled(world))
    if (isTakenOver) world.kill()
    if (boot !== 'well') host.faults.boot = boot
    host.rebootBySelf()
    if (isTakenOver) {
      await world.clock.runUntil(() => host.up, 5 * minutes)
      await world.boot()
    } else await world.until(() => host.up)
    await world.clock.runUntil(() => !world.node(0).holdsSlot, 10 * minutes)
    if (boot === 'well') await world.until(() => world.phase(0) === 'done')
    t.equal(world.node(0).holdsSlot, boot !== 'well')
    t.equal(world.gitlab.weights[host.node], boot === 'well' ? world.initialWeights[host.node] : 0)
    t.equal(world.has('slot-returned'), false)
    t.same(checkHistory(world), [])
  })
}

void t.test('whenever a successor asks a host that crashed in the delay of its reboot, it keeps its slot', async (t) => {
  const freed: number[] = []
  for (let ms = 0; ms < 40_000; ms += 2000) {
    const world = await World.opened({ policy: { ...alone, rebootDelayMs: 60 * seconds } })
    await world.until(() => isScheduled(world))
    world.host(0).faults.boot = 'startup-error'
    world.host(0).rebootBySelf()
    await world.clock.runUntil(() => false, ms)
    world.kill()
    await world.boot()
    if (await world.clock.runUntil(() => !world.node(0).holdsSlot, 2 * minutes)) freed.push(ms)
  }
  t.same(freed, [])
})

for (const kind of ['pause', 'abort'] as const) {
  void t.test(`${kind}: nothing is taken back from a host that has crashed in the delay of its reboot`, async (t) => {
    const world = await World.opened({ policy: { ...alone, rebootDelayMs: 60 * seconds }, reports: false })
    const host = world.host(0)
    await world.until(() => isScheduled(world))
    host.faults.boot = 'no-gitaly'
    host.rebootBySelf()
    await world.clock.runUntil(() => false, 3 * seconds)
    await world.say({ kind })
    await world.clock.runUntil(() => false, 2 * minutes)
    t.equal(world.node(0).holdsSlot, true)
    t.equal(world.gitlab.weights[host.node], 0)
    t.same(checkHistory(world), [])
  })
}

void t.test('a Gitaly that dies in the delay of its reboot, and a host that refuses to fire because of it: the slot stays taken', async (t) => {
  const world = await World.opened({ policy: { ...alone, rebootDelayMs: 20 * seconds }, reports: false })
  const host = world.host(0)
  await world.until(() => isScheduled(world))
  host.restartGitaly(Infinity)
  await world.until(() => world.has('window-halted'))
  t.equal(world.phase(0), 'failed')
  t.equal(world.node(0).holdsSlot, true)
  t.equal(world.gitlab.weights[host.node], 0)
  t.same(checkHistory(world), [])
})

for (const isAskedFor of [false, true]) for (const how of ['take-over', 'lost answer'] as const) {
  void t.test(`an agent that lost its memory in the reboot it was told brings no second one: ${isAskedFor ? 'asked for by name' : 'the first'}, ${how}`, async (t) => {
    const world = await World.opened({ policy: { groupSize: 1 }, reports: how === 'take-over' })
    const host = world.host(0)
    if (isAskedFor) {
      host.faults.boot = 'startup-error'
      await world.until(() => world.phase(0) === 'failed')
    }
    if (how === 'lost answer') host.faults.loseOrder = 'answer'
    if (isAskedFor) await world.say({ kind: 'retry', node: host.node, mode: 'reboot' })
    await world.until(() => !host.up)
    const reboots = (): number => world.history.happenings.filter((each) => each.what === 'gitaly-stopped' && each.node === host.node && each.id !== null).length
    const before = reboots()
    if (how === 'take-over') world.kill()
    const booted = host.agent.booted.bind(host.agent)
    host.agent.booted = (id) => {
      booted(id)
      host.agent.orders.clear()
      host.agent.highestEpoch = 0
    }
    await world.clock.runUntil(() => host.serves, 10 * minutes)
    if (how === 'take-over') await world.boot()
    await world.until(() => world.phase(0) === 'done')
    await world.clock.runUntil(() => false, 5 * minutes)
    t.equal(reboots(), before)
    t.same(checkHistory(world), [])
  })
}

const moments = {
  'is staged': (world: World) => world.node(1).steps.stage?.status === 'intended', 'settles': (world: World) => world.node(1).steps['zero-weight']?.status === 'done',
  'is upgraded': (world: World) => world.node(1).steps.upgrade?.status === 'intended', 'is prepared': (world: World) => world.phase(1) === 'prepared'
}
for (const [when, isNow] of Object.entries(moments)) for (const boot of ['no-gitaly', 'startup-error'] as const) {
  // A Gitaly that restarts before anything of the node is touched is what the reboot judges.
  if (when === 'is staged' && boot === 'startup-error') continue
  void t.test(`a host that crashes while it ${when} and comes back ${boot} takes a slot, counts as failed, and gets no weight back`, async (t) => {
    const world = await World.opened({ policy: { ...alone, prepareAhead: 2 } })
    const host = world.host(1)
    await world.until(() => isNow(world))
    await world.clock.runUntil(() => false, 500)
    host.faults.boot = boot
    host.rebootBySelf()
    await world.clock.runUntil(() => false, 10 * minutes)
    t.equal(world.phase(1), 'failed')
    t.equal(world.node(1).holdsSlot, true)
    // Not drained yet, it is not drained any more: nothing of ours had touched it.
    t.equal(world.gitlab.weights[host.node], when === 'is staged' ? world.initialWeights[host.node] : 0)
    t.same(checkHistory(world), [])
  })
}

void t.test('mended before it was upgraded, it gives its slot back and gets its weight, and begins anew when a person says so', async (t) => {
  const world = await World.opened({ policy: { ...alone, prepareAhead: 2 } })
  const host = world.host(1)
  await world.until(() => moments.settles(world))
  host.faults.boot = 'no-gitaly'
  host.rebootBySelf()
  await world.until(() => world.phase(1) === 'failed')
  host.mend()
  await world.say({ kind: 'retry', node: host.node })
  await world.until(() => world.gitlab.weights[host.node] !== 0)
  t.equal(world.phase(1), 'postponed', 'not prepared: nothing was installed')
  t.equal(world.node(1).holdsSlot, false)
  await world.say({ kind: 'retry', node: host.node, mode: 'again' })
  await world.until(() => world.phase(1) === 'done')
  t.equal(host.installed, true)
  t.same(checkHistory(world), [])
})

for (const says of ['abort', 'nothing'] as const) {
  void t.test(`a host that crashes while it settles, and ${says === 'abort' ? 'an abort' : 'the last moment to go down passes'}: its weight goes back when it is seen healthy`, async (t) => {
    const world = await World.opened({ policy: { ...alone, prepareAhead: 2, settleMs: says === 'abort' ? 10 * seconds : 30 * minutes }, closesInMs: 60 * minutes })
    const host = world.host(1)
    await world.until(() => moments.settles(world))
    host.faults.boot = 'no-gitaly'
    host.rebootBySelf()
    await world.clock.runUntil(() => false, 5 * seconds)
    if (says === 'abort') await world.say({ kind: 'abort' })
    t.equal(await world.clock.runUntil(() => world.gitlab.weights[host.node] !== 0 || world.has('window-closed'), 90 * minutes), false)
    host.mend()
    if (world.phase(1) === 'failed') await world.say({ kind: 'retry', node: host.node })
    await world.until(() => world.has('window-closed'))
    t.equal(world.phase(1), 'postponed')
    t.equal(world.gitlab.weights[host.node], world.initialWeights[host.node])
    t.same(checkHistory(world), [])
  })
}

void t.test('a prepared node whose Gitaly stays away past the last moment to go down is overdue, and does not keep the window open', async (t) => {
  const world = await World.opened({ policy: { ...alone, prepareAhead: 2 }, closesInMs: 60 * minutes })
  const host = world.host(1)
  await world.until(() => world.phase(1) === 'prepared')
  await world.say({ kind: 'pause' })
  host.restartGitaly(Infinity)
  await world.until(() => world.state().window.phase === 'settling')
  t.equal(world.node(1).overdue, true)
  t.equal(world.gitlab.weights[host.node], 0)
  host.mend()
  await world.until(() => world.has('window-closed'))
  t.equal(world.phase(1), 'pending-reboot')
  t.equal(world.gitlab.weights[host.node], world.initialWeights[host.node])
  t.same(checkHistory(world), [])
})
