// Time that moves only when nothing else can happen: a whole window in milliseconds, the same every time.
import type { Clock } from '@pitstop/coordinator/ports'

interface Timer { readonly at: number, readonly order: number, readonly call: () => void }

export class VirtualClock implements Clock {
  #now: number
  #order = 0
  readonly #timers = new Set<Timer>()

  constructor(start: number) { this.#now = start }

  now(): number { return this.#now }
  monotonic(): number { return this.#now }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, call }
    this.#timers.add(timer)
    return () => { this.#timers.delete(timer) }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => { this.after(ms, resolve) })
  }

  /** Runs until the condition holds. False: time is up or nothing is left to happen. */
  async runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    const limit = this.#now + limitMs
    for (;;) {
      // A macrotask lets every promise that can settle now settle first.
      await new Promise<void>((resolve) => { setImmediate(resolve) })
      if (condition()) return true
      let next: Timer | undefined
      for (const timer of this.#timers) {
        if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
      }
      if (next === undefined || next.at > limit) return condition()
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.call()
    }
  }
}
