// Each node's turn in a decision: running ones take their next step, prepared ones wait for a slot, waiting ones for the gates.
import { reason, type Reason } from '@pitstop/shared/fault'
import { tooLateToGoDown, tooLateToPrepare } from '../domain/admission.ts'
import type { WeightChange } from '../domain/effect.ts'
import type { Event } from '../domain/event.ts'
import { stillCounts } from '../domain/observed.ts'
import { perState } from '../domain/per-state.ts'
import { platformProven, platformsDown, slotsFree } from '../domain/slots.ts'
import { type NodeState, isRunning, nodeOf } from '../domain/state.ts'
import type { Draft } from './draft.ts'
import { putBack, whyNotDrained } from './drain-anew.ts'
import { runbook } from './index.ts'
import { stepOverdue } from './overdue.ts'
import { stepBackPrepared } from './step-back.ts'
import { type Next, type NodeStep, type View, done, wait } from './step.ts'
import { mayWrite } from './zero-weight.ts'

/** A prepared node whose agent did not answer, or whose last look said no, is not tried again sooner. */
const silentMs = 5000

/** Every node that has begun goes its next step; prepared ones wait for a slot. */
export function nodeTurns(draft: Draft): void {
  const { state, observed, now } = draft
  draft.becauseAllWait(waitingBecause(draft))
  for (const { self, node } of takingPart(state)) {
    const view: View = { state, self, node, observed, now }
    if (self.phase === 'down') draft.take(stepOverdue(view) ?? walk(view), self)
    else if (self.phase === 'returning') comeBack(draft, view)
    else if (self.phase === 'preparing' || self.phase === 'prepared') prepare(draft, view)
    else if (self.phase === 'waiting') draft.because(self, waitingBecause(draft, self))
    else if (self.phase === 'failed') drainAgain(draft, view)
  }
}

/**
 * The few of a large fleet that have a turn, in the plan's order: under way, failed, or asked for by name. For all others
 * one reason holds, or they are through and their state says why.
 */
const takingPart = perState((state) => state.stored.plan.nodes.map((node) => ({ node, self: nodeOf(state, node.node) }))
  .filter(({ self }) => isRunning(self) || self.phase === 'failed' || (self.phase === 'waiting' && self.askedFor)))

const parts: Readonly<Record<NodeStep['part'], readonly NodeStep[]>> = {
  prepare: runbook.filter(({ part }) => part === 'prepare'), slot: runbook.filter(({ part }) => part === 'slot'),
  // The last first: a node whose weight cannot be put back for now is watched all the same, its relapse must not wait for GitLab.
  after: runbook.filter(({ part }) => part === 'after').toReversed()
}

function walk(view: View): Next {
  for (const step of parts[view.self.phase === 'down' ? 'slot' : 'prepare']) {
    const next = step.next(view)
    if (next.kind !== 'done') return next
  }
  return done
}

function comeBack(draft: Draft, view: View): void {
  const overdue = stepOverdue(view)
  if (overdue !== null) draft.take(overdue, view.self)
  else for (const step of parts.after) draft.take(step.next(view), view.self)
}

/** @param self a node that a person asked for by name; else what holds for every waiting node. */
function waitingBecause(draft: Draft, self?: NodeState): readonly Reason[] {
  const gates = self === undefined ? draft.gates : draft.gatesFor(self)
  if (gates.length > 0) return gates
  const late = tooLateToPrepare(draft.state, draft.now)
  return [late ?? reason('WAITING', 'enough nodes are being prepared ahead of the slots')]
}

function prepare(draft: Draft, view: View): void {
  const { self } = view
  const gates = draft.gatesFor(self)
  const { window } = draft.state
  const overdue = stepOverdue(view)
  if (overdue !== null) {
    draft.take(overdue, self)
    return
  }
  const late = tooLateToGoDown(draft.state, draft.now)
  const over = window.phase === 'closing' || window.phase === 'settling' || late !== null
  if (over) {
    draft.take(stepBackPrepared(view, window.abort === null ? late ?? reason('OUTSIDE_WINDOW', 'the window closes') : reason('NOT_NOW', `aborted by ${window.abort.by}: ${window.abort.reason}`, 'nothing to do: another window may begin it')), self)
    return
  }
  // What is running may end while the gates are closed; a further step may not begin.
  const next = walk(view)
  if (next.kind === 'do' && gates.length > 0 && next.effect.kind !== 'settle-order') draft.because(self, gates)
  else if (next.kind !== 'done') draft.take(next, self)
  else if (self.phase === 'preparing') draft.record(prepared(view))
  else goDown(draft, view)
}

/** Nothing asks for a reboot and the plan does not insist: the node is through. */
function prepared({ self, state }: View): Event {
  const facts = self.steps.upgrade?.facts
  const skip = state.stored.plan.policy.reboot === 'if-needed' && facts?.rebootRequired === false
  return skip
    ? { type: 'node-current', node: self.node, reasons: [reason('REBOOT_NOT_NEEDED', `${facts.changes ?? 0} packages installed and nothing asks for a reboot`)] }
    : { type: 'node-prepared', node: self.node }
}

function goDown(draft: Draft, { self, node }: View): void {
  const silent = draft.observed.agentFaults.get(self.node)
  if (silent !== undefined && stillCounts(silent.at, silentMs, draft.now)) {
    draft.take(wait([silent.reason], silent.at + silentMs), self)
    return
  }
  // What the last look spoke against is not looked at again in the same breath, also not for a node that passes the halt.
  const check = draft.observed.finalChecks.get(self.node)
  if (check !== undefined && check.otherwise !== 'go' && stillCounts(check.at, silentMs, draft.now)) {
    draft.take(wait(check.reasons, check.at + silentMs), self)
    return
  }
  const proven = !draft.state.stored.plan.policy.canaryFirst || platformProven(draft.state, node.platform)
  const othersDown = platformsDown(draft.state).has(node.platform)
  const gates = draft.gatesFor(self)
  if (gates.length > 0) draft.because(self, gates)
  else if (slotsFree(draft.state) - draft.count('slot-taken') <= 0) draft.because(self, [reason('WAITING', 'all slots are taken', 'nothing to do: slots are freed by health')])
  else if (!proven && (othersDown || draft.count('slot-taken') > 0)) draft.because(self, [reason('WAITING', `the first node of ${node.platform} must be healthy before others follow`)])
  else {
    draft.record({ type: 'slot-taken', node: self.node })
  }
}

/**
 * It relapsed after its weight had gone back: no new projects on a node that is broken. The promise is made anew, and kept at. One
 * that is refused is tried again all the same, and said: a window that waited for it would keep the assigner off for as long.
 */
function drainAgain(draft: Draft, view: View): void {
  const { self } = view
  const undrained = self.holdsSlot ? putBack(view) : []
  if (undrained.length === 0) return
  const refused = whyNotDrained(view)
  if (refused.length === 0) draft.awaitsDrain = true
  else {
    const because = [reason('WEIGHT_NOT_SETTLED', `new projects may be made on ${self.node}, which is down: setting ${undrained.join(', ')} to weight 0 is refused`, 'nothing to do once that is mended: pitstop goes on trying'), ...refused]
    draft.because(self, [...self.reasons, ...because])
    draft.because(null, because)
  }
  const held = mayWrite({ state: draft.state, observed: draft.observed, now: draft.now })
  if (held === null) draft.change(...undrained.map((storage): WeightChange => ({ node: self.node, storage, to: 'zero' })))
  else if (held.kind === 'wait' && held.wakeAt !== undefined) draft.wake(held.wakeAt)
}
