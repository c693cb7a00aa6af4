// Reads Gitaly's log for one verdict, each line once: from the reboot order's mark, or the end part of the current file
// when there is no mark. One reading at a time; each caller gets lines that are younger than its question.
import { type LogPosition, newestPosition, positionAt } from '../adapters/log-place.ts'
import { readToEnd } from '../adapters/log-reader.ts'
import { emptyTestimony, type LogBounds, type LogTestimony, testify, testifyGap } from '../domain/log-verdict.ts'

/** Without a mark no more than this is read of a big file. */
const unmarkedBytes = 4 * 1024 * 1024
/** A start that logs more than this is read over several looks, and not judged before. */
const bytesPerLook = 64 * 1024 * 1024

export interface ScanStart {
  readonly path: string
  /** undefined = there is none: the end part of the current file is read, or, `isNew`, everything. */
  readonly mark: LogPosition | undefined
  readonly markedAtMs: number
  /** There was no log when it should have been marked: all of it was written since. */
  readonly isNew: boolean
}

export class LogScan {
  readonly #start: ScanStart
  #position: LogPosition | undefined
  #testimony: LogTestimony = emptyTestimony
  #begun = false
  #last: Promise<unknown> = Promise.resolve()

  constructor(start: ScanStart) {
    this.#start = start
    this.#position = start.mark
  }

  /** @throws what the file system throws; a log that does not exist is a fault, not a clean log. */
  look(bounds: LogBounds): Promise<LogTestimony> {
    const reading = this.#last.catch(() => undefined).then(() => this.#read(bounds))
    this.#last = reading
    return reading
  }

  async #read(bounds: LogBounds): Promise<LogTestimony> {
    const { path, isNew, markedAtMs } = this.#start
    if (!this.#begun) this.#position ??= isNew ? positionAt(path, markedAtMs) : newestPosition(path, unmarkedBytes)
    const reading = await readToEnd(path, this.#position, {
      line: (text) => { this.#testimony = testify(this.#testimony, text, bounds) },
      gap: (text) => { this.#testimony = testifyGap(this.#testimony, text) }
    }, { limit: bytesPerLook, ...this.#begun || this.#start.mark === undefined ? {} : { takenAtMs: markedAtMs } })
    if (reading === undefined) throw new Error(`${path} does not exist`)
    this.#position = reading.position
    this.#begun = true
    if (reading.cut) throw new Error(`${path} grew by more than ${bytesPerLook / 1_048_576} MiB; it is still being read`)
    return this.#testimony
  }

  /** What was read so far; undefined = nothing yet. */
  get testimony(): LogTestimony | undefined { return this.#begun ? this.#testimony : undefined }
}
