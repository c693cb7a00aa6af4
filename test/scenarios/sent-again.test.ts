// Orders that are sent again. An agent that was gone, or whose coordinator was replaced, may hold an order that it took in and
// that has not begun: to send it again lets it begin. That is for open gates only; and whatever is asked is asked once a second.
import { Fault, reason } from '@pitstop/shared/fault'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import type { SimulatedAgent } from '../world/simulated-agent.ts'
import { World, type WorldOptions, minutes } from '../world/world.ts'

type Step = 'stage' | 'upgrade' | 'reboot'

const phases = (world: World): string => [...world.hosts.keys()].map((_, index) => world.phase(index)).join(' ')
const orderOf = ({ orders }: SimulatedAgent, step: Step) => [...orders.values()].find((order) => order.step === step)
const intents = (world: World, step: Step, node: string): number =>
  world.events().filter(({ event }) => event.type === 'step-intended' && event.step === step && event.node === node).length
const sent = (world: World, id = ''): number => world.history.happenings.filter((each) => each.what === 'order-sent' && each.id === id).length

async function diedHolding(step: Step, options: WorldOptions = {}): Promise<World> {
  const world = await World.opened({ policy: { groupSize: 1 }, ...options })
  await diesHolding(world, step)
  return world
}

/** The agent of the first host dies with this order on disk, before anything of it runs. */
async function diesHolding(world: World, step: Step): Promise<void> {
  const { agent } = world.host(0)
  const take = agent.order.bind(agent)
  let dying = false
  agent.dies = () => dying ? 'after' : null
  agent.order = (payload) => {
    dying = payload.order.step === step && agent.highestEpoch === payload.epoch
    const answer = take(payload)
    dying = false
    return answer
  }
  await world.until(() => !agent.up)
  agent.order = take
}

/** The next reboot order is given up after 3 s, and comes all the same. */
class LateReboot {
  sent = false
  sentAgain = false
  arrived = false
  constructor(world: World, afterMs: number) {
    const steady = world.transit
    world.transit = { call: (host, call, deliver) => {
      if (call.order !== 'reboot') return steady.call(host, call, deliver)
      this.sentAgain ||= this.sent
      if (this.sent) return steady.call(host, call, deliver)
      this.sent = true
      if (afterMs < Infinity) world.clock.after(afterMs, () => {
        this.arrived = true
        void Promise.resolve().then(deliver).catch(() => undefined)
      })
      return new Promise((_, reject) => { world.clock.after(3000, () => { reject(new Fault('AGENT_UNREACHABLE', 'the connection was lost')) }) })
    } }
  }
}

/** How often the agent is asked within a minute. */
async function askedInAMinute(world: World, agent: SimulatedAgent): Promise<number> {
  const describe = agent.describe.bind(agent)
  let asked = 0
  agent.describe = (...asks) => {
    asked++
    return describe(...asks)
  }
  await world.clock.runUntil(() => false, minutes)
  agent.describe = describe
  return asked
}

const holds = {
  pause: { say: (world: World) => world.say({ kind: 'pause' }), lift: (world: World) => world.say({ kind: 'resume' }) },
  freeze: { say: (world: World) => world.settle(world.coordinator.freeze('bob', 'incident')), lift: (world: World) => world.settle(world.coordinator.unfreeze('bob', 'over')) },
  abort: { say: (world: World) => world.say({ kind: 'abort' }), lift: null }
} as const

