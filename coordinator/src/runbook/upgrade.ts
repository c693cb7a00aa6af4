// Install exactly the manifest with apt, while Gitaly runs: everything that can happen ahead of the outage.
import { lastStart } from '../domain/admission.ts'
import type { Event } from '../domain/event.ts'
import type { OrderView } from '../domain/observed.ts'
import { absentIsProof, awaitOrder, giveOrder, orderFor, startWithinMs, endedWithout, whyEnded } from './order.ts'
import { type Next, type NodeStep, type View, done, isDone, stepOf } from './step.ts'
import { stoppedUnordered } from './unordered-stop.ts'

export const upgrade: NodeStep = {
  name: 'upgrade',
  part: 'prepare',

  next(view: View): Next {
    const { self, state, node, now } = view
    if (isDone(self, 'upgrade')) return done
    if (stepOf(self, 'upgrade')?.status === 'intended') return awaitOrder(view, 'upgrade')
    return giveOrder(orderFor(view, 'upgrade', { notAfter: Math.min(now + startWithinMs, lastStart(state)), manifestHash: state.manifests.get(node.platform)?.hash ?? '' }))
  },

  conclude(view: View, answer: OrderView, host): readonly Event[] {
    const { self } = view
    const intended = stepOf(self, 'upgrade')
    if (intended === undefined || host === null) return []
    const stopped = stoppedUnordered(self, host)
    if (stopped === 'unknown') return []
    const failed = (reasons: OrderView['reasons']): Event =>
      ({ type: 'node-failed', node: self.node, step: 'upgrade', down: stopped !== null, reasons: [...reasons, ...stopped === null ? [] : [stopped]] })
    switch (answer.status) {
      case 'succeeded': {
        const facts = { changes: answer.changes.length, rebootRequired: answer.rebootRequired, notes: answer.notes, gitalyPid: host.gitalyPid }
        const finished: Event = { type: 'step-done', node: self.node, step: 'upgrade', attempt: self.attempt, facts }
        return stopped === null ? [finished] : [finished, failed([])]
      }
      case 'vetoed': case 'cancelled': {
        const why = whyEnded(view, 'upgrade', answer)
        return [endedWithout(view, 'upgrade', answer), stopped === null ? { type: 'node-postponed', node: self.node, reasons: why } : failed(why)]
      }
      case 'failed': return [endedWithout(view, 'upgrade', answer), failed(whyEnded(view, 'upgrade', answer))]
      case 'absent': case 'accepted': return absentIsProof(view, intended) ? [endedWithout(view, 'upgrade', answer)] : []
      // A host that cannot tell now is asked again; past its deadline the step is overdue.
      case 'running': case 'in-doubt': case 'unknown': return []
      default: return answer.status satisfies never
    }
  }
}
