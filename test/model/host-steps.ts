// What the host may do next: its agent takes in and answers, the order's own process fires, and everything may die in
// between. The disk survives; what the agent and the unit had in mind does not.
import type { Bounds, Steps } from './coordinator-steps.ts'
import { at, derived, filesOf, hostMs, inTime, isOvertaken, isStale, mayFire, type Rules } from './rules.ts'
import { type Host, type HostOrder, isAwaited, type Message, type Reply, type World } from './state.ts'

export function hostSteps(world: World, rules: Rules, bounds: Bounds): Steps {
  return [...deliveries(world, rules, bounds), ...work(world, rules, bounds), ...units(world, rules), ...deaths(world, bounds)]
}

const onHost = (world: World, change: Partial<Host>, rest: Partial<World> = {}): World => ({ ...world, ...rest, host: { ...world.host, ...change } })
const changed = (host: Host, id: string, change: Partial<HostOrder>): readonly HostOrder[] => host.orders.map((each) => each.id === id ? { ...each, ...change } : each)

/** An answer that nobody waits for is none. */
function answered(world: World, to: Message, status: string, stopped = false): World {
  if (!isAwaited(world, to)) return world
  const reply: Reply = { to: to.from, call: to.call, about: to.kind, status, stopped }
  return { ...world, replies: [...world.replies, reply], ...status === 'stale' ? {} : { acknowledged: Math.max(world.acknowledged, to.epoch) } }
}

/** A message may come at any time, in any order, twice, or never. First half: the epoch, then the renewed right. */
function deliveries(world: World, rules: Rules, bounds: Bounds): Steps {
  const { host } = world
  return world.net.flatMap((message, index): Steps => {
    const rest = world.net.filter((_each, other) => other !== index)
    const receive = (net: readonly Message[], duplicates: number): World => {
      const before = { ...world, net, duplicates }
      if (rules.refusesOlderEpochs && isStale(message.epoch, host.epoch)) return answered(before, message, 'stale')
      const epoch = Math.max(host.epoch, message.epoch)
      const known = message.kind === 'order' ? host.orders.find(({ id }) => id === message.id) : undefined
      const renewed = message.kind === 'order' && known !== undefined && known.outcome === '' && known.decision === ''
        ? changed(host, known.id, { grant: { epoch: message.epoch, notBefore: message.notBefore, notAfter: message.notAfter } }) : host.orders
      const saved = rules.persistsBeforeAnswering ? { epoch } : { unsaved: Math.max(host.unsaved, epoch) }
      const asks = message.kind === 'order' || isAwaited(world, message)
      return onHost(before, { ...saved, orders: renewed, work: asks ? [...host.work, message] : host.work })
    }
    const what = `${message.kind} of epoch ${message.epoch}`
    return [
      [`host receives ${what}`, receive(rest, world.duplicates)],
      ...world.duplicates < bounds.duplicates ? [[`host receives ${what}, which comes twice`, receive(world.net, world.duplicates + 1)] as const] : []
    ]
  })
}

/** Second half, after the host was looked at: others may have been heard meanwhile. */
function work(world: World, rules: Rules, bounds: Bounds): Steps {
  const { host } = world
  const found: Steps = host.work.flatMap((message, index): Steps => {
    const without = onHost(world, { work: host.work.filter((_each, other) => other !== index) })
    if (message.kind === 'describe') return [[`host answers what became of ${message.id.slice(0, 8)}`, told(without, message)]]
    const known = host.orders.find(({ id }) => id === message.id)
    if (known !== undefined) {
      const status = derived(world, known).status
      // Accepted, and its unit never came to begin: started again; only one can ever begin.
      const started = status === 'accepted' ? onHost(without, { orders: changed(host, known.id, { unit: 'waiting' }) }) : without
      return [['host knows the order', told(started, message)]]
    }
    if (host.orders.some((each) => ['accepted', 'running', 'in-doubt'].includes(derived(world, each).status))) return [['host is busy', answered(without, message, 'busy')]]
    const request = { id: message.id, fleet: 'lab', node: 'n1', planHash: 'plan', manifestHash: '', epoch: message.epoch, notBeforeMs: at(message.notBefore), notAfterMs: at(message.notAfter), bootId: String(message.boot) }
    const refused = !inTime(world, message) || rules.rebootReasons(request, String(host.boot), host.orders.map((each) => filesOf(each, hostMs(world))))
    if (refused) return [['host refuses the order', answered(without, message, 'vetoed')]]
    const order: HostOrder = {
      id: message.id, attempt: message.attempt, boot: host.boot, grant: { epoch: message.epoch, notBefore: message.notBefore, notAfter: message.notAfter },
      decision: '', outcome: '', unit: 'waiting', stopped: false, acknowledgedBefore: 0
    }
    const accepted = onHost(without, { orders: [...host.orders, order] })
    return [
      ['host accepts the order', answered(accepted, message, 'running')],
      ...host.refusals < bounds.refusals ? [['host refuses for reasons of its own', answered(onHost(without, { refusals: host.refusals + 1 }), message, 'vetoed')] as const] : []
    ]
  })
  if (host.unsaved > host.epoch) found.push(['host saves the epoch', onHost(world, { epoch: host.unsaved, unsaved: 0 })])
  return found
}

