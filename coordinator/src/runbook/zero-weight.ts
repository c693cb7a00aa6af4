// Take the node's storages out of the pick for new projects. The previous weight is an obligation before it changes.
import { reason } from '@pitstop/shared/fault'
import { stillCounts } from '../domain/observed.ts'
import { perState } from '../domain/per-state.ts'
import { awaitsPerson } from '../domain/state.ts'
import { writesLandBy } from '../domain/weights.ts'
import { type Next, type NodeStep, type View, done, isDone, record, wait } from './step.ts'

const supersededWeights = perState(({ obligations }) => [...obligations.values()].filter(({ kind, status }) => kind === 'weight' && status === 'superseded'))

export const zeroWeight: NodeStep = {
  name: 'zero-weight',
  part: 'prepare',

  next(view: View): Next {
    const { self, node, state } = view
    if (state.stored.plan.policy.drain === 'none') return done
    if (isDone(self, 'zero-weight')) {
      // Raised by somebody else while the node held a slot and had not gone down: it steps back, and is drained anew when a person resumes.
      const raised = supersededWeights(state).filter(({ subject }) => node.storages.includes(subject))
      return raised.length === 0 ? done : record({ type: 'step-ended', node: self.node, step: 'zero-weight', attempt: self.attempt, reasons: raised.map(({ text }) => reason('WEIGHT_CHANGED', text ?? '')) })
    }
    const held = mayWrite(view)
    if (held !== null) return held
    const refused = view.observed.refusedChanges.get(self.node)?.reasons
    const changes = node.storages.map((storage) => ({ node: self.node, storage, to: 'zero' as const }))
    return { kind: 'do', effect: { kind: 'write-weights', changes }, because: refused ?? [] }
  }
}

/** Null when a write to GitLab may leave now: no restored store that a person has to look at, none under way, none in doubt, GitLab not asking for patience. */
export function mayWrite({ observed, state, now }: Pick<View, 'observed' | 'state' | 'now'>): Next | null {
  if (awaitsPerson(state)) return wait(state.window.pause?.reasons ?? [])
  if (observed.inFlight.has('gitlab-write')) return wait([reason('WAITING', 'another write to GitLab is under way')])
  // A wall clock that was set back since would have an hour waited for what lasts half a minute: the shorter wait counts. Of
  // one that was set forward the write itself takes care.
  const leftMs = Math.min(writesLandBy(state) - now, observed.lostWrite.leftMs())
  if (leftMs > 0) return wait([reason('WEIGHT_NOT_SETTLED', 'the answer to a write was lost; it may still land')], now + leftMs)
  const fault = observed.writeFault
  return fault !== null && stillCounts(fault.at, fault.retryAt - fault.at, now) ? wait([fault.reason], fault.retryAt) : null
}
