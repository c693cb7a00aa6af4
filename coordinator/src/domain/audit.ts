// The end audit: GitLab cannot fence, so the last word is a comparison of every weight and the assigner with the
// snapshot of the opening. Differences are named and explained where the journal knows why.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { HostView } from './observed.ts'
import { type State, assignerObligation, weightObligation } from './state.ts'

/** @param hosts those that answered; what a silent one has promised is part of why it is silent. */
export function audit(state: State, weights: Readonly<Record<string, number>>, scheduleActive: boolean | null, hosts: ReadonlyMap<string, HostView> = new Map(), now = 0): Reason[] {
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
  for (const [node, host] of hosts) differences.push(...unpaid(node, host, now))
  return differences
}

/** What is not due yet will be paid by the host itself, with or without a coordinator. */
const unpaid = (node: string, { promises, clockOffsetMs }: HostView, now: number): Reason[] =>
  promises.filter(({ dueAt, lastError }) => lastError !== '' || dueAt < now + clockOffsetMs)
    .map(({ id, what, lastError }) => reason('HOST_PROMISE_UNPAID', `${node} has not put back in time: ${what}${lastError === '' ? '' : ` (${lastError})`}`, `on ${node}: pitstop-agent pay ${id}`))
