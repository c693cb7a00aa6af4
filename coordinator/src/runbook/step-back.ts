// A node that was prepared, wholly or in part, and will not go down in this window: Gitaly is validated again, its weight goes
// back, and under new packages it is "pending reboot", never "done".
import type { Reason } from '@pitstop/shared/fault'
import { lookAgain, nextLookAt } from './look.ts'
import { awaitOrder } from './order.ts'
import { type Next, type View, record, stepOf, wait } from './step.ts'

export function stepBackPrepared(view: View, because: Reason): Next {
  const { self, observed } = view
  for (const step of ['stage', 'upgrade'] as const) {
    if (stepOf(self, step)?.status === 'intended') return awaitOrder(view, step)
  }
  // Neither drained nor upgraded it is as it was, however that is.
  if (!self.upgraded && stepOf(self, 'zero-weight') === undefined) return record({ type: 'node-postponed', node: self.node, reasons: [because] })
  const look = observed.looks.get(self.node)
  if (look?.verdict != null && look.seq >= self.phaseSeq && look.seq >= (stepOf(self, 'upgrade')?.endedSeq ?? 0)) {
    if (look.verdict.status === 'healthy') return record({ type: self.upgraded ? 'node-pending-reboot' : 'node-postponed', node: self.node, reasons: [because] })
    if (look.verdict.status === 'unhealthy') return record({ type: 'node-failed', node: self.node, step: 'upgrade', down: true, reasons: look.verdict.reasons })
  }
  return lookAgain(view, '') ?? wait([because, ...(look?.fault == null ? [] : [look.fault])], look === undefined ? view.now + 1000 : nextLookAt(self, look))
}
