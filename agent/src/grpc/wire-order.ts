// Orders and reasons between the wire and the domain. Unknown and missing fields become empty values, which the
// admission then refuses; nothing is decided here.
import type { wire } from '@pitstop/proto'
import type { Reason } from '@pitstop/shared/fault'
import type { AptProgress } from '../domain/apt-progress.ts'
import type { OrderRequest } from '../domain/order-admission.ts'
import type { Change } from '../domain/order-record.ts'
import type { OrderStatus } from '../domain/order-state.ts'
import { stopNotes } from '../domain/stop-notes.ts'
import type { OrderView } from '../orders/order-desk.ts'

const whole = (value: unknown): number => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : 0
}

export const orderFromWire = (order: wire.Order__Output | null | undefined): OrderRequest => ({
  id: order?.id ?? '',
  fleet: order?.fleet ?? '',
  node: order?.node ?? '',
  planHash: order?.plan_hash ?? '',
  manifestHash: order?.manifest_hash ?? '',
  epoch: whole(order?.epoch),
  notBeforeMs: whole(order?.not_before_ms),
  notAfterMs: whole(order?.not_after_ms),
  bootId: order?.boot_id ?? ''
})

export const statusToWire = {
  'accepted': 'ORDER_STATUS_ACCEPTED',
  'running': 'ORDER_STATUS_RUNNING',
  'succeeded': 'ORDER_STATUS_SUCCEEDED',
  'failed': 'ORDER_STATUS_FAILED',
  'vetoed': 'ORDER_STATUS_VETOED',
  'cancelled': 'ORDER_STATUS_CANCELLED',
  'in-doubt': 'ORDER_STATUS_IN_DOUBT'
} as const satisfies Record<OrderStatus, string>

export const reasonsToWire = (reasons: readonly Reason[]): wire.Reason[] => reasons.map(({ code, text, hint }) => ({ code, text, hint }))

export const changesToWire = (changes: readonly Change[]): wire.PackageChange[] => changes.map(({ name, from, to, origin, security }) =>
  ({ name, from_version: from, to_version: to, origin, security }))

export const progressToWire = ({ percent, text }: AptProgress): { progress: { percent: number, text: string } } => ({ progress: { percent, text } })

/** @param step for orders of which nothing is kept: refused, or taken back before they came. */
export function orderStateToWire(view: OrderView, step: string, bootId: string): wire.OrderState {
  const { accepted, decision, mark, outcome } = view.files
  return {
    id: view.files.id,
    step: accepted?.step ?? step,
    status: statusToWire[view.status],
    reasons: reasonsToWire(view.reasons),
    accepted_at_ms: accepted?.acceptedAtMs ?? 0,
    begun_at_ms: outcome?.begunAtMs || (decision?.kind === 'begun' ? decision.atMs : 0),
    ended_at_ms: outcome?.atMs ?? (decision?.kind === 'cancelled' ? decision.atMs : 0),
    boot_id: accepted?.bootId ?? bootId,
    changes: changesToWire(outcome?.changes ?? []),
    notes: [...outcome?.notes ?? accepted?.notes ?? [], ...mark === undefined ? [] : stopNotes(mark)],
    gitaly_stop_begun_at_ms: mark?.stopBegunAtMs ?? 0,
    gitaly_stopped_at_ms: mark?.stoppedAtMs ?? 0,
    reboot_required: outcome?.rebootRequired ?? false
  }
}
