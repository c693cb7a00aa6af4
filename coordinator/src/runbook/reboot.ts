// Reboot once, and prove it: another boot id than the one that the order ended.
import { formatDuration } from '@pitstop/shared/duration'
import { reason } from '@pitstop/shared/fault'
import { lastStart } from '../domain/admission.ts'
import type { Event } from '../domain/event.ts'
import type { OrderView } from '../domain/observed.ts'
import { lookAgain } from './look.ts'
import { absentIsProof, awaitOrder, endedWithout, giveOrder, orderFor } from './order.ts'
import { pointOfNoReturn, stepBack } from './point-of-no-return.ts'
import { type Next, type NodeStep, type View, act, done, isDone, record, stepOf, wait } from './step.ts'

/** A reboot order begins soon after its final check, or not at all. */
const startWithinMs = 15_000

export const reboot: NodeStep = {
  name: 'reboot',
  part: 'slot',

  next(view: View): Next {
    const { self, state, observed, now } = view
    if (isDone(self, 'reboot')) return done
    const intended = stepOf(self, 'reboot')
    // A recheck orders nothing: a person says that the host has been seen to.
    if (intended === undefined || (intended.status !== 'intended' && !self.recheck)) {
      const check = observed.finalChecks.get(self.node)
      if (check?.otherwise !== 'go') return pointOfNoReturn.next(view)
      const delay = state.stored.plan.policy.rebootDelayMs
      const notAfter = Math.min(now + delay + startWithinMs, lastStart(state))
      const order = orderFor(view, 'reboot', { notAfter, bootId: check.bootId, manifestHash: state.manifests.get(view.node.platform)?.hash ?? '' })
      return giveOrder(order)
    }
    const verdict = observed.looks.get(self.node)?.verdict
    if (verdict !== undefined && verdict !== null && verdict.bootId !== '' && verdict.bootId !== intended.facts.bootId) {
      return record({ type: 'step-done', node: self.node, step: 'reboot', attempt: self.attempt, facts: { bootId: verdict.bootId } })
    }
    // Until the agent has said what became of the order, it is in doubt; a host that is down does not answer.
    const told = observed.rebootOrders.get(self.node)
    const known = told !== undefined && told.id === intended.facts.orderId && told.status !== 'absent' && told.status !== 'unknown'
    if (!known && !self.recheck && observed.agentFaults.get(self.node) === undefined) return awaitOrder(view, 'reboot')
    if (state.window.abort !== null && known && told.gitalyStoppedAt === 0 && told.status === 'running') {
      return act({ kind: 'cancel-reboot', node: self.node, orderId: told.id, reason: state.window.abort.reason })
    }
    const elapsed = now - intended.intendedAt
    return lookAgain(view, intended.facts.orderId ?? '') ??
      wait([reason('NOT_REBOOTED', `${self.node} is rebooting for ${formatDuration(elapsed)}`, 'nothing to do: pitstop looks every second')], now + 1000)
  },

  conclude(view: View, answer: OrderView): readonly Event[] {
    const { self } = view
    const intended = stepOf(self, 'reboot')
    if (intended === undefined) return []
    switch (answer.status) {
      // Scheduled or begun: only another boot id is proof of more.
      case 'accepted': case 'running': case 'succeeded': case 'unknown': case 'in-doubt': return []
      case 'vetoed': case 'cancelled': return [endedWithout(view, 'reboot', answer), ...stepBack(view, answer.reasons, 'postpone')]
      case 'failed': return answer.gitalyStoppedAt === 0
        ? [endedWithout(view, 'reboot', answer), ...stepBack(view, answer.reasons, 'postpone')]
        : [endedWithout(view, 'reboot', answer), { type: 'node-failed', node: self.node, step: 'reboot', down: true, reasons: answer.reasons }]
      // The slot stays taken: the final check is made again, and with it the order.
      case 'absent': return absentIsProof(view, intended) ? [endedWithout(view, 'reboot', answer)] : []
      default: return answer.status satisfies never
    }
  }
}
