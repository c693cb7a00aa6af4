// Projects that picked a storage just before its weight became 0 may still be created there: give them time.
import { formatDuration } from '@pitstop/shared/duration'
import { reason } from '@pitstop/shared/fault'
import type { StepState } from '../domain/state.ts'
import { type Next, type NodeStep, type View, done, isDone, record, stepOf, wait } from './step.ts'

export const settle: NodeStep = {
  name: 'settle',
  part: 'prepare',

  next(view: View): Next {
    const { self, state } = view
    if (state.stored.plan.policy.drain === 'none' || isDone(self, 'settle')) return done
    return untilSettled(view, stepOf(self, 'zero-weight')) ?? record({ type: 'step-done', node: self.node, step: 'settle', attempt: self.attempt, facts: {} })
  }
}

/** Null: what was begun before the weight became 0 has settled. */
export function untilSettled({ state, observed, now }: View, zeroed: StepState | undefined): Next | null {
  const leftMs = state.stored.plan.policy.settleMs - (zeroed?.endedAt == null || zeroed.endedSeq === null ? 0 : observed.ageMs({ seq: zeroed.endedSeq, at: zeroed.endedAt }, now))
  return leftMs > 0 ? wait([reason('WAITING', `new projects settle for another ${formatDuration(leftMs)}`)], now + leftMs) : null
}
