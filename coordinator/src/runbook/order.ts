// How a step gives an agent an order and learns what came of it: the same for staging and upgrading, and the beginning
// of a reboot. An intent without outcome is in doubt: ask the agent, which remembers; no answer = still in doubt.
import { orderId } from '@pitstop/shared/order-id'
import { type Reason, reason } from '@pitstop/shared/fault'
import { type OrderRequest, orderKey } from '../domain/effect.ts'
import type { Event, StepFacts } from '../domain/event.ts'
import { type OrderView, stillCounts } from '../domain/observed.ts'
import { mayBeginUntil } from '../domain/order-time.ts'
import type { StepState } from '../domain/state.ts'
import { type Next, type View, act, stepOf, wait } from './step.ts'

type OrderStep = OrderRequest['step']

/** An agent that did not answer, or whose answer settled nothing, is asked again after this long. */
const askAgainMs = 1000

/** A lost order must begin within this time or never: so a doubt ends even if nobody ever answers for it. */
export const startWithinMs = 60_000

export function orderFor(view: View, step: OrderStep, details: { readonly notAfter: number, readonly bootId?: string, readonly manifestHash?: string }): OrderRequest {
  const { self, state, now } = view
  return {
    id: orderId({ planHash: state.stored.hash, node: self.node, step, attempt: self.attempt }),
    step, node: self.node, attempt: self.attempt, notBefore: now, notAfter: details.notAfter,
    manifestHash: details.manifestHash ?? '', bootId: details.bootId ?? ''
  }
}

export function giveOrder(order: OrderRequest, facts: StepFacts = {}): Next {
  const intent: Event = {
    type: 'step-intended', node: order.node, step: order.step, attempt: order.attempt,
    facts: { orderId: order.id, notAfter: order.notAfter, bootId: order.bootId, manifestHash: order.manifestHash, ...facts }
  }
  return act({ kind: 'order', order, intent: [intent] })
}

/** What to do about an order whose intent is journaled and whose outcome is not. */
export function awaitOrder(view: View, step: OrderStep): Next {
  const { self, observed, now } = view
  const intended = stepOf(self, step)
  if (intended === undefined || observed.inFlight.has(orderKey(self.node))) {
    const progress = observed.progress.get(self.node)
    return wait([reason('WAITING', `${step} is running on ${self.node}${progress === undefined ? '' : `: ${progress.text}`}`)])
  }
  const fault = observed.agentFaults.get(self.node)
  if (fault !== undefined && stillCounts(fault.at, askAgainMs, now)) return wait([fault.reason], fault.at + askAgainMs)
  // It answered, and the doubt is still there: whatever the answer was, it is not asked for in a circle.
  const answered = observed.answered.get(self.node)
  if (answered !== undefined && stillCounts(answered, askAgainMs, now)) return wait([reason('WAITING', `${self.node} is asked every second what became of its ${step} order`)], answered + askAgainMs)
  return act({ kind: 'settle-order', node: self.node, step, orderId: intended.facts.orderId ?? '' })
}

/** Re-attach to an order that the agent is carrying out. The agent knows it by its id; nothing new is journaled. */
export function reattach(view: View, step: OrderStep, intended: StepState): OrderRequest {
  const { facts } = intended
  return {
    id: facts.orderId ?? '', step, node: view.self.node, attempt: view.self.attempt, notBefore: intended.intendedAt,
    notAfter: facts.notAfter ?? 0, manifestHash: facts.manifestHash ?? '', bootId: facts.bootId ?? ''
  }
}

/**
 * The agent never heard of the order, or took it in and nothing of it runs and nothing was decided. It did not happen, and it
 * cannot happen any more if the agent has meanwhile seen a newer epoch than that of every copy, or if the order's time to begin has
 * passed by the host's clock too, which may be behind. Then it is given again, behind the gates. Else: still in doubt.
 * `view.now` is when the agent was *asked*: its answer says nothing about later.
 */
export function absentIsProof(view: View, intended: StepState): boolean {
  if (overtaken(view, intended)) return true
  const { observed, now } = view
  const over = mayBeginUntil(intended)
  // Our own clock may have been set forward since: the host's has not, so that much time must also have gone by.
  return now > over && observed.ageMs({ seq: intended.intendedSeq, at: intended.intendedAt }, now) > over - intended.intendedAt
}

/** The agent knows a newer epoch than the one that the order was journaled under, and refuses every copy that was sent under that. */
export const overtaken = (view: View, intended: StepState): boolean => view.observed.epoch > intended.epoch && !mayComeLate(view, intended)

/** Sent once more under the present epoch: that copy may come late, and nobody refuses it before its time is over. */
export const mayComeLate = ({ self, observed }: View, { facts }: StepState): boolean => facts.orderId !== undefined && observed.sentAgain.get(self.node) === facts.orderId

/** Journal that an order ended without success. */
export const endedWithout = (view: View, step: OrderStep, answer: OrderView): Event =>
  ({ type: 'step-ended', node: view.self.node, step, attempt: view.self.attempt, reasons: whyEnded(view, step, answer) })

/** The agent's reasons; where it gave none, what it said at least. */
export function whyEnded({ self }: View, step: OrderStep, { reasons, status }: OrderView): readonly Reason[] {
  if (reasons.length > 0) return reasons
  return [status === 'absent' ? reason('NOT_NOW', `the agent of ${self.node} never received the ${step} order`)
    : status === 'accepted' ? reason('NOT_NOW', `the ${step} order of ${self.node} was taken in and cannot begin any more; it is given again`)
    : reason('HEALTH_UNKNOWN', `the agent of ${self.node} says that the ${step} order is ${status}, and not why`)]
}