for (const step of ['stage', 'upgrade', 'reboot'] as const) {
  for (const [hold, { say, lift }] of Object.entries(holds)) {
    void t.test(`${step}, taken in by an agent that died with it: behind ${hold} it is not sent again, nor asked about in circles`, async (t) => {
      const world = await diedHolding(step)
      const { agent, bootId, installed } = world.host(0)
      const before = sent(world, orderOf(agent, step)?.id)
      await say(world)
      await world.clock.runUntil(() => false, 3000)
      agent.restarted()
      const asked = await askedInAMinute(world, agent)
      t.ok(asked > 0 && asked <= 70, `asked ${asked} times in a minute`)
      t.equal(sent(world, orderOf(agent, step)?.id), before, 'it was not sent again')
      t.equal(world.host(0).bootId, bootId)
      t.equal(world.host(0).installed, installed)
      t.same(world.troubles, [])
      await lift?.(world)
      await world.untilClosed()
      if (lift === null) t.equal(world.phase(0), step === 'reboot' ? 'pending-reboot' : 'postponed')
      else t.equal(phases(world), 'done done done done')
      t.same(checkHistory(world), [])
    })
  }

  void t.test(`${step}, taken in by an agent that died with it: with open gates it is sent again, under the intent that is journaled`, async (t) => {
    const world = await diedHolding(step)
    await world.clock.runUntil(() => false, 3000)
    world.host(0).agent.restarted()
    await world.untilClosed()
    t.equal(phases(world), 'done done done done')
    t.equal(intents(world, step, world.host(0).node), 1)
    t.same(checkHistory(world), [])
  })

  void t.test(`${step}, taken in by an agent that died with it and is back past its time: given again instead of refused for good`, async (t) => {
    const world = await diedHolding(step)
    await world.clock.runUntil(() => false, 1.5 * minutes)
    world.host(0).agent.restarted()
    await world.untilClosed()
    t.equal(phases(world), 'done done done done')
    t.equal(intents(world, step, world.host(0).node), 2)
    t.same(checkHistory(world), [])
  })
}

void t.test('a halt that another node caused holds back what has not begun', async (t) => {
  const world = await diedHolding('upgrade', { policy: { groupSize: 1, canaryFirst: false } })
  const { agent } = world.host(0)
  await world.until(() => world.node(1).steps.upgrade?.status === 'intended')
  world.host(1).faults.upgrade = 'fails'
  await world.until(() => world.has('window-halted'))
  agent.restarted()
  await world.clock.runUntil(() => false, 2 * minutes)
  t.notOk(world.host(0).installed)
  t.same(checkHistory(world), [])
})

void t.test('a reboot whose hooks still run when another coordinator takes over: behind a pause its right is not renewed, and it is taken back', async (t) => {
  for (const hold of ['pause', 'freeze', 'abort'] as const) {
    const world = await World.opened({ policy: { groupSize: 1 } })
    const { agent, bootId } = world.host(0)
    world.host(0).times = { ...world.host(0).times, hooksMs: 10_000 }
    await world.until(() => orderOf(agent, 'reboot')?.view.status === 'running')
    await world.clock.runUntil(() => false, 2000)
    await holds[hold].say(world)
    world.kill()
    await world.boot()
    await world.clock.runUntil(() => false, minutes)
    t.equal(world.host(0).bootId, bootId, hold)
    await holds[hold].lift?.(world)
    await world.untilClosed()
    t.equal(world.phase(0), 'pending-reboot', hold)
    t.same(checkHistory(world), [])
  }
})

for (const hold of ['pause', 'freeze', 'abort', 'halt'] as const) {
  void t.test(`a reboot whose hooks still run at a ${hold} is taken back, also without a delay`, async (t) => {
    const world = await World.opened({ policy: { groupSize: 1, canaryFirst: false } })
    const { agent, bootId, times } = world.host(0)
    world.host(0).times = { ...times, hooksMs: 10_000 }
    if (hold === 'halt') {
      world.host(1).times = { ...times, aptMs: times.aptMs + 5000 }
      world.host(1).faults.upgrade = 'fails'
    }
    await world.until(() => orderOf(agent, 'reboot')?.view.status === 'running')
    await world.clock.runUntil(() => false, 1000)
    if (hold === 'halt') await world.until(() => world.has('window-halted'))
    else await holds[hold].say(world)
    t.equal(orderOf(agent, 'reboot')?.view.gitalyStoppedAt, 0)
    await world.clock.runUntil(() => false, minutes)
    t.equal(world.host(0).bootId, bootId)
    t.equal(orderOf(agent, 'reboot')?.view.status, 'cancelled')
    t.equal(world.phase(0), 'pending-reboot')
    t.same(checkHistory(world), [])
  })
}

