// Orders to agents and looks at them. The intent is journaled before an order leaves; an agent that does not answer
// leaves it in doubt, and only the agent's own memory settles that.
import { Fault, asFault, reason } from '@pitstop/shared/fault'
import { orderId } from '@pitstop/shared/order-id'
import type { Effect, OrderRequest } from '../domain/effect.ts'
import type { Event } from '../domain/event.ts'
import type { HostView, Look, OrderView } from '../domain/observed.ts'
import { type PlanNode, planNodeOf } from '../domain/plan.ts'
import type { State } from '../domain/state.ts'
import { isRunning, nodeOf, stillHolds } from '../domain/state.ts'
import type { OrderPayload } from '../ports.ts'
import { runbook } from '../runbook/index.ts'
import { reattach } from '../runbook/order.ts'
import { judgeFinalCheck } from '../runbook/point-of-no-return.ts'
import { noRoom } from '../runbook/room-in-group.ts'
import { isSentAgain } from '../runbook/sent-again.ts'
import { type View, stepOf } from '../runbook/step.ts'
import { noteAlerts, readAlerts } from './alert-effects.ts'
import type { Hands } from './hands.ts'
import { readGitLab, rereadGitLab } from './gitlab-effects.ts'

/** Lease that must be left when an order is sent: the agent fences everything later by its epoch. */
const sendMs = 500

/** A reboot order leaves this soon after it was decided on, or not at all: its last look would be old. The doubt is settled by asking. */
const rebootLeavesWithinMs = 3000

type Of<K extends Effect['kind']> = Extract<Effect, { kind: K }>

/** @param decidedOn the state that the order was decided on; if it no longer holds nothing is journaled and nothing sent. */
export async function giveOrder(hands: Hands, { order, intent }: Of<'order'>, decidedOn: State): Promise<void> {
  const leave = await mayLeave(hands, order, intent, decidedOn)
  if (leave !== null) await withAgent(hands, order.node, () => send(hands, order, leave))
}

/** When it was decided that an order may leave, and the state that says so. */
interface Leave { readonly decidedAt: number, readonly under: State }

/** Journals the intent, if what was decided still holds. Null: nothing may be sent. */
async function mayLeave(hands: Hands, order: OrderRequest, intent: readonly Event[], decidedOn: State): Promise<Leave | null> {
  const decidedAt = hands.clock.monotonic()
  let holds = true
  await hands.journal.append((state) => {
    holds = hands.observed().frozen === null && stillHolds(decidedOn, state, [order.node]) && (order.step !== 'reboot' || noRoom({ state, self: nodeOf(state, order.node) }) === null)
    return holds ? intent : []
  })
  return holds ? { decidedAt, under: hands.journal.state } : null
}

/** What may not leave any more when its host is reached stays in doubt, and is settled by asking. */
async function send(hands: Hands, order: OrderRequest, { decidedAt, under }: Leave): Promise<void> {
  const node = planNode(hands.journal.state, order.node)
  await ofAgent(hands.agents.reach(node))
  if (hands.observed().frozen !== null || !stillHolds(under, hands.journal.state, [order.node])) return
  if (order.step === 'reboot' && hands.clock.monotonic() - decidedAt > rebootLeavesWithinMs) return
  hands.guard(sendMs)
  const answer = await ofAgent(refusable(order, () => hands.agents.order(node, payload(hands, order), (percent, text) => {
    hands.noted.progress.set(order.node, { percent, text })
  })))
  hands.noted.progress.delete(order.node)
  heard(hands, order.node)
  await conclude(hands, node, order.step, answer)
}

export async function settleOrder(hands: Hands, { node: name, step, orderId: id }: Of<'settle-order'>): Promise<void> {
  const node = planNode(hands.journal.state, name)
  await withAgent(hands, name, async () => {
    // An answer says nothing about later than it was asked for: "never heard of it" may be untrue by the time it is here.
    const asked = instant(hands)
    const host = await ofAgent(hands.agents.describe(node, hands.journal.epoch, [id]))
    heard(hands, name)
    const answer = host.orders.find((order) => order.id === id) ?? absent(id)
    const view = viewOf(hands, node)
    const intended = stepOf(view.self, step)
    if (intended !== undefined && isSentAgain(view, step, intended, answer, host.bootId)) {
      if (step === 'reboot') hands.noted.rebootOrders.set(name, { order: answer, askedAt: hands.clock.now() })
      const order = reattach(view, step, intended)
      const leave = await mayLeave(hands, order, [], view.state)
      if (leave === null) return
      // Before it leaves: whatever becomes of this copy, what is known of the order is not the last word on it any more.
      hands.noted.sentAgain.set(name, order.id)
      await send(hands, order, leave)
      return
    }
    const before = hands.journal.state
    await conclude(hands, node, step, answer, host, asked)
    // A reboot that succeeded waits for another boot.
    if (hands.journal.state === before && answer.status !== 'accepted' && answer.status !== 'running' && !(step === 'reboot' && answer.status === 'succeeded')) {
      throw new AgentTrouble(new Fault('AGENT_ANSWER_INVALID', `what became of ${id} is not known yet (${[`${name} says: ${answer.status}`, ...host.gitalyRuns === null ? ['whether its Gitaly runs is not known'] : [], ...answer.reasons.map(({ text }) => text)].join('; ')})`, { hint: answer.reasons[0]?.hint ?? 'nothing to do: pitstop asks again' }))
    }
  })
}

