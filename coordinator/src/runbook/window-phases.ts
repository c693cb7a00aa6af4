// What the window itself does in each of its phases, beside its nodes: begin, admit, watch for foreign hands, pay, end.
import { reason } from '@pitstop/shared/fault'
import { tooLateToPrepare } from '../domain/admission.ts'
import type { Event } from '../domain/event.ts'
import { budgetReason, gitlabGates, gitlabFreshMs } from '../domain/gates.ts'
import { lostWrites } from '../domain/lost-writes.ts'
import { namedHint } from '../domain/named-hint.ts'
import { stillCounts } from '../domain/observed.ts'
import { assignerPayable, payableWeights } from '../domain/obligations.ts'
import { budgetSpent, prepareFree } from '../domain/slots.ts'
import { perState } from '../domain/per-state.ts'
import type { PlanNode } from '../domain/plan.ts'
import { type NodeState, type State, awaitsPerson, isRunning, nodeOf, openObligations } from '../domain/state.ts'
import { raisedByOthers } from '../domain/weights.ts'
import { watchAlerts } from './alerts.ts'
import { drainPipelines, observeGitlab, pauseAssigner, resumeAssigner } from './assigner.ts'
import type { Draft } from './draft.ts'
import { weightsStayUnread } from './lost-writes.ts'
import { seenSinceRestore } from './seen-since-restore.ts'
import { mayWrite } from './zero-weight.ts'

/** GitLab is read this often while nodes roll, so that a foreign writer is noticed. */
const gitlabEveryMs = gitlabFreshMs / 4

const runningNodes: (state: State) => readonly NodeState[] = perState((state) => [...state.nodes.values()].filter(isRunning))
const waitingNodes: (state: State) => readonly PlanNode[] = perState(({ stored, nodes }) => stored.plan.nodes.filter(({ node }) => nodes.get(node)?.phase === 'waiting'))

/** A weight that somebody else raised is theirs now; a person decides what follows. In a store that was put back it may have been pitstop itself. */
export function foreignWriters(draft: Draft): void {
  if (draft.observed.inFlight.has('gitlab-write') || awaitsPerson(draft.state)) return
  for (const { obligation, node, weight } of raisedByOthers(draft.state, draft.observed.gitlab)) {
    const text = `weight of ${obligation.subject} (${node.node}, ${node.phase}) was set to ${weight} by somebody else; pitstop had set it to 0, before that it was ${Number(obligation.previous)}`
    draft.record({ type: 'obligation-settled', id: obligation.id, how: 'superseded', by: 'somebody else', text })
    if (node.phase === 'preparing' || node.phase === 'prepared') {
      draft.record({ type: 'step-ended', node: node.node, step: 'zero-weight', attempt: node.attempt, reasons: [reason('WEIGHT_CHANGED', text)] })
    }
    draft.halt([reason('WEIGHT_CHANGED', text)])
  }
  if (draft.state.window.phase === 'rolling' && draft.observed.gitlab !== null) {
    const awake = gitlabGates(draft.state, draft.observed.gitlab).filter(({ code }) => code === 'ASSIGNER_ACTIVE')
    if (awake.length > 0 && draft.observed.gitlab.seq >= Math.max(draft.state.windowSteps['drain-pipelines']?.endedSeq ?? Infinity, draft.state.window.resumedSeq)) draft.halt(awake)
  }
}

export function opening(draft: Draft): void {
  if (draft.now >= draft.state.window.closesAt) {
    draft.record({ type: 'window-closing', reasons: [reason('OUTSIDE_WINDOW', 'closing time came while the window was opening')] })
    return
  }
  if (draft.observed.frozen !== null) return
  const { pause } = draft.state.window
  if (pause !== null) {
    draft.because(null, pause.reasons)
    draft.wake(draft.state.window.closesAt)
    return
  }
  const view = { state: draft.state, observed: draft.observed, now: draft.now }
  const paused = pauseAssigner(view)
  const next = paused.kind === 'done' ? drainPipelines(view) : paused
  if (next.kind === 'done') draft.record({ type: 'window-rolling' })
  else draft.take(next, null)
}