void t.test('an abort takes back a reboot order that has not come yet: its late copy is refused', async (t) => {
  const world = new World({ policy: { groupSize: 1 } })
  const late = new LateReboot(world, 10_000)
  await world.openDespiteKills()
  const { agent, bootId } = world.host(0)
  await world.until(() => late.sent)
  await world.clock.runUntil(() => false, 4000)
  await world.say({ kind: 'abort' })
  await world.until(() => world.phase(0) === 'pending-reboot', 4000)
  await world.untilClosed()
  t.notOk(late.arrived)
  await world.clock.runUntil(() => false, minutes)
  t.ok(late.arrived)
  t.equal(orderOf(agent, 'reboot'), undefined)
  t.equal(world.host(0).bootId, bootId)
  t.same(checkHistory(world), [])
})

void t.test('begun before it could be taken back: the node is finished, and not asked again', async (t) => {
  for (const hold of ['pause', 'freeze'] as const) {
    const world = await World.opened({ policy: { groupSize: 1 } })
    await world.until(() => !world.host(0).up)
    await holds[hold].say(world)
    await world.until(() => world.phase(0) === 'returning')
    t.ok(world.history.happenings.filter(({ what }) => what === 'cancel-sent').length < 5)
    await holds[hold].lift(world)
    await world.untilClosed()
    t.equal(phases(world), 'done done done done')
    t.same(checkHistory(world), [])
  }
})

for (const [what, delayMs, hooksMs, lateMs] of [['its delay', 30_000, 0, 12_000], ['its hooks', 0, 5000, 6000]] as const) {
  for (const until of ['given up', 'ended'] as const) void t.test(`who took over sent a reboot again and that copy is late, ${what} over meanwhile and ${until}: behind a pause nothing goes down without a slot`, async (t) => {
    const world = await World.opened({ policy: { groupSize: 1, rebootDelayMs: delayMs } })
    const { agent, bootId } = world.host(0)
    world.host(0).times = { ...world.host(0).times, hooksMs }
    await world.until(() => orderOf(agent, 'reboot')?.view.status === 'running')
    await world.clock.runUntil(() => false, delayMs + hooksMs - 4000)
    const late = new LateReboot(world, lateMs)
    world.kill()
    await world.boot()
    await world.until(() => late.sent)
    await world.until(() => orderOf(agent, 'reboot')?.view.status === 'accepted')
    if (until === 'ended') await world.until(() => world.events().some(({ event }) => event.type === 'step-ended' && event.step === 'reboot') || late.sentAgain)
    await world.say({ kind: 'pause' })
    await world.clock.runUntil(() => false, 2 * minutes)
    t.ok(late.arrived)
    if (until === 'given up') t.equal(world.host(0).bootId, bootId, 'nothing began behind the pause')
    t.same(checkHistory(world), [])
    await world.say({ kind: 'resume' })
    await world.untilClosed()
    t.same(checkHistory(world), [])
  })

  void t.test(`who took over sent a reboot again and that copy is lost, ${what} over meanwhile: with open gates it is sent once more`, async (t) => {
    const world = await World.opened({ policy: { groupSize: 1, rebootDelayMs: delayMs } })
    const { agent, node } = world.host(0)
    world.host(0).times = { ...world.host(0).times, hooksMs }
    await world.until(() => orderOf(agent, 'reboot')?.view.status === 'running')
    await world.clock.runUntil(() => false, delayMs + hooksMs - 4000)
    const late = new LateReboot(world, Infinity)
    world.kill()
    await world.boot()
    await world.untilClosed()
    t.ok(late.sent)
    t.equal(phases(world), 'done done done done')
    t.equal(intents(world, 'reboot', node), 1)
    t.same(checkHistory(world), [])
  })
}

void t.test('with open gates who takes over renews the right of a reboot that waits for its moment', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1, rebootDelayMs: minutes } })
  const { agent, node } = world.host(0)
  await world.until(() => orderOf(agent, 'reboot')?.view.status === 'running')
  world.kill()
  // The gates are not known until GitLab has answered: until then nothing comes of the doubt.
  world.gitlab.readMs = 300
  await world.boot()
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.equal(intents(world, 'reboot', node), 1)
  t.same(checkHistory(world), [])
})

