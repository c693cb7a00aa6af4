// Take the node's storages out of the pick for new projects. The previous weight is an obligation before it changes.
import { reason } from '@pitstop/shared/fault'
import { writesLandBy } from '../domain/weights.ts'
import { type Next, type NodeStep, type View, done, isDone, wait } from './step.ts'

export const zeroWeight: NodeStep = {
  name: 'zero-weight',
  part: 'prepare',

  next(view: View): Next {
    const { self, node, state } = view
    if (state.stored.plan.policy.drain === 'none' || isDone(self, 'zero-weight')) return done
    const held = mayWrite(view)
    if (held !== null) return held
    const refused = view.observed.refusedChanges.get(self.node)
    const changes = node.storages.map((storage) => ({ node: self.node, storage, to: 'zero' as const }))
    return { kind: 'do', effect: { kind: 'write-weights', changes }, because: refused ?? [] }
  }
}

/** Null when a weight write may leave now: none under way, none in doubt, GitLab not asking for patience. */
export function mayWrite({ observed, state, now }: Pick<View, 'observed' | 'state' | 'now'>): Next | null {
  if (observed.inFlight.has('gitlab-write')) return wait([reason('WAITING', 'another write to GitLab is under way')])
  const landsBy = writesLandBy(state)
  if (now < landsBy) return wait([reason('WEIGHT_NOT_SETTLED', 'the answer to a write was lost; it may still land')], landsBy)
  const fault = observed.writeFault
  return fault !== null && now < fault.retryAt ? wait([fault.reason], fault.retryAt) : null
}
