// Projects that picked a storage just before its weight became 0 may still be created there: give them time.
import { formatDuration } from '@pitstop/shared/duration'
import { reason } from '@pitstop/shared/fault'
import { type Next, type NodeStep, type View, done, isDone, record, stepOf, wait } from './step.ts'

export const settle: NodeStep = {
  name: 'settle',
  part: 'prepare',

  next({ self, state, observed, now }: View): Next {
    const { policy } = state.stored.plan
    if (policy.drain === 'none' || isDone(self, 'settle')) return done
    const zeroed = stepOf(self, 'zero-weight')
    const leftMs = policy.settleMs - (zeroed?.endedAt == null || zeroed.endedSeq === null ? 0 : observed.ageMs({ seq: zeroed.endedSeq, at: zeroed.endedAt }, now))
    if (leftMs > 0) return wait([reason('WAITING', `new projects settle for another ${formatDuration(leftMs)}`)], now + leftMs)
    return record({ type: 'step-done', node: self.node, step: 'settle', attempt: self.attempt, facts: {} })
  }
}
