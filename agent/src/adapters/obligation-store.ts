// The host's unpaid promises on disk: one file each under STATE/obligations, created before the change and removed after
// the payment. Used by agent and units alike: imports nothing heavy.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { asFault, chain, Fault } from '@pitstop/shared/fault'
import type { FailedPayment, Obligation } from '../domain/obligation.ts'
import { type StateFiles, stateFiles } from './state-file.ts'

export interface UnreadableObligation {
  readonly path: string
  readonly text: string
}

/** What a person can do about it. */
export const unreadableHint = (path: string): string => `look at ${path}: what it says in "pay" is to be done by hand, then remove it`

const needed = ['id', 'kind', 'orderId', 'planHash', 'what', 'pay', 'deadlineMs', 'madeAtMs', 'payable', 'dueAtMs', 'boundToBoot'] as const satisfies readonly (keyof Obligation)[]

const toStandardError = ({ text }: UnreadableObligation): void => { process.stderr.write(`a promise cannot be read: ${text}\n`) }

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

  /** @throws Fault STATE_UNREADABLE. */
  read(id: string): Obligation | undefined {
    const path = this.#pathOf(id)
    const value = this.#files.read(path) as Partial<Obligation> | undefined
    if (value === undefined) return undefined
    const missing = needed.filter((key) => value[key] === undefined)
    if (missing.length > 0 || value.id !== id || !Array.isArray(value.pay)) throw new Fault('STATE_UNREADABLE', `${path} is no promise: ${missing.length > 0 ? `it lacks ${missing.join(', ')}` : 'it is another one\'s'}`)
    return value as Obligation
  }

  /** Each read on its own: one that cannot be read keeps nobody from paying the others. @param report is told of those. */
  unpaid(report: (unreadable: UnreadableObligation) => void = toStandardError): readonly Obligation[] {
    return this.#files.list(this.#directory).filter((name) => name.endsWith('.json')).flatMap((name) => {
      try { return this.read(name.slice(0, -'.json'.length)) ?? [] } catch (error) {
        report({ path: join(this.#directory, name), text: chain(asFault(error)) })
        return []
      }
    })
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
    try { return this.#files.read(this.#failureOf(id)) as FailedPayment | undefined } catch (error) {
      return { atMs: 0, attempts: 0, text: `why it is not paid cannot be read: ${chain(asFault(error))}`, waiting: true }
    }
  }

  #pathOf(id: string): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/.test(id)) throw new Fault('INVALID_INPUT', `the obligation id ${JSON.stringify(id)} is not usable`)
    return join(this.#directory, `${id}.json`)
  }

  #failureOf(id: string): string { return `${this.#pathOf(id).slice(0, -'.json'.length)}.failure` }
}