export async function cancelReboot(hands: Hands, { node: name, orderId: rebootId, reason: why }: Of<'cancel-reboot'>): Promise<void> {
  const { state } = hands.journal
  const node = planNode(state, name)
  const { attempt } = nodeOf(state, name)
  await withAgent(hands, name, async () => {
    const now = hands.clock.now()
    const order: OrderRequest = {
      id: orderId({ planHash: state.stored.hash, node: name, step: 'cancel', attempt }), step: 'reboot', node: name, attempt,
      notBefore: now, notAfter: now + 60_000, manifestHash: '', bootId: ''
    }
    await ofAgent(hands.agents.reach(node))
    hands.guard(sendMs, true)
    const { result, order: reboot } = await ofAgent(hands.agents.cancelReboot(node, { ...payload(hands, order), reason: why }, rebootId))
    heard(hands, name)
    // Too late, or no longer needed: what the agent says of the order itself counts.
    const known = reboot ?? { ...absent(rebootId), status: 'running' as const }
    const answer: OrderView = result === 'too-late'
      ? { ...known, gitalyStoppedAt: known.gitalyStoppedAt === 0 && known.status === 'running' ? now : known.gitalyStoppedAt }
      : { ...(reboot ?? absent(rebootId)), id: rebootId, status: 'cancelled', reasons: [reason('ORDER_CANCELLED', `the reboot was taken back: ${why}`)] }
    await conclude(hands, node, 'reboot', answer)
  })
}

export async function look(hands: Hands, { node: name, orderId: id }: Of<'look'>): Promise<void> {
  const node = planNode(hands.journal.state, name)
  const at = hands.clock.now()
  const { seq } = hands.journal.state
  const { recheck } = nodeOf(hands.journal.state, name)
  const see = (seen: Pick<Look, 'verdict' | 'fault' | 'outside'>): void => {
    hands.noted.looks.set(name, { at, seq, recheck, ...seen })
  }
  try {
    const [verdict, outside] = await Promise.all([hands.agents.health(node, hands.journal.epoch, id, recheck), hands.agents.probeGitaly(node)])
    see({ verdict, outside, fault: null })
    hands.noted.agentFaults.delete(name)
  } catch (error) {
    const fault = asFault(error)
    if (fault.code === 'STALE_EPOCH') throw fault
    see({ verdict: null, outside: null, fault: fault.toReason() })
  }
}

export async function finalCheck(hands: Hands, { node: name }: Of<'final-check'>): Promise<void> {
  const node = planNode(hands.journal.state, name)
  const at = hands.clock.now()
  const { slotTakenSeq: slotSeq } = nodeOf(hands.journal.state, name)
  // Only looks: frozen, it finds that gate closed too, and the slot goes back.
  hands.guard(sendMs, true)
  const last = hands.observed().gitlab
  const [gitlab, host, alerts] = await Promise.all([
    (last === null ? readGitLab(hands) : rereadGitLab(hands, last)).catch((error: unknown) => asFault(error).toReason()),
    hands.agents.describe(node, hands.journal.epoch, []).catch((error: unknown) => {
      const fault = asFault(error)
      if (fault.code === 'STALE_EPOCH') throw fault
      return fault.toReason()
    }),
    readAlerts(hands)
  ])
  noteAlerts(hands, alerts)
  if ('code' in gitlab) hands.observe({ gitlabFault: { reason: gitlab, at: hands.clock.now() } })
  const check = { ...judgeFinalCheck(viewOf(hands, node), at, gitlab, host, alerts), slotSeq }
  hands.noted.finalChecks.set(name, check)
  if ('code' in host) hands.noted.agentFaults.set(name, { reason: host, at: hands.clock.now() })
  else hands.noted.agentFaults.delete(name)
}

/** Ask idle nodes whether anybody can be reached at all. */
export async function lookAround(hands: Hands, { nodes }: Of<'look-around'>): Promise<void> {
  const at = hands.clock.now()
  const { seq } = hands.journal.state
  const answers = await Promise.allSettled(nodes.map((name) => hands.agents.describe(planNode(hands.journal.state, name), hands.journal.epoch, [])))
  hands.observe({ around: { at, seq, tried: nodes.length, reached: answers.filter(({ status }) => status === 'fulfilled').length } })
}

