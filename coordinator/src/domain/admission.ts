// Never late: a node starts only when its worst expected case and the allowance fit before closing.
import { formatDuration } from '@pitstop/shared/duration'
import { type Reason, reason } from '@pitstop/shared/fault'
import { perState } from './per-state.ts'
import type { State } from './state.ts'

/** The plan's own estimate, or the slowest node of this plan so far if that was slower. */
const downEstimate = perState((state): number => {
  const { policy } = state.stored.plan
  let estimate = policy.downEstimateMs + policy.soakMs
  for (const { slotTakenAt, slotFreedAt } of state.nodes.values()) {
    if (slotTakenAt !== null && slotFreedAt !== null) estimate = Math.max(estimate, slotFreedAt - slotTakenAt)
  }
  return estimate
})

/** Last instant at which a node may pass the point of no return. */
export const lastStart = (state: State): number => state.window.closesAt - downEstimate(state) - state.stored.plan.policy.allowanceMs

/** Last instant at which a node may be taken out of weights. */
export const lastPrepare = (state: State): number => {
  const { policy } = state.stored.plan
  return lastStart(state) - policy.prepareEstimateMs - policy.settleMs
}

export const tooLateToGoDown = (state: State, now: number): Reason | null => tooLate(now, lastStart(state), 'down')
export const tooLateToPrepare = (state: State, now: number): Reason | null => tooLate(now, lastPrepare(state), 'prepare')

const tooLate = (now: number, last: number, what: string): Reason | null =>
  now < last ? null : reason('DOES_NOT_FIT', `too late to ${what === 'down' ? 'take a node down' : 'prepare a node'}: the last moment was ${formatDuration(now - last)} ago`)
