// How long has it been well? A fold over judgements of one boot, as watched by the agent. Pure.
// Any judgement other than healthy, another pid or a shrunk uptime begins the count anew.
import type { HealthStatus } from './health-verdict.ts'

export interface HealthWatch {
  /** First SERVING in this boot; 0 = not yet. */
  readonly servingSinceMs: number
  /** Begin of the present unbroken health; 0 = not healthy now. */
  readonly healthySinceMs: number
  /** Was healthy at least once in this boot. */
  readonly wasHealthy: boolean
  readonly pid: number
  readonly uptimeS: number
}

export interface Observation {
  readonly atMs: number
  readonly status: HealthStatus
  readonly serving: boolean
  /** 0 = not known. */
  readonly pid: number
  readonly uptimeS: number
}

export const nothingSeen: HealthWatch = { servingSinceMs: 0, healthySinceMs: 0, wasHealthy: false, pid: 0, uptimeS: 0 }

export function watchHealth(before: HealthWatch, seen: Observation): HealthWatch {
  const restarted = before.pid !== 0 && seen.pid !== 0 && (seen.pid !== before.pid || seen.uptimeS < before.uptimeS)
  const healthy = seen.status === 'healthy'
  const unbroken = healthy && before.healthySinceMs !== 0 && !restarted
  return {
    servingSinceMs: before.servingSinceMs === 0 && seen.serving ? seen.atMs : before.servingSinceMs,
    healthySinceMs: unbroken ? before.healthySinceMs : healthy ? seen.atMs : 0,
    wasHealthy: before.wasHealthy || healthy,
    pid: seen.pid === 0 ? before.pid : seen.pid,
    uptimeS: seen.pid === 0 ? before.uptimeS : seen.uptimeS
  }
}
