// Does Gitaly die again and again? A service manager starts it anew each time, so a single look may well find it running; and
// between two deaths it may even serve. Pure.
import type { ServiceReading } from './service-status.ts'

/** More starts than this in so short a time, and the process of now too young to prove anything: it will die again. */
const mostStarts = 3
const loopMs = 5 * 60_000
const steadyS = 30
/** The service manager's own count begins with the boot; later it tells of old times. */
const countedMs = 15 * 60_000

export interface Starts {
  readonly uptimeMs: number
  /** When each process was seen first, by the uptime. */
  readonly startsMs: readonly number[]
}

/** undefined = nothing says so. */
export function crashLoop({ state, uptimeS, restarts }: ServiceReading, { uptimeMs, startsMs }: Starts): string | undefined {
  if (state === 'run' && uptimeS >= steadyS) return undefined
  const seen = startsMs.filter((atMs) => uptimeMs - atMs < loopMs).length
  const starts = Math.max(seen, uptimeMs < countedMs ? (restarts ?? 0) + 1 : 0)
  return starts > mostStarts ? `crash loop: started ${starts} times` : undefined
}
