// The checks before anything new starts. A closed gate says why; what cannot be read is closed.
import { type Reason, reason } from '@pitstop/shared/fault'
import { alertGate } from './alert-gate.ts'
import { type Observed, stillCounts } from './observed.ts'
import { perStateAnd } from './per-state.ts'
import { planNodeOf } from './plan.ts'
import { budgetSpent, failures, slotsTaken } from './slots.ts'
import { type State, weightObligation } from './state.ts'
import { isOwnRestore } from './weights.ts'

/** Older readings of GitLab than this do not open a gate. */
export const gitlabFreshMs = 60_000

/** Reasons why no further node may begin; empty = open. What cannot be read and firing alerts hold no more than that. */
export function closedGates(state: State, observed: Observed, now: number): Reason[] {
  const reasons = gatesThatTakeBack(state, observed, now)
  if (observed.gitlabFault !== null) reasons.push(observed.gitlabFault.reason)
  if (observed.gitlab === null || !stillCounts(observed.gitlab.at, gitlabFreshMs, now)) {
    if (observed.gitlabFault === null) reasons.push(reason('GITLAB_UNREACHABLE', 'GitLab has not been read lately', 'nothing to do: it is being read'))
  }
  if (observed.alerts !== null) reasons.push(...alertGate(state, observed.alerts, now))
  return reasons
}

/** Those that also take back a reboot which is ordered and has not begun: somebody's word, a spent budget, and what was seen in GitLab. One reading that failed would cost the node its window. */
export function gatesThatTakeBack(state: State, observed: Observed, now: number): Reason[] {
  const { window } = state
  const reasons: Reason[] = []
  if (window.phase !== 'rolling') reasons.push(reason('NOT_NOW', `the window is ${window.phase}`, window.phase === 'opening' ? 'nothing to do: nodes begin when it is rolling' : 'nothing to do: what has not begun is left for another window'))
  if (window.halt !== null) reasons.push(...window.halt.reasons)
  if (window.pause !== null) reasons.push(...window.pause.reasons)
  if (observed.frozen !== null) reasons.push(reason('FROZEN', `frozen by ${observed.frozen.by}: ${observed.frozen.reason}`))
  if (budgetSpent(state) && window.halt === null) reasons.push(budgetReason(state))
  if (observed.gitlab !== null && stillCounts(observed.gitlab.at, gitlabFreshMs, now)) reasons.push(...gitlabGates(state, observed.gitlab))
  return reasons
}

/** Who has just taken over has seen no gate yet: that is no closed one, and nothing is taken back for it. */
export const gatesUnread = ({ window }: State, { gitlab, gitlabFault, alerts }: Observed): boolean =>
  window.phase === 'rolling' && ((gitlab === null && gitlabFault === null) || (alerts !== null && alerts.reading === null && alerts.fault === null))

export const budgetReason = (state: State): Reason =>
  reason('BUDGET_SPENT', `${failures(state).map((node) => node.node).join(', ')} failed or unknown: the budget of ${state.window.failureBudget} over the plan is spent`)

/** What GitLab's own state has against another node going: the assigner awake, or a weight raised on a node that is down. */
export const gitlabGates = perStateAnd((state, reading: NonNullable<Observed['gitlab']>): readonly Reason[] => {
  const { plan } = state.stored
  const { policy } = plan
  const reasons: Reason[] = []
  if (policy.assigner !== 'none') {
    if (reading.scheduleActive === true) reasons.push(reason('ASSIGNER_ACTIVE', 'the weight assigner is active in mid-window: it would rewrite every weight'))
    for (const pipeline of reading.pipelines) reasons.push(reason('ASSIGNER_RUNNING', `pipeline ${pipeline.id} of the weight assigner is ${pipeline.status}: ${pipeline.webUrl}`))
  }
  if (policy.drain === 'zero-weight') {
    // A reading from before the weight was set to 0 says nothing.
    for (const { node, steps } of slotsTaken(state)) {
      if (reading.seq < (steps['zero-weight']?.endedSeq ?? Infinity)) continue
      const storages = planNodeOf(plan, node)?.storages ?? []
      for (const storage of storages.filter((each) => (reading.weights[each] ?? 0) > 0)) {
        reasons.push(raisedWhileDown(state, node, storage, reading.weights[storage] ?? 0))
      }
    }
  }
  return reasons
})

/** Who has raised it: somebody else, or pitstop itself while the node was healthy. */
function raisedWhileDown(state: State, node: string, storage: string, weight: number): Reason {
  if (isOwnRestore(state, node, storage, weight)) {
    return reason('WEIGHT_NOT_SETTLED', `weight of ${storage} is back by a write of pitstop's own whose answer was lost, while ${node} is down`, 'nothing to do: it is set to 0 anew')
  }
  const text = `weight of ${storage} is ${weight} while ${node} is down: new projects would fail there`
  const promise = state.obligations.get(weightObligation(storage))
  if (promise?.status === 'paid' && promise.previous === weight) {
    return reason('WEIGHT_NOT_SETTLED', `${text}; pitstop had put it back when ${node} was healthy`, `nothing to do: pitstop sets it to 0 anew; if that takes long: pitstop why ${node}`)
  }
  if (promise?.status === 'void' && promise.previous === weight) {
    return reason('WEIGHT_CHANGED', `${text}; ${promise.text ?? 'somebody took it over'}`, `whoever took it over sets it to 0; then: pitstop window resume`)
  }
  return reason('WEIGHT_CHANGED', text, 'find out who raised it: it is theirs now and pitstop will not put it back; then: pitstop window resume')
}