export function rolling(draft: Draft): void {
  const { window, nodes } = draft.state
  if (budgetSpent(draft.state) && window.halt === null) draft.halt([budgetReason(draft.state), ...[...nodes.values()].filter((node) => node.phase === 'failed' || node.overdue).flatMap(({ node, reasons }) => reasons.map((each) => namedHint(node, each)))])
  const gitlab = draft.observed.gitlab
  if (gitlab === null || !stillCounts(gitlab.at, gitlabEveryMs, draft.now)) draft.take(observeGitlab({ observed: draft.observed, now: draft.now }), null)
  else draft.wake(gitlab.at + gitlabEveryMs)
  watchAlerts(draft)

  const waiting = waitingNodes(draft.state)
  const late = tooLateToPrepare(draft.state, draft.now)
  const free = late === null ? prepareFree(draft.state) : 0
  const admitted = free === 0 ? [] : waiting.filter(({ node }) => draft.gatesFor(nodeOf(draft.state, node)).length === 0).slice(0, free)
  draft.record(...admitted.map(({ node }): Event => ({ type: 'node-admitted', node })))
  // An overdue node does not keep the window open past its time; it is looked at for as long as it takes all the same.
  if (runningNodes(draft.state).some((node) => !(node.overdue && draft.now >= window.closesAt))) {
    draft.wake(window.closesAt)
    return
  }
  // Nothing runs. Closing comes when nothing can start any more; a halt waits for a person until closing time.
  const overdue = draft.now >= window.closesAt
  if (waiting.length === 0 && window.halt === null && ![...nodes.values()].some((node) => node.phase === 'failed')) {
    draft.record({ type: 'window-closing', reasons: [] })
  } else if (overdue || (late !== null && waiting.length > 0 && window.halt === null)) {
    draft.record({ type: 'window-closing', reasons: [late ?? reason('OUTSIDE_WINDOW', 'closing time has come')] })
  } else draft.wake(window.closesAt)
}

/** Who is returning gets its weight back by its own turn. */
const leftToPay = perState((state) => payableWeights(state).filter(({ node }) => nodeOf(state, node).phase !== 'returning'))

/** Weights that may go back now, of nodes that are through or were never hurt. */
export function debts(draft: Draft): void {
  const changes = leftToPay(draft.state)
  if (changes.length === 0 || awaitsPerson(draft.state)) return
  const view = { state: draft.state, observed: draft.observed, now: draft.now }
  const held = mayWrite(view)
  if (held !== null) draft.take(held, null)
  else draft.change(...changes.filter(({ node }) => {
    const self = nodeOf(draft.state, node)
    const unseen = seenSinceRestore({ ...view, self })
    if (unseen !== null) draft.take(unseen, self)
    return unseen === null
  }))
}

export function closing(draft: Draft): void {
  const busy = runningNodes(draft.state).filter((node) => !node.overdue)
  if (busy.length === 0) draft.record({ type: 'window-settling' })
  else draft.because(null, [reason('WAITING', `${busy.map(({ node }) => node).join(', ')} still to finish`, 'nothing to do')])
}

export function settling(draft: Draft): void {
  if (awaitsPerson(draft.state)) {
    draft.because(null, draft.state.window.pause?.reasons ?? [])
    return
  }
  const open = openObligations(draft.state)
  const stuck = [...draft.state.nodes.values()].filter((node) => node.phase === 'failed' || node.overdue)
  const returning = runningNodes(draft.state).filter((node) => !node.overdue)
  const lost = draft.observed.lostWeights()
  if (open.length > 0 && !assignerPayable(draft.state, lost)) draft.because(null, [reason('NOT_NOW', `${open.length} promises are not paid yet${lost === 0 ? '' : `, and ${lost} weights that the restored store had lost are not settled`}`, 'see pitstop obligations')])
  // Who relapses is drained again: the assigner must not write beside that, and no audit is made of it.
  else if (draft.awaitsDrain) draft.because(null, [reason('WAITING', 'a node that failed is being taken out of weights anew'), ...draft.observed.writeFault === null ? [] : [draft.observed.writeFault.reason]])
  else if (open.length > 0 && returning.length === 0 && weightsStayUnread(draft)) draft.takeInstead(resumeAssigner({ state: draft.state, observed: draft.observed, now: draft.now }))
  // What a lost write has left may have to be put back; why it is not known yet has been said.
  else if (lostWrites(draft.state).length > 0) return
  else if (returning.length > 0) draft.because(null, [reason('WAITING', `${returning.map(({ node }) => node).join(', ')} came back late and is still being watched`)])
  else if (open.length > 0) draft.take(resumeAssigner({ state: draft.state, observed: draft.observed, now: draft.now }), null)
  // Not while a write may still land, and no more often than GitLab lets us after a fault.
  else if (draft.state.window.audit === null) draft.take(mayWrite({ state: draft.state, observed: draft.observed, now: draft.now }) ?? { kind: 'do', effect: { kind: 'audit' } }, null)
  else if (stuck.length === 0 || draft.state.window.abort !== null || draft.now >= draft.state.window.closesAt) draft.record({ type: 'window-closed' })
  else {
    draft.because(null, [reason('NOT_NOW', `${stuck.map(({ node }) => node).join(', ')} failed; the window stays open until closing time`, stuck.map(howToSettle).join('; '))])
    draft.wake(draft.state.window.closesAt)
  }
}

/** All that a person may still say of it in this phase: a node that failed before it went down is not begun again here, and nobody judges one that is late. */
function howToSettle({ node, phase, holdsSlot }: NodeState): string {
  const keep = `pitstop node write-off ${node} --reason "…"`
  return phase === 'failed' && holdsSlot ? `mended: pitstop node retry ${node} --reason "…", kept by you: ${keep}` : `mend ${node} in another window, or take it over: ${keep}`
}
