// A node that is not back in time escalates and concludes nothing: it keeps its slot and is looked at for as long as it
// takes. Before it is blamed, idle nodes are asked: if nobody answers, it is the coordinator that is cut off.
import { formatDuration } from '@pitstop/shared/duration'
import { reason } from '@pitstop/shared/fault'
import { type Next, type View, act, record, stepOf } from './step.ts'

const idlePhases = new Set(['waiting', 'done', 'current', 'postponed', 'pending-reboot', 'skipped'])
const aroundFreshMs = 10_000

/** Null: in time, or already known to be overdue. */
export function stepOverdue(view: View): Next | null {
  const { self, state, observed, now } = view
  const intended = stepOf(self, 'reboot')
  const since = Math.max(intended?.intendedAt ?? 0, self.recheck ? self.phaseSince : 0)
  const { returnMs } = state.stored.plan.policy.deadlines
  if (self.phase !== 'down' || self.overdue || since === 0 || now - since < returnMs || stepOf(self, 'soak')?.status === 'done') return null
  const verdict = observed.looks.get(self.node)?.verdict
  if (verdict?.status === 'healthy' && verdict.bootId !== intended?.facts.bootId) return null
  const fault = observed.looks.get(self.node)?.fault
  const reasons = [
    reason('OVERDUE', `${self.node} is not healthy ${formatDuration(now - since)} after its reboot was ordered (deadline ${formatDuration(returnMs)})`),
    ...(fault === undefined || fault === null ? verdict?.reasons ?? [] : [fault])
  ]
  if (fault !== undefined && fault !== null) {
    const idle = state.stored.plan.nodes.map(({ node }) => node).filter((node) => idlePhases.has(state.nodes.get(node)?.phase ?? '')).slice(0, 3)
    if (idle.length > 0) {
      const { around } = observed
      if (around === null || now - around.at > aroundFreshMs) return observed.inFlight.has('look-around') ? null : act({ kind: 'look-around', nodes: idle })
      if (around.reached === 0) {
        return state.window.pause === null && state.window.phase === 'rolling'
          ? record({ type: 'window-paused', by: 'pitstop', reasons: [reason('BLIND', `${self.node} and ${around.tried} idle nodes cannot be reached: the coordinator is cut off; nobody is blamed`)] })
          : null
      }
    }
  }
  return record({ type: 'node-overdue', node: self.node, reasons })
}
