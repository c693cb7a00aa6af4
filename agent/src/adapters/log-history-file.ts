// The history of start-up errors on disk: STATE/log-history.json. What cannot be read excuses nothing, and what cannot be
// written is said: a verdict is never better for it.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type LogHistory, noHistory } from '../domain/log-history.ts'
import type { Logger } from '../ports.ts'
import { type StateFiles, stateFiles } from './state-file.ts'

export class LogHistoryFile {
  readonly #path: string
  readonly #files: StateFiles
  readonly #log: Logger
  #history: LogHistory | undefined
  /** Of the file that was read or written last. */
  #stamp = ''

  constructor(stateDirectory: string, log: Logger, files: StateFiles = stateFiles()) {
    this.#path = join(stateDirectory, 'log-history.json')
    this.#files = files
    this.#log = log
  }

  /** As it is on disk: a person's command line writes it too, beside the running agent. Read again when it is another file. */
  get history(): LogHistory {
    const stamp = this.#stampNow()
    if (this.#history === undefined || stamp !== this.#stamp) {
      this.#stamp = stamp
      this.#history = this.#read()
    }
    return this.#history
  }

  /** Durable when it returns, or said. */
  change(next: LogHistory): void {
    if (JSON.stringify(next) === JSON.stringify(this.history)) return
    this.#history = next
    try { this.#files.replace(this.#path, next); this.#stamp = this.#stampNow() } catch (error) { this.#log.error({ file: this.#path, error: String(error) }, 'the history of start-up errors cannot be written') }
  }

  #stampNow(): string {
    try {
      const stat = statSync(this.#path, { throwIfNoEntry: false, bigint: true })
      return stat === undefined ? '' : `${stat.ino} ${stat.mtimeNs} ${stat.size}`
    } catch (error) { return String(error) }
  }

  #read(): LogHistory {
    try { return { ...noHistory, ...this.#files.read(this.#path) as Partial<LogHistory> | undefined } } catch (error) {
      this.#log.error({ file: this.#path, error: String(error) }, 'the history of start-up errors cannot be read: no error is excused by it')
      // Nor may the log before a stop excuse one: what was condemned is not known any more.
      return { ...noHistory, overflowed: true }
    }
  }
}