void t.test('a reboot that was held back is sent again as soon as the gates are open', async (t) => {
  const world = await diedHolding('reboot', { policy: { groupSize: 1, rebootDelayMs: minutes } })
  const { agent } = world.host(0)
  await world.say({ kind: 'pause' })
  agent.restarted()
  await world.clock.runUntil(() => false, 5000)
  t.equal(orderOf(agent, 'reboot')?.view.status, 'accepted')
  await world.say({ kind: 'resume' })
  await world.clock.runUntil(() => false, 2000)
  t.equal(orderOf(agent, 'reboot')?.view.status, 'running')
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('an order that is refused when it is sent again is asked about once a second', async (t) => {
  for (const fault of [new Fault('ORDER_RUNNING', 'another one runs'), new Fault('AGENT_ANSWER_INVALID', 'not understood')]) {
    const world = await diedHolding('upgrade')
    const { agent } = world.host(0)
    const take = agent.order.bind(agent)
    agent.order = async () => { throw fault }
    agent.restarted()
    await world.clock.runUntil(() => false, 2000)
    t.match((await world.view()).nodes.find(({ node }) => node === world.host(0).node)?.reasons, [{ code: fault.code }])
    const asked = await askedInAMinute(world, agent)
    t.ok(asked <= 70, `${fault.code}: asked ${asked} times in a minute`)
    agent.order = take
    await world.untilClosed()
    t.equal(phases(world), 'done done done done')
    t.same(checkHistory(world), [])
  }
})

for (const step of ['stage', 'upgrade'] as const) {
  for (const forGood of [false, true]) {
    void t.test(`${step}: a host that cannot tell ${forGood ? 'any more' : 'once'} whether its unit runs ${forGood ? 'is overdue at its deadline, and not failed' : 'is asked again'}`, async (t) => {
      const world = await World.opened({ policy: { groupSize: 1 } })
      const { agent } = world.host(0)
      await world.until(() => orderOf(agent, step)?.view.status === 'running')
      await world.clock.runUntil(() => false, 2000)
      const describe = agent.describe.bind(agent)
      let told = 0
      agent.describe = (epoch, ids) => {
        const view = describe(epoch, ids)
        if (ids.length === 0 || (!forGood && told > 0)) return view
        told++
        return { ...view, orders: view.orders.map((order) => ({ ...order, status: 'in-doubt' as const, reasons: [reason('HEALTH_UNKNOWN', 'whether its unit runs cannot be told')] })) }
      }
      world.kill()
      await world.boot()
      if (forGood) {
        await world.until(() => world.node(0).overdue, 40 * minutes)
        agent.describe = describe
      }
      await world.until(() => world.node(0).steps[step]?.status === 'done')
      t.ok(told > 0)
      t.notOk(world.has('node-failed'))
      if (forGood) await world.say({ kind: 'resume' })
      await world.untilClosed()
      t.equal(phases(world), 'done done done done')
      t.same(checkHistory(world), [])
    })
  }
}

for (const backMs of [3000, 1.5 * minutes]) {
  void t.test(`staging that was told to resolve is given again as it was after ${backMs / 1000} s, though another node has resolved since`, async (t) => {
    const world = await World.opened({ nodes: 2, policy: { groupSize: 1 } })
    world.host(0).faults.vetoes = [reason('DPKG_LOCKED', 'somebody else installs')]
    world.host(1).times = { ...world.host(1).times, stageMs: 30_000 }
    await world.until(() => world.phase(0) === 'postponed')
    world.host(0).faults = {}
    await world.until(() => orderOf(world.host(1).agent, 'stage')?.view.status === 'running')
    // The first of the plan again, a canary beside the one that was called in for it.
    await world.say({ kind: 'retry', node: world.host(0).node })
    await diesHolding(world, 'stage')
    t.notOk(world.has('manifest-resolved'))
    await world.until(() => world.has('manifest-resolved'))
    await world.clock.runUntil(() => false, backMs)
    world.host(0).agent.restarted()
    await world.untilClosed()
    t.equal(phases(world), 'done done')
    t.same(checkHistory(world), [])
  })
}

void t.test('aborted while a node is down: it is not asked to take its reboot back in circles', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1 } })
  await world.until(() => !world.host(0).up)
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  t.ok(world.history.happenings.filter(({ what }) => what === 'cancel-sent').length < 5)
  t.equal(world.phase(0), 'done')
  t.same(checkHistory(world), [])
})
