// A coordinator's process in the simulated world: killed (kill -9) nothing of it goes on, stopped (SIGSTOP) everything reaches
// it late, and its wall clock may be wrong. What it had sent is on its way in any case.
import type { Clock } from '@pitstop/coordinator/ports'

type Method = (...args: unknown[]) => unknown

export class Process {
  readonly name: string
  /** Where it runs: what it wrote to a file there outlives it. */
  readonly machine: string
  /** Its wall clock minus true time, ms. */
  wallOffMs = 0
  #alive = true
  #asleep = false
  #missed: (() => void)[] = []
  readonly #clock: Clock

  constructor(name: string, clock: Clock, machine = 'the one') {
    this.name = name
    this.machine = machine
    this.#clock = clock
  }

  get alive(): boolean { return this.#alive }
  get asleep(): boolean { return this.#asleep }

  kill(): void {
    this.#alive = false
    this.#missed = []
  }

  sleep(): void { this.#asleep = true }

  wake(): void {
    this.#asleep = false
    const missed = this.#missed
    this.#missed = []
    for (const call of missed) call()
  }

  clock(): Clock {
    return {
      now: () => this.#clock.now() + this.wallOffMs,
      monotonic: () => this.#clock.monotonic(),
      after: (ms, call) => {
        let cancelled = false
        const cancel = this.#clock.after(ms, () => { this.#reached(() => { if (!cancelled) call() }) })
        return () => {
          cancelled = true
          cancel()
        }
      }
    }
  }

  /** The port as this process has it: calls of a dead one never return, answers reach a sleeping one when it wakes. */
  port<T extends object>(port: T): T {
    const had: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(port) as [string, unknown][]) had[key] = typeof value === 'function' ? this.#call(port, value as Method) : value
    return had as T
  }

  #call(port: object, method: Method): Method {
    return (...args) => {
      if (!this.#alive) return new Promise(() => undefined)
      const result = Reflect.apply(method, port, args)
      return result instanceof Promise ? this.#answered(result) : result
    }
  }

  #answered(answer: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      answer.then((value) => { this.#reached(resolve, value) }, (error: unknown) => { this.#reached(reject, error) })
    })
  }

  #reached(call: (what?: unknown) => void, what?: unknown): void {
    if (!this.#alive) return
    if (this.#asleep) this.#missed.push(() => { call(what) })
    else call(what)
  }
}
