// Ahead of every other write to GitLab: what became of those whose answers were lost is read, once none of them can land any more.
import { reason } from '@pitstop/shared/fault'
import { lostWrites } from '../domain/lost-writes.ts'
import type { Draft } from './draft.ts'
import { mayWrite } from './zero-weight.ts'

/** First in a decision: of effects with one key the first is taken. */
export function settleLostWrites(draft: Draft): void {
  if (lostWrites(draft.state).length === 0) return
  const { state, observed, now } = draft
  draft.take(mayWrite({ state, observed, now }) ?? { kind: 'do', effect: { kind: 'settle-writes' }, because: [reason('WEIGHT_NOT_SETTLED', 'the answer to a write was lost; what became of it is being read', 'nothing to do')] }, null)
}
