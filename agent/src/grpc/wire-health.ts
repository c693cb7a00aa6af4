// Verdicts, services and storages as the wire shows them. Nothing is decided here.
import type { wire } from '@pitstop/proto'
import type { HealthStatus, StorageReading } from '../domain/health-verdict.ts'
import type { RunState, ServiceReading } from '../domain/service-status.ts'
import type { Verdict } from '../health/health-watcher.ts'
import { reasonsToWire } from './wire-order.ts'

const health = {
  healthy: 'HEALTH_STATUS_HEALTHY',
  unhealthy: 'HEALTH_STATUS_UNHEALTHY',
  unknown: 'HEALTH_STATUS_UNKNOWN'
} as const satisfies Record<HealthStatus, string>

const runState = {
  run: 'SERVICE_RUN_STATE_RUN',
  down: 'SERVICE_RUN_STATE_DOWN',
  finish: 'SERVICE_RUN_STATE_FINISH',
  unsupervised: 'SERVICE_RUN_STATE_UNSUPERVISED',
  unknown: 'SERVICE_RUN_STATE_UNKNOWN'
} as const satisfies Record<RunState, string>

export const verdictToWire = (verdict: Verdict): wire.Verdict => ({
  status: health[verdict.status],
  boot_id: verdict.bootId,
  evidence: verdict.evidence.map(({ check, status, text }) => ({ check, status: health[status], text })),
  reasons: reasonsToWire(verdict.reasons),
  healthy_for_ms: verdict.healthyForMs,
  gitaly_pid: verdict.pid,
  gitaly_uptime_s: verdict.uptimeS,
  serving_since_ms: verdict.servingSinceMs,
  boots_since_order: verdict.bootsSinceOrder,
  booted_at_ms: Math.round(verdict.bootedAtMs),
  gitaly_stop_begun_at_ms: verdict.stopBegunAtMs
})

export const serviceToWire = (service: ServiceReading): wire.ServiceState => ({
  name: service.name,
  state: runState[service.state],
  pid: service.pid,
  uptime_s: service.uptimeS,
  normally_down: service.normallyDown,
  text: service.text
})

export const storageToWire = ({ name, readable, writeable, filesystemId }: StorageReading): { name: string, readable: boolean, writeable: boolean, filesystem_id: string } =>
  ({ name, readable, writeable, filesystem_id: filesystemId })