/** Nothing has come of the order yet, or nobody knows what. */
const underWay: ReadonlySet<OrderView['status']> = new Set(['running', 'in-doubt', 'unknown'])

async function conclude(hands: Hands, node: PlanNode, step: string, answer: OrderView, seen?: HostView, asked = instant(hands)): Promise<void> {
  // The host beside the answer: what became of an order says nothing about whether its host or its Gitaly went down by itself.
  const host = seen ?? (underWay.has(answer.status) ? null : await ofAgent(hands.agents.describe(node, hands.journal.epoch, [])))
  if (step === 'reboot') hands.noted.rebootOrders.set(node.node, { order: answer, askedAt: hands.clock.now() })
  await hands.journal.append((state) => {
    const self = nodeOf(state, node.node)
    const events = runbook.find(({ name }) => name === step)?.conclude?.({ ...viewOf(hands, node), ...asOf(hands, asked), state, self }, answer, host) ?? []
    // A person may have written the node off meanwhile: then the step's end is told, and the node stays theirs.
    return isRunning(self) ? events : events.filter(({ type }) => type === 'step-done' || type === 'step-ended')
  })
}

const instant = ({ clock }: Hands): { readonly now: number, readonly ran: number } => ({ now: clock.now(), ran: clock.monotonic() })

/** Time as it was when an agent was asked, by the clock on the wall and by the one that never jumps. */
const asOf = (hands: Hands, { now, ran }: ReturnType<typeof instant>): Pick<View, 'now' | 'observed'> => {
  const observed = hands.observed()
  return { now, observed: { ...observed, ageMs: (entry) => observed.ageMs(entry, hands.clock.now()) - (hands.clock.monotonic() - ran) } }
}

/** What the agent refuses for good is an answer; what is only lost stays in doubt. */
async function refusable(order: OrderRequest, call: () => Promise<OrderView>): Promise<OrderView> {
  try {
    return await call()
  } catch (error) {
    const fault = asFault(error)
    const final = fault.code === 'ORDER_REUSED' || fault.code === 'INVALID_INPUT' || fault.code === 'WRONG_ROLE' || fault.code === 'WRONG_NODE' || fault.code === 'WRONG_FLEET'
    if (!final) throw fault
    return { ...absent(order.id), status: 'vetoed', reasons: [fault.toReason()] }
  }
}

function heard(hands: Hands, node: string): void {
  hands.noted.agentFaults.delete(node)
  hands.noted.answered.set(node, hands.clock.now())
}

/** An agent refused, or was not reached. Its code says what is wrong over there: STATE_UNREADABLE is its disk, LEASE_LOST would not be our lease. */
class AgentTrouble extends Error {
  readonly fault: Fault

  constructor(fault: Fault) {
    super(fault.message, { cause: fault })
    this.fault = fault
  }
}

/** What an agent says no with is told apart from our own troubles by where it comes from. Only its refusal of our epoch concerns us. */
async function ofAgent<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    const fault = asFault(error)
    throw fault.code === 'STALE_EPOCH' ? fault : new AgentTrouble(fault)
  }
}

/** An agent that fails to answer is an observation; the order it was about stays in doubt. */
async function withAgent(hands: Hands, node: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof AgentTrouble)) throw error
    hands.noted.agentFaults.set(node, { reason: error.fault.toReason(), at: hands.clock.now() })
  }
}

function payload(hands: Hands, order: OrderRequest): OrderPayload {
  const { state, epoch } = hands.journal
  const { plan, hash } = state.stored
  const platform = planNode(state, order.node).platform
  return {
    order, epoch, fleet: plan.fleet, planHash: hash,
    // An order that was told to resolve keeps to that, though somebody else has resolved since: its content is part of it.
    manifest: order.step === 'reboot' || (order.step === 'stage' && order.manifestHash === '') ? [] : state.manifests.get(platform)?.packages ?? [],
    delayMs: plan.policy.rebootDelayMs, reason: plan.reason,
    deadlineMs: order.step === 'stage' ? plan.policy.deadlines.stageMs : plan.policy.deadlines.upgradeMs
  }
}

function viewOf(hands: Hands, node: PlanNode): View {
  const { state } = hands.journal
  return { state, self: nodeOf(state, node.node), node, observed: hands.observed(), now: hands.clock.now() }
}

function planNode(state: State, name: string): PlanNode {
  const node = planNodeOf(state.stored.plan, name)
  if (node === undefined) throw new Fault('INTERNAL', `${name} is not in the plan`)
  return node
}

const absent = (id: string): OrderView =>
  ({ id, status: 'absent', reasons: [], changes: [], notes: [], rebootRequired: false, gitalyStoppedAt: 0 })
