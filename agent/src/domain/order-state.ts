// Did it happen? The state of an order, derived afresh from its files, its unit and the running boot. Pure.
//
//   accepted ─ fire ─> begun ─> outcome              vetoed   a unit's check failed before it began
//      │                 └ unit gone, no outcome:    cancelled decision "cancelled" came first
//      └ cancel                upgrade  → failed (INTERRUPTED)
//                              reboot   → other boot: succeeded; same boot: failed (NOT_REBOOTED)
// No answer about the unit is never taken for "gone": the state is then in-doubt.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { Decision, FinalStatus, OrderFiles, Outcome } from './order-record.ts'

export type OrderStatus = 'accepted' | 'running' | 'in-doubt' | FinalStatus

export interface Surroundings {
  readonly bootId: string
  readonly nowMs: number
  readonly unit: 'active' | 'ending' | 'gone' | 'unknown'
  /** The agent itself is at work on it (staging, or between acceptance and the unit's start). */
  readonly busy: boolean
}

export interface DerivedState {
  readonly status: OrderStatus
  readonly reasons: readonly Reason[]
  /** What the agent should make durable because it can no longer change. */
  readonly settle?: { readonly outcome: Outcome } | { readonly decision: Decision }
}

/** How long a host may take from `systemctl reboot` until it is down before that counts as "it did not reboot". */
export const goingDownMs = 5 * 60_000

export function deriveState(files: OrderFiles, around: Surroundings): DerivedState {
  const { accepted, decision, outcome } = files
  if (outcome !== undefined) return { status: outcome.status, reasons: outcome.reasons }
  if (decision?.kind === 'cancelled') return { status: 'cancelled', reasons: decision.reasons }
  if (accepted === undefined) return { status: 'in-doubt', reasons: [reason('STATE_UNREADABLE', `order ${files.id} has no acceptance on disk`)] }
  if (around.busy) return { status: 'running', reasons: [] }
  // Staging lives inside the agent: after a restart it simply waits to be asked again.
  if (accepted.step === 'stage') return { status: 'accepted', reasons: [] }
  const sameBoot = accepted.bootId === around.bootId
  if (decision === undefined) return undecided(files, around, sameBoot)
  return accepted.step === 'reboot' ? begunReboot(files, around, sameBoot) : begunUpgrade(files, around, sameBoot)
}

function undecided(files: OrderFiles, around: Surroundings, sameBoot: boolean): DerivedState {
  if (!sameBoot) {
    const why = [reason('OTHER_BOOT', `the host rebooted by itself before order ${files.id} began`)]
    return { status: 'cancelled', reasons: why, settle: { decision: { kind: 'cancelled', atMs: around.nowMs, by: 'agent', reasons: why } } }
  }
  if (around.unit === 'unknown') return inDoubt(files)
  // Without a unit nothing runs and nothing was done: the order waits to be sent again.
  return { status: runs(around) ? 'running' : 'accepted', reasons: [] }
}

function begunUpgrade(files: OrderFiles, around: Surroundings, sameBoot: boolean): DerivedState {
  if (sameBoot && runs(around)) return { status: 'running', reasons: [] }
  if (sameBoot && around.unit === 'unknown') return inDoubt(files)
  const why = [reason('INTERRUPTED', sameBoot
    ? `the unit of upgrade ${files.id} ended without an outcome`
    : `the host rebooted while upgrade ${files.id} had no outcome`)]
  return settled(files, around, 'failed', why)
}

function begunReboot(files: OrderFiles, around: Surroundings, sameBoot: boolean): DerivedState {
  if (!sameBoot) return settled(files, around, 'succeeded', [])
  if (runs(around)) return { status: 'running', reasons: [] }
  const askedAt = files.mark?.rebootRequestedAtMs ?? 0
  if (askedAt > 0 && around.nowMs - askedAt < goingDownMs) return { status: 'running', reasons: [] }
  if (around.unit === 'unknown') return inDoubt(files)
  const stopped = files.mark === undefined ? '' : '; Gitaly was told to stop: start it (gitlab-ctl start gitaly) if the host stays up'
  // Not made durable: a host that goes down late after all has rebooted, and late truth corrects this.
  return { status: 'failed', reasons: [reason('NOT_REBOOTED', `the unit of reboot ${files.id} is gone and the boot id is still ${around.bootId}${stopped}`)] }
}

/** Its last act may still be to write the outcome. */
const runs = ({ unit }: Surroundings): boolean => unit === 'active' || unit === 'ending'

const inDoubt = (files: OrderFiles): DerivedState =>
  ({ status: 'in-doubt', reasons: [reason('HEALTH_UNKNOWN', `whether the unit of order ${files.id} runs cannot be told`)] })

const settled = (files: OrderFiles, around: Surroundings, status: FinalStatus, reasons: readonly Reason[]): DerivedState => ({
  status,
  reasons,
  settle: { outcome: { status, atMs: around.nowMs, begunAtMs: files.decision?.atMs ?? 0, reasons, changes: [], notes: [], rebootRequired: false } }
})

export const isFinal = (status: OrderStatus): boolean => !['accepted', 'running', 'in-doubt'].includes(status)
