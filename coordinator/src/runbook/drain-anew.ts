// A node that went down and is not well has its weight at 0, whatever became of it in between: it may have been healthy, and its
// weight put back, or a write that puts it back lost. Such a node takes no new projects and is not rebooted before it is drained anew.
import { weightObligation } from '../domain/state.ts'
import { mayBeRestored } from '../domain/weights.ts'
import type { Next, View } from './step.ts'
import { mayWrite } from './zero-weight.ts'

/** Storages of which our own hand may have put the weight back. What somebody else raised is not among them. */
export function putBack({ state, self, node }: Pick<View, 'state' | 'self' | 'node'>): readonly string[] {
  if (state.stored.plan.policy.drain === 'none') return []
  const inDoubt = self.steps['zero-weight']?.status !== 'done' || mayBeRestored(state, self.node)
  return node.storages.filter((storage) => {
    const status = state.obligations.get(weightObligation(storage))?.status
    return status === 'paid' || (status === 'open' && inDoubt)
  })
}

/** Null: it is drained. A write that may still land is waited for; the promise is made anew, and kept at. */
export function drainAnew(view: View): Next | null {
  const storages = putBack(view)
  if (storages.length === 0) return null
  const changes = storages.map((storage) => ({ node: view.self.node, storage, to: 'zero' as const }))
  return mayWrite(view) ?? { kind: 'do', effect: { kind: 'write-weights', changes }, because: view.observed.refusedChanges.get(view.self.node) ?? [] }
}
