// A node that went down and is not well has its weight at 0, whatever became of it in between: it may have been healthy, and its
// weight put back, or a write that puts it back lost. Such a node takes no new projects and is not rebooted before it is drained anew.
import { type Reason, reason } from '@pitstop/shared/fault'
import { faultTable } from '@pitstop/shared/fault-table'
import { weightObligation } from '../domain/state.ts'
import { mayBeRestored } from '../domain/weights.ts'
import { untilSettled } from './settle.ts'
import { type Next, type View, isDone, wait } from './step.ts'
import { mayWrite } from './zero-weight.ts'

/** Storages of which our own hand may have put the weight back. What somebody else raised is not among them. */
export function putBack({ state, self, node }: Pick<View, 'state' | 'self' | 'node'>): readonly string[] {
  if (state.stored.plan.policy.drain === 'none') return []
  const inDoubt = self.steps['zero-weight']?.status !== 'done' || mayBeRestored(state, self.node)
  return node.storages.filter((storage) => {
    const status = state.obligations.get(weightObligation(storage))?.status
    return status === 'paid' || (status === 'open' && inDoubt)
  })
}

/** Null: it is drained, and what was begun before has settled. A write that may still land is waited for; the promise is made anew, and kept at. */
export function drainAnew(view: View): Next | null {
  const { state, self, observed } = view
  if (state.stored.plan.policy.drain === 'none') return null
  const storages = putBack(view)
  if (storages.length === 0) {
    const zeroed = self.steps['zero-weight']
    // Its promise was taken over while the write was on its way: what became of it is read first, and tells from when projects settle.
    if (zeroed?.status === 'intended') return mayWrite(view) ?? wait([reason('WEIGHT_NOT_SETTLED', `whether the weight of ${self.node} was set to 0 is being read`, 'nothing to do')])
    return isDone(self, 'settle') || zeroed === undefined ? null : untilSettled(view, zeroed)
  }
  const changes = storages.map((storage) => ({ node: self.node, storage, to: 'zero' as const }))
  return mayWrite(view) ?? { kind: 'do', effect: { kind: 'write-weights', changes }, because: observed.refusedChanges.get(self.node)?.reasons ?? [] }
}

/**
 * Why a drain is not waited for: since the node is where it is it was refused, by pitstop's own floor or by GitLab for good. What was
 * refused before that says nothing: a person may have made room, and then asked.
 */
export function whyNotDrained({ self, observed: { writeFault, refusedChanges } }: View): readonly Reason[] {
  const refused = refusedChanges.get(self.node)
  if (refused !== undefined && refused.seq >= self.phaseSeq) return refused.reasons
  if (writeFault === null || writeFault.seq < self.phaseSeq) return []
  const { code } = writeFault.reason
  return code.startsWith('GITLAB_') && !faultTable[code].retry ? [writeFault.reason] : []
}
