// The end audit: GitLab cannot fence, so the last word is a comparison of every weight and the assigner with the
// snapshot of the opening. Differences are named and explained where the journal knows why.
import { type Reason, reason } from '@pitstop/shared/fault'
import { type State, assignerObligation, weightObligation } from './state.ts'

export function audit(state: State, weights: Readonly<Record<string, number>>, scheduleActive: boolean | null): Reason[] {
  const before = state.window.weightsAtOpening
  const own = new Set(state.stored.plan.nodes.flatMap(({ storages }) => storages))
  const differences: Reason[] = []
  for (const storage of new Set([...Object.keys(before), ...Object.keys(weights)])) {
    const was = before[storage]
    const is = weights[storage]
    if (was === is) continue
    const promise = state.obligations.get(weightObligation(storage))
    const why = promise !== undefined && promise.status !== 'paid' ? promise.text ?? promise.status : own.has(storage) ? 'pitstop has no explanation' : 'not a storage of this plan'
    differences.push(reason('WEIGHT_CHANGED', `weight of ${storage}: ${was ?? 'absent'} at opening, ${is ?? 'absent'} now (${why})`))
  }
  const wasActive = state.window.assignerAtOpening
  if (wasActive !== null && scheduleActive !== wasActive) {
    const promise = state.obligations.get(assignerObligation)
    differences.push(reason(wasActive ? 'ASSIGNER_INACTIVE' : 'ASSIGNER_ACTIVE', `assigner: ${wasActive ? 'active' : 'inactive'} at opening, ${scheduleActive === true ? 'active' : 'inactive'} now (${promise?.text ?? 'pitstop has no explanation'})`))
  }
  return differences
}
