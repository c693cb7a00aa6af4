// The host's unpaid promises on disk: one file each under STATE/obligations, created before the change and removed after
// the payment. Used by agent and units alike: imports nothing heavy.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import type { FailedPayment, Obligation } from '../domain/obligation.ts'
import { type StateFiles, stateFiles } from './state-file.ts'

export class ObligationStore {
  readonly #directory: string
  readonly #files: StateFiles

  constructor(stateDirectory: string, files: StateFiles = stateFiles()) {
    this.#directory = join(stateDirectory, 'obligations')
    this.#files = files
  }

  /** Where the promises are, made if need be: whoever watches it misses none. */
  prepare(): string {
    this.#files.makeDirectory(this.#directory)
    return this.#directory
  }

  /** Durable when it returns. The first promise of an id holds: it alone knows what was there before. */
  promise(obligation: Obligation): Obligation {
    this.#files.makeDirectory(this.#directory)
    if (this.#files.createOnce(this.#pathOf(obligation.id), obligation)) return obligation
    return this.read(obligation.id) ?? obligation
  }

  read(id: string): Obligation | undefined {
    return this.#files.read(this.#pathOf(id)) as Obligation | undefined
  }

  unpaid(): readonly Obligation[] {
    return this.#files.list(this.#directory).filter((name) => name.endsWith('.json'))
      .flatMap((name) => this.read(name.slice(0, -'.json'.length)) ?? [])
  }

  /** Paid or void. Paying twice is harmless, so the removal need not be durable. */
  settle(id: string): void {
    rmSync(this.#pathOf(id), { force: true })
    rmSync(this.#failureOf(id), { force: true })
  }

  /** For whoever looks: the agent, its command line, a coordinator that asks. */
  recordFailure(id: string, failure: FailedPayment): void {
    this.#files.replace(this.#failureOf(id), failure)
  }

  failure(id: string): FailedPayment | undefined {
    return this.#files.read(this.#failureOf(id)) as FailedPayment | undefined
  }

  #pathOf(id: string): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/.test(id)) throw new Fault('INVALID_INPUT', `the obligation id ${JSON.stringify(id)} is not usable`)
    return join(this.#directory, `${id}.json`)
  }

  #failureOf(id: string): string { return `${this.#pathOf(id).slice(0, -'.json'.length)}.failure` }
}
