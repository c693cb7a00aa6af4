// Time that moves only when nothing else can happen: a whole window in milliseconds, the same every time.
import { setFlagsFromString } from 'node:v8'
import type { Clock } from '@pitstop/coordinator/ports'

interface Timer { readonly at: number, readonly order: number, call: (() => void) | null }

/**
 * Lets every promise that can settle now settle, without a turn of the event loop: a window has thousands of moments, and a
 * turn costs more than what happens in one. V8's own word for tests; works outside of promise jobs only.
 */
const settlePromises = ((): (() => void) => {
  setFlagsFromString('--allow-natives-syntax')
  try {
    // oxlint-disable-next-line typescript/no-implied-eval -- no other way to say it
    return new Function('%PerformMicrotaskCheckpoint()') as () => void
  } finally {
    setFlagsFromString('--no-allow-natives-syntax')
  }
})()

export class VirtualClock implements Clock {
  #now: number
  #order = 0
  #second = 0
  #moments = 0
  /** Most moments that ever fell into one virtual second: far too many, and something goes round in circles. */
  busiest = 0
  /** A binary heap: the timer that is next is first. A cancelled one stays until its turn. */
  readonly #timers: Timer[] = []

  constructor(start: number) { this.#now = start }

  now(): number { return this.#now }
  monotonic(): number { return this.#now }

  after(ms: number, call: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, ms), order: this.#order++, call }
    this.#push(timer)
    return () => { timer.call = null }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => { this.after(ms, resolve) })
  }

  /** Runs until the condition holds. False: time is up or nothing is left to happen. */
  runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        try {
          resolve(this.#run(condition, this.#now + limitMs))
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #run(condition: () => boolean, limit: number): boolean {
    for (;;) {
      settlePromises()
      if (condition()) return true
      let next = this.#timers[0]
      while (next !== undefined && next.call === null) {
        this.#pop()
        next = this.#timers[0]
      }
      if (next === undefined || next.at > limit) return false
      this.#pop()
      this.#now = Math.max(this.#now, next.at)
      this.#count()
      next.call?.()
    }
  }

  #count(): void {
    const second = Math.floor(this.#now / 1000)
    this.#moments = second === this.#second ? this.#moments + 1 : 1
    this.#second = second
    this.busiest = Math.max(this.busiest, this.#moments)
  }

  #push(timer: Timer): void {
    const heap = this.#timers
    let at = heap.push(timer) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || before(parent, timer)) break
      heap[at] = parent
      at = above
    }
    heap[at] = timer
  }

  #pop(): void {
    const heap = this.#timers
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      let child = heap[below]
      const right = heap[below + 1]
      if (child !== undefined && right !== undefined && before(right, child)) {
        child = right
        below++
      }
      if (child === undefined || before(last, child)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}

const before = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