/** What the agent says of an order, after it made durable what can no longer change. */
function told(world: World, message: Message): World {
  const order = world.host.orders.find(({ id }) => id === message.id)
  const denied = isAwaited(world, message) ? { ...world.denied, [message.id]: Math.max(world.denied[message.id] ?? 0, message.epoch) } : world.denied
  if (order === undefined) return { ...answered(world, message, 'absent'), denied }
  const { status, settle } = derived(world, order)
  const kept = settle === undefined ? {} : 'decision' in settle ? { decision: settle.decision.kind } : { outcome: settle.outcome.status as HostOrder['outcome'] }
  const after = answered(onHost(world, { orders: changed(world.host, order.id, kept) }), message, status, order.stopped)
  return order.decision === 'begun' ? after : { ...after, denied }
}

function units(world: World, rules: Rules): Steps {
  const { host } = world
  return host.orders.flatMap((order): Steps => {
    const with_ = (change: Partial<HostOrder>): World => onHost(world, { orders: changed(host, order.id, change) })
    switch (order.unit) {
      case 'none': return []
      case 'waiting':
        if (order.decision !== '' || order.outcome !== '') return [['unit finds the order decided', with_({ unit: 'none' })]]
        return rules.unitChecksWhenItFires && !mayFire(world, order)
          ? [['unit finds reasons against it', with_({ unit: 'none', outcome: 'vetoed' })]]
          : [['unit finds nothing against it', with_({ unit: 'cleared' })]]
      case 'cleared':
        if (order.decision !== '') return [['unit was too late to begin', with_({ unit: 'none' })]]
        return [['unit begins', with_({ unit: 'begun', decision: 'begun', acknowledgedBefore: world.acknowledged })]]
      case 'begun':
        return rules.unitReadsEpochAgain && isOvertaken(order.grant.epoch, host.epoch)
          ? [['unit finds itself overtaken', with_({ unit: 'none', outcome: 'vetoed' })]]
          : [['unit stops Gitaly', stopsGitaly(with_({ unit: 'going', stopped: true }), order)]]
      case 'going': return [['host reboots', reboots(world, order)]]
      default: return order.unit satisfies never
    }
  })
}

function stopsGitaly(after: World, { id, grant, attempt, acknowledgedBefore }: HostOrder): World {
  const denied = after.denied[id] ?? 0
  if (grant.epoch < acknowledgedBefore) return { ...after, wrong: `an order of epoch ${grant.epoch} was begun after epoch ${acknowledgedBefore} had been acknowledged` }
  if (grant.epoch < denied) return { ...after, wrong: `epoch ${denied} was told that the order was not begun, and it was, under epoch ${grant.epoch}` }
  const last = after.journal.at(-1)
  if (last?.kind === 'never' && last.attempt === attempt) return { ...after, wrong: `attempt ${attempt} was settled as never begun, and was begun` }
  return after
}

function reboots(world: World, order: HostOrder): World {
  const counted = world.reboots.map((count, attempt) => attempt === order.attempt ? count + 1 : count)
  const asked = world.journal.filter(({ kind }) => kind === 'retried').length
  const all = counted.reduce((sum, each) => sum + each, 0)
  const wrong = counted.some((count) => count > 1) ? `attempt ${order.attempt} rebooted twice`
    : all > 1 + asked ? `${all} reboots, and a person asked for ${1 + asked}` : world.wrong
  return { ...allDie(world), reboots: counted, wrong }
}

/** Another boot: nothing runs any more, and what the agent had taken in is gone. */
function allDie(world: World): World {
  return onHost(world, { boot: world.host.boot + 1, work: [], unsaved: 0, orders: world.host.orders.map((each) => ({ ...each, unit: 'none' })) })
}

function deaths(world: World, bounds: Bounds): Steps {
  const { host } = world
  if (host.crashes >= bounds.agentCrashes) return []
  const crashes = host.crashes + 1
  const found: Steps = []
  if (host.work.length > 0 || host.unsaved > 0) found.push(['agent crashes', onHost(world, { crashes, work: [], unsaved: 0 })])
  for (const order of host.orders) {
    if (order.unit !== 'none') found.push(['unit is killed', onHost(world, { crashes, orders: changed(host, order.id, { unit: 'none' }) })])
  }
  return found
}
