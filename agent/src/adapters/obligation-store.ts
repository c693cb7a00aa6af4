// The host's unpaid promises on disk: one file each under STATE/obligations, created before the change and removed after
// the payment. Used by agent and units alike: imports nothing heavy.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import type { Obligation } from '../domain/obligation.ts'
import { type StateFiles, stateFiles } from './state-file.ts'

export class ObligationStore {
  readonly #directory: string
  readonly #files: StateFiles

  constructor(stateDirectory: string, files: StateFiles = stateFiles()) {
    this.#directory = join(stateDirectory, 'obligations')
    this.#files = files
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
  }

  #pathOf(id: string): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/.test(id)) throw new Fault('INVALID_INPUT', `the obligation id ${JSON.stringify(id)} is not usable`)
    return join(this.#directory, `${id}.json`)
  }
}
