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
  /** Last look in this boot that did not find it healthy; 0 = none. */
  readonly lastBadMs: number
  /** When each process of it was seen first, the newest few. */
  readonly startsMs: readonly number[]
}

/** All instants on one clock that never jumps: ms of the host's uptime. */
export interface Observation {
  readonly atMs: number
  readonly status: HealthStatus
  readonly serving: boolean
  /** 0 = not known. */
  readonly pid: number
  readonly uptimeS: number
  /** When Gitaly listened, by its own log of this boot; 0 = it does not say. That it begins to start is no proof: the soak would be shorter by its start. */
  readonly startedMs: number
}

export const nothingSeen: HealthWatch = { servingSinceMs: 0, healthySinceMs: 0, wasHealthy: false, pid: 0, uptimeS: 0, lastBadMs: 0, startsMs: [] }

const keptStarts = 10

export function watchHealth(before: HealthWatch, seen: Observation): HealthWatch {
  const restarted = before.pid !== 0 && seen.pid !== 0 && (seen.pid !== before.pid || seen.uptimeS < before.uptimeS)
  const healthy = seen.status === 'healthy'
  const unbroken = healthy && before.healthySinceMs !== 0 && !restarted
  const provenMs = restarted || before.wasHealthy ? seen.atMs : provenSince(before, seen)
  return {
    servingSinceMs: before.servingSinceMs === 0 && seen.serving ? provenMs : before.servingSinceMs,
    healthySinceMs: unbroken ? before.healthySinceMs : healthy ? provenMs : 0,
    wasHealthy: before.wasHealthy || healthy,
    pid: seen.pid === 0 ? before.pid : seen.pid,
    uptimeS: seen.pid === 0 ? before.uptimeS : seen.uptimeS,
    lastBadMs: healthy ? before.lastBadMs : seen.atMs,
    startsMs: restarted || (before.pid === 0 && seen.pid !== 0) ? [...before.startsMs, seen.atMs].slice(-keptStarts) : before.startsMs
  }
}

/**
 * The first healthy look of a boot may prove more than its own moment: the process that serves now said in its log when
 * it had started, and has run without a break since. So an agent that comes up after Gitaly does not lengthen the soak.
 * Never before the last look that found it otherwise.
 */
function provenSince(before: HealthWatch, seen: Observation): number {
  const age = seen.atMs - seen.startedMs
  // The service manager counts whole seconds from the start of the process, which is before the marker.
  const sameProcess = seen.startedMs > 0 && age >= 0 && seen.uptimeS >= Math.floor(age / 1000)
  return sameProcess ? Math.max(seen.startedMs, before.lastBadMs) : seen.atMs
}
