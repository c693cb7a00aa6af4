// The end audit: GitLab cannot fence, so the last word is a comparison of every weight and the assigner with the
// snapshot of the opening. Differences are named and explained where the journal knows why.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { HostView } from './observed.ts'
import { type State, assignerObligation, weightObligation } from './state.ts'

export interface AuditFacts {
  readonly weights: Readonly<Record<string, number>>
  readonly scheduleActive: boolean | null
  /** Those that answered; what a silent one has promised is part of why it is silent. */
  readonly hosts: ReadonlyMap<string, HostView>
  /** What a restored store had lost and a person has taken over. */
  readonly takenOver: ReadonlyMap<string, { readonly seq: number, readonly text: string }>
  readonly now: number
}

export function audit(state: State, { weights, scheduleActive, hosts, takenOver, now }: AuditFacts): Reason[] {
  const before = state.window.weightsAtOpening
  const own = new Set(state.stored.plan.nodes.flatMap(({ storages }) => storages))
  const differences: Reason[] = []
  for (const storage of new Set([...Object.keys(before), ...Object.keys(weights)])) {
    const was = before[storage]
    const is = weights[storage]
    if (was === is) continue
    const why = explanation(weightObligation(storage)) ?? (own.has(storage) ? 'pitstop has no explanation' : 'not a storage of this plan')
    differences.push(reason('WEIGHT_CHANGED', `weight of ${storage}: ${was ?? 'absent'} at opening, ${is ?? 'absent'} now (${why})`))
  }
  const wasActive = state.window.assignerAtOpening
  const promise = state.obligations.get(assignerObligation)
  // What somebody else did with it is told also when it ends as it was.
  if (wasActive !== null && (scheduleActive !== wasActive || promise?.status === 'superseded')) {
    differences.push(reason(scheduleActive === true ? 'ASSIGNER_ACTIVE' : 'ASSIGNER_INACTIVE', `assigner: ${wasActive ? 'active' : 'inactive'} at opening, ${scheduleActive === true ? 'active' : 'inactive'} now (${explanation(assignerObligation) ?? promise?.text ?? 'pitstop has no explanation'})`))
  }
  for (const [node, host] of hosts) differences.push(...unpaid(node, host, now))
  return differences

  /** Who has it now, or who changed it. Taken over before the opening it explains nothing that came after. */
  function explanation(id: string): string | undefined {
    const promise = state.obligations.get(id)
    const taken = takenOver.get(id)
    if (promise !== undefined && promise.status !== 'paid') return promise.text ?? promise.status
    return taken !== undefined && taken.seq >= state.window.openedSeq ? taken.text : undefined
  }
}

/** What is not due yet will be paid by the host itself, with or without a coordinator. */
const unpaid = (node: string, { promises, clockOffsetMs }: HostView, now: number): Reason[] =>
  promises.filter(({ dueAt, lastError }) => lastError !== '' || dueAt < now + clockOffsetMs)
    .map(({ id, what, lastError }) => reason('HOST_PROMISE_UNPAID', `${node} has not put back in time: ${what}${lastError === '' ? '' : ` (${lastError})`}`, `on ${node}: pitstop-agent pay ${id}`))
