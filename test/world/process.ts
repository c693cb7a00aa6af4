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

  /** Now, or when it wakes; never, once it is dead. */
  hear(call: () => void): void {
    if (!this.#alive) return
    if (this.#asleep) this.#missed.push(call)
    else call()
  }

  clock(): Clock {
    return {
      now: () => this.#clock.now() + this.wallOffMs,
      monotonic: () => this.#clock.monotonic(),
      after: (ms, call) => {
        let cancelled = false
        const cancel = this.#clock.after(ms, () => { this.hear(() => { if (!cancelled) call() }) })
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
      if (!this.#alive) return never()
      const result = Reflect.apply(method, port, args)
      return result instanceof Promise ? result.then(this.#answered, this.#refused) : result
    }
  }

  // Made once: every call of every coordinator comes back through these two.
  readonly #answered = (value: unknown): unknown => (this.#hears ? value : this.#later(() => value))
  readonly #refused = (error: unknown): unknown => {
    if (this.#hears) throw error
    return this.#later(() => { throw error })
  }

  get #hears(): boolean { return this.#alive && !this.#asleep }

  /** Heard when the process wakes; never, if it is dead by then. */
  #later<T>(hear: () => T): Promise<T> {
    return this.#alive ? new Promise<void>((resolve) => { this.#missed.push(resolve) }).then(hear) : never()
  }
}

const never = (): Promise<never> => new Promise(() => undefined)
