// Proto messages → domain terms. Unknown enum values and reason codes become "unknown", never something better.
import type { wire } from '@pitstop/proto'
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import { isFaultCode } from '@pitstop/shared/fault-table'
import type { EvidenceItem } from '../../domain/event.ts'
import type { HostView, OrderView, Verdict } from '../../domain/observed.ts'
import { implausibleEpoch, isPlausibleEpoch } from '../../domain/restored.ts'

const orderStatuses: Readonly<Record<string, OrderView['status']>> = {
  ORDER_STATUS_ACCEPTED: 'accepted', ORDER_STATUS_RUNNING: 'running', ORDER_STATUS_SUCCEEDED: 'succeeded', ORDER_STATUS_FAILED: 'failed',
  ORDER_STATUS_VETOED: 'vetoed', ORDER_STATUS_CANCELLED: 'cancelled', ORDER_STATUS_IN_DOUBT: 'in-doubt'
}
/** What is not here says nothing: an agent that could not read the status, or not understand it, does not say that Gitaly is down. */
const runs: Readonly<Record<string, boolean>> = {
  SERVICE_RUN_STATE_RUN: true, SERVICE_RUN_STATE_DOWN: false, SERVICE_RUN_STATE_FINISH: false, SERVICE_RUN_STATE_UNSUPERVISED: false
}
const healthStatuses: Readonly<Record<string, EvidenceItem['status']>> = { HEALTH_STATUS_HEALTHY: 'healthy', HEALTH_STATUS_UNHEALTHY: 'unhealthy' }

export const toReason = ({ code, text, hint }: wire.Reason__Output): Reason => isFaultCode(code)
  ? reason(code, text, hint === '' ? undefined : hint)
  : reason('AGENT_ANSWER_INVALID', `${code}: ${text}`, hint === '' ? undefined : hint)

export const toOrder = (state: wire.OrderState__Output): OrderView => ({
  id: state.id, status: orderStatuses[state.status] ?? 'unknown', reasons: state.reasons.map(toReason),
  changes: state.changes.map((each) => ({ name: each.name, from: each.from_version, to: each.to_version, security: each.security })),
  notes: state.notes, rebootRequired: state.reboot_required, gitalyStoppedAt: state.gitaly_stop_begun_at_ms
})

/**
 * One agent's number would else become the whole fleet's.
 * @param under our epoch; 0 = not known here. @throws Fault AGENT_ANSWER_INVALID
 */
export function requirePlausibleEpoch(node: string, epoch: number, under: number): void {
  if (isPlausibleEpoch(epoch, under === 0 ? Number.MAX_SAFE_INTEGER : under)) return
  const { text, hint } = implausibleEpoch(node, epoch, under)
  throw new Fault('AGENT_ANSWER_INVALID', text, { hint })
}

/** @param service name of Gitaly's service. @param asked our clock in the middle of the call, epoch ms. */
export function toHost(answer: wire.DescribeResponse__Output, asked: number, service = 'gitaly'): HostView {
  const gitaly = answer.services.find(({ name }) => name === service)
  return {
    bootId: answer.boot_id, platform: `${answer.os_id}-${answer.os_version}-${answer.architecture}`,
    gitalyPid: gitaly?.pid ?? 0, gitalyRuns: gitaly === undefined ? null : runs[gitaly.state] ?? null, rebootRequired: answer.reboot_required,
    vetoes: answer.vetoes.map(toReason), promises: answer.obligations.map(({ id, what, due_at_ms, last_error }) => ({ id, what, dueAt: due_at_ms, lastError: last_error })), orders: answer.orders.map(toOrder), currentOrder: answer.current_order?.id ?? null,
    highestEpoch: answer.highest_epoch, clockOffsetMs: answer.now_ms - asked, requestsInFlight: answer.requests_in_flight,
    pendingUpdates: answer.pending_updates.map(({ name, to_version }) => ({ name, version: to_version })),
    certificateExpiresAt: answer.certificate_expires_at_ms, hooksMs: answer.before_reboot_hooks_ms, latestOrder: answer.latest_order === null ? null : { id: answer.latest_order.id, step: answer.latest_order.step, plan: answer.latest_order.plan_hash },
    protocol: { min: answer.protocol_min, max: answer.protocol_max }
  }
}

export const toVerdict = (verdict: wire.Verdict__Output): Verdict => ({
  status: healthStatuses[verdict.status] ?? 'unknown', bootId: verdict.boot_id,
  evidence: verdict.evidence.map(({ check, status, text }) => ({ check, text, status: healthStatuses[status] ?? 'unknown' })),
  reasons: verdict.reasons.map(toReason), healthyForMs: verdict.healthy_for_ms, gitalyPid: verdict.gitaly_pid,
  servingSince: verdict.serving_since_ms, bootsSinceOrder: verdict.boots_since_order, stoppedAt: verdict.gitaly_stop_begun_at_ms
})
