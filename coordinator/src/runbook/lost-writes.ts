// Ahead of every other write to GitLab: what became of those whose answers were lost is read, once none of them can land any more.
import { reason } from '@pitstop/shared/fault'
import { faultTable } from '@pitstop/shared/fault-table'
import { isOfWeights, lostWrites } from '../domain/lost-writes.ts'
import type { Draft } from './draft.ts'
import { mayWrite } from './zero-weight.ts'

/** First in a decision: of effects with one key the first is taken. */
export function settleLostWrites(draft: Draft): void {
  if (lostWrites(draft.state).length === 0) return
  const { state, observed, now } = draft
  draft.take(mayWrite({ state, observed, now }) ?? { kind: 'do', effect: { kind: 'settle-writes' }, because: [reason('WEIGHT_NOT_SETTLED', 'the answer to a write was lost; what became of it is being read', 'nothing to do')] }, null)
}

/**
 * Only weights are in doubt, and when they were to be read just now GitLab refused it for good: a token that has ended. Where no promise
 * is left for them, people took those weights over as they were, and the assigner need not stay off for as long. Whatever fails next, they
 * are read again: each has its turn.
 */
export function weightsStayUnread({ state, observed: { writeFault, frozen } }: Pick<Draft, 'state' | 'observed'>): boolean {
  const lost = lostWrites(state)
  if (lost.length === 0 || !lost.every(isOfWeights) || writeFault === null || frozen !== null) return false
  return writeFault.isOfLost && !faultTable[writeFault.reason.code].retry
}
