// Reads Gitaly's log for one verdict, each line once: from the reboot order's mark, or the end part of the current file
// when there is no mark. Stops for good when the start is over: later errors tell of work, not of the start.
import { type LogPosition, nearEnd, readToEnd } from '../adapters/log-files.ts'
import { emptyTestimony, type LogTestimony, testify, testifyGap, type Unmarked } from '../domain/log-verdict.ts'

/** Without a mark no more than this is read of a big file. */
const unmarkedBytes = 4 * 1024 * 1024
/** A start that logs more than this at once is read in several looks. */
const bytesPerLook = 16 * 1024 * 1024

export class LogScan {
  readonly #path: string
  readonly #unmarked: Unmarked | undefined
  #position: LogPosition | undefined
  #testimony: LogTestimony = emptyTestimony
  #begun = false

  /** @param mark undefined = the log did not exist when it should have been marked, or there was no order. */
  constructor(path: string, mark: LogPosition | undefined, unmarked: Unmarked | undefined) {
    this.#path = path
    this.#unmarked = unmarked
    this.#position = mark
  }

  /** @throws what the file system throws; a log that does not exist is a fault, not a clean log. */
  look(): LogTestimony {
    if (!this.#begun && this.#unmarked !== undefined && this.#position === undefined) this.#position = nearEnd(this.#path, unmarkedBytes)
    const next = readToEnd(this.#path, this.#position, {
      line: (text) => { this.#testimony = testify(this.#testimony, text, this.#unmarked) },
      gap: (text) => { this.#testimony = testifyGap(this.#testimony, text) }
    }, bytesPerLook)
    if (next === undefined) throw new Error(`${this.#path} does not exist`)
    this.#position = next
    this.#begun = true
    return this.#testimony
  }

  get testimony(): LogTestimony | undefined { return this.#begun ? this.#testimony : undefined }
}
