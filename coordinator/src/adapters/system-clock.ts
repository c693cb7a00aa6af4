// The real clock.
import type { Clock } from '../ports.ts'

export const systemClock: Clock = {
  now: () => Date.now(),
  // CLOCK_MONOTONIC: does not jump. It stands still in suspend, so a renewal after a suspend finds the lease by the
  // store's own clock, and wall time is compared too (see now()).
  monotonic: () => Number(process.hrtime.bigint() / 1_000_000n),
  after(ms, call) {
    const timer = setTimeout(call, Math.min(ms, 2 ** 31 - 1))
    return () => { clearTimeout(timer) }
  }
}
