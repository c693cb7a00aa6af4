// The real clock.
import { uptime } from 'node:os'
import type { Clock } from '../ports.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  // CLOCK_BOOTTIME, by /proc/uptime: never steps, and runs through suspend. Node's own monotonic clocks (hrtime, performance)
  // are CLOCK_MONOTONIC, which stands still there: a holder that was asleep for an hour would believe in its lease.
  // It counts in hundredths of a second; the lease keeper allows for that.
  monotonic: () => uptime() * 1000,
  after(ms, call) {
    const timer = setTimeout(call, Math.min(ms, 2 ** 31 - 1))
    return () => { clearTimeout(timer) }
  }
}
