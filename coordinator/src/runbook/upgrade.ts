// Install exactly the manifest with apt, while Gitaly runs: everything that can happen ahead of the outage.
import { reason } from '@pitstop/shared/fault'
import { lastStart } from '../domain/admission.ts'
import type { Event } from '../domain/event.ts'
import type { OrderView } from '../domain/observed.ts'
import { absentIsProof, awaitOrder, giveOrder, orderFor, startWithinMs, endedWithout, whyEnded } from './order.ts'
import { type Next, type NodeStep, type View, done, isDone, stepOf } from './step.ts'

export const upgrade: NodeStep = {
  name: 'upgrade',
  part: 'prepare',

  next(view: View): Next {
    const { self, state, node, now } = view
    if (isDone(self, 'upgrade')) return done
    if (stepOf(self, 'upgrade')?.status === 'intended') return awaitOrder(view, 'upgrade')
    return giveOrder(orderFor(view, 'upgrade', { notAfter: Math.min(now + startWithinMs, lastStart(state)), manifestHash: state.manifests.get(node.platform)?.hash ?? '' }))
  },

  conclude(view: View, answer: OrderView, gitaly): readonly Event[] {
    const { self } = view
    const intended = stepOf(self, 'upgrade')
    if (intended === undefined) return []
    const failed = (down: boolean, reasons: OrderView['reasons']): Event =>
      ({ type: 'node-failed', node: self.node, step: 'upgrade', down, reasons })
    switch (answer.status) {
      case 'succeeded': {
        const facts = { changes: answer.changes.length, rebootRequired: answer.rebootRequired, notes: answer.notes, ...(gitaly === null ? {} : { gitalyPid: gitaly.pid }) }
        const finished: Event = { type: 'step-done', node: self.node, step: 'upgrade', attempt: self.attempt, facts }
        const before = stepOf(self, 'stage')?.facts.gitalyPid ?? 0
        // A Gitaly that restarted under apt was down without a slot: it takes one now, and a person looks.
        if (gitaly !== null && (!gitaly.runs || (before !== 0 && gitaly.pid !== before))) {
          return [finished, failed(true, [reason('SERVICE_UNHEALTHY', gitaly.runs
            ? `Gitaly of ${self.node} restarted during the upgrade (pid ${before}, now ${gitaly.pid})`
            : `Gitaly of ${self.node} does not run after the upgrade`)])]
        }
        return [finished]
      }
      case 'vetoed': case 'cancelled': return [endedWithout(view, 'upgrade', answer), { type: 'node-postponed', node: self.node, reasons: whyEnded(view, 'upgrade', answer) }]
      case 'failed': return [endedWithout(view, 'upgrade', answer), failed(gitaly !== null && !gitaly.runs, whyEnded(view, 'upgrade', answer))]
      case 'absent': case 'accepted': return absentIsProof(view, intended) ? [endedWithout(view, 'upgrade', answer)] : []
      // A host that cannot tell now is asked again; past its deadline the step is overdue.
      case 'running': case 'in-doubt': case 'unknown': return []
      default: return answer.status satisfies never
    }
  }
}
