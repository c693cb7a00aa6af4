// Something that takes longer than it ever should escalates and concludes nothing: the node keeps what it holds and is
// looked at for as long as it takes. Before it is blamed, idle nodes are asked: if nobody answers, it is the coordinator
// that is cut off.
import { formatDuration } from '@pitstop/shared/duration'
import { type Reason, reason } from '@pitstop/shared/fault'
import { lastStart } from '../domain/admission.ts'
import { stillCounts } from '../domain/observed.ts'
import { mayBeginUntil } from '../domain/order-time.ts'
import type { StepState } from '../domain/state.ts'
import { startWithinMs } from './order.ts'
import { type Next, type View, act, record, stepOf, wait } from './step.ts'
import { freedForMs, isFromAfterTheWatch } from './watch.ts'

const idlePhases = new Set(['waiting', 'done', 'current', 'postponed', 'pending-reboot', 'skipped'])
/** Steps of which the agent itself says how they go. */
const ordered = ['stage', 'upgrade'] as const
const aroundFreshMs = 10_000
const aroundAgainMs = 1000
const lookFreshMs = 10_000

/** by: how it is heard of, from the agent's word about an order or from looks. */
interface Waited { readonly forMs: number, readonly deadlineMs: number, readonly what: string, readonly by: 'order' | 'look' }

/** Null: in time, or already known to be overdue. */
export function stepOverdue(view: View): Next | null {
  const { self } = view
  const waited = self.overdue ? null : waitedTooLong(view)
  if (waited === null) return null
  const fault = silence(view)
  const verdict = view.observed.looks.get(self.node)?.verdict
  const late = reason('OVERDUE', `${self.node}: ${waited.what} takes ${formatDuration(waited.forMs)} (deadline ${formatDuration(waited.deadlineMs)})`)
  if (fault === null && !heardLately(view, waited)) return null
  if (fault === null) return record({ type: 'node-overdue', node: self.node, reasons: [late, ...verdict?.reasons ?? []] })
  const blind = askAround(view)
  if (blind !== null) return blind
  // Silence counts only when it was heard after somebody else had answered: what was lost in the dark proves nothing.
  if (fault.at <= (view.observed.around?.at ?? 0)) return null
  return record({ type: 'node-overdue', node: self.node, reasons: [late, fault.reason] })
}

/** Asked about every node of every decision; the answer is nearly always no. */
function waitedTooLong(view: View): Waited | null {
  const { self, state, observed, now } = view
  const { deadlines, watchMs } = state.stored.plan.policy
  const { window } = state
  const givenFor = (intended: StepState): number => observed.ageMs({ seq: intended.intendedSeq, at: intended.intendedAt }, now)
  for (const step of ordered) {
    const intended = stepOf(self, step)
    if (intended?.status === 'intended') return ifLate(givenFor(intended), deadlines[`${step}Ms`] + startWithinMs, step, 'order')
  }
  switch (self.phase) {
    case 'down': {
      const intended = stepOf(self, 'reboot')
      if (intended === undefined && !self.recheck) return null
      const rechecked = self.recheck || intended === undefined
      const began = rechecked ? { seq: self.phaseSeq, at: self.phaseSince } : { seq: intended.intendedSeq, at: intended.intendedAt }
      // Its delay, its hooks or a lost order may have kept Gitaly up until then: its time to come back is counted from there.
      const upForMs = rechecked ? 0 : Math.max(0, mayBeginUntil(intended) - intended.intendedAt)
      const look = observed.looks.get(self.node)
      // Healthy and soaking: the soak ends it, in either way.
      if (look !== undefined && look.seq >= began.seq && look.verdict?.status === 'healthy' && look.verdict.bootId !== intended?.facts.bootId) return null
      return ifLate(observed.ageMs(began, now), deadlines.returnMs + upForMs, 'coming back healthy', 'look')
    }
    case 'returning': {
      const look = observed.looks.get(self.node)
      // Watched to the end and well: it waits for GitLab to take its weight back, which is not its fault.
      return look?.verdict?.status === 'healthy' && isFromAfterTheWatch(view, look) ? null : ifLate(freedForMs(view) - watchMs, deadlines.returnMs, 'the end of the watch', 'look')
    }
    case 'preparing': case 'prepared':
      // From the last moment at which it could still have gone down: before that it waits for its turn.
      return ifLate(Math.min(observed.ageMs({ seq: self.phaseSeq, at: self.phaseSince }, now), window.abort === null ? now - lastStart(state) : observed.ageMs(window.abort, now)), deadlines.returnMs, 'stepping back', 'look')
    default: return null
  }
}

const ifLate = (forMs: number, deadlineMs: number, what: string, by: Waited['by']): Waited | null => (forMs < deadlineMs ? null : { forMs, deadlineMs, what, by })

/** Why nothing is heard of the node, by the newest contact with it; null when it answers. */
function silence({ self, observed }: View): { readonly reason: Reason, readonly at: number } | null {
  const look = observed.looks.get(self.node)
  const fault = observed.agentFaults.get(self.node) ?? null
  if (look === undefined || (fault !== null && fault.at > look.at)) return fault
  return look.fault === null ? null : { reason: look.fault, at: look.at }
}

/**
 * It answered, and is not through all the same. After a take-over, or when this process itself was stopped for a while, what is
 * known is old: then it is asked first.
 */
function heardLately({ self, observed, now }: View, { forMs, deadlineMs, by }: Waited): boolean {
  const answered = observed.answered.get(self.node)
  if (by === 'order') return answered !== undefined && stillCounts(answered, forMs - deadlineMs + startWithinMs, now)
  const look = observed.looks.get(self.node)
  return look?.verdict != null && stillCounts(look.at, lookFreshMs, now)
}

function askAround({ self, state, observed, now }: View): Next | null {
  const idle = state.stored.plan.nodes.map(({ node }) => node).filter((node) => node !== self.node && idlePhases.has(state.nodes.get(node)?.phase ?? '')).slice(0, 3)
  if (idle.length === 0) return null
  const { around } = observed
  if (observed.inFlight.has('look-around')) return wait([reason('HEALTH_UNKNOWN', 'idle nodes are being asked whether anybody can be reached')])
  if (around !== null && around.seq < state.window.resumedSeq && stillCounts(around.at, aroundAgainMs, now)) return wait([reason('HEALTH_UNKNOWN', 'idle nodes have just been asked')], around.at + aroundAgainMs)
  if (around === null || !stillCounts(around.at, aroundFreshMs, now) || around.seq < state.window.resumedSeq) return act({ kind: 'look-around', nodes: idle })
  if (around.reached > 0) return null
  const blind = reason('BLIND', `${self.node} and ${around.tried} idle nodes cannot be reached: the coordinator is cut off; nobody is blamed`)
  return state.window.pause === null && state.window.phase === 'rolling'
    ? record({ type: 'window-paused', by: 'pitstop', reasons: [blind] })
    : wait([blind], around.at + aroundFreshMs)
}
