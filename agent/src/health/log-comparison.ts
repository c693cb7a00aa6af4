// Holds the start-up errors of one boot against this node's own earlier starts: those remembered from healthy boots, and the
// start that our stop ended, which is read from the log before the mark only when there is an error to compare. Never
// waits: until that is read, the errors are neither excused nor held against the node.
import { earlierStart, type EarlierStart } from '../adapters/log-earlier-start.ts'
import type { LogPosition } from '../adapters/log-place.ts'
import type { LogHistoryFile } from '../adapters/log-history-file.ts'
import { acquit, condemn, knownPatterns, mayExcuse, remember } from '../domain/log-history.ts'
import type { LogTestimony } from '../domain/log-verdict.ts'
import type { Comparison } from '../domain/log-finding.ts'

export interface LogComparisonParts {
  readonly file: LogHistoryFile
  readonly bootId: string
  readonly path: string
  /** Where the log stood when Gitaly was stopped; undefined = there is nothing before it. */
  readonly mark: LogPosition | undefined
  readonly markedAtMs: number
  /** There is something new to judge. */
  readonly changed: () => void
}

export class LogComparison {
  readonly #parts: LogComparisonParts
  #searching = false
  #earlier: EarlierStart | undefined

  constructor(parts: LogComparisonParts) { this.#parts = parts }

  compare({ errors }: LogTestimony): Comparison {
    const { file, bootId } = this.#parts
    const excused = new Map(knownPatterns(file.history))
    const open = errors.filter(({ pattern, final }) => !final && !excused.has(pattern)).map(({ pattern }) => pattern)
    if (open.length === 0) return { excused, pending: false, note: '' }
    file.change(condemn(file.history, bootId, open))
    if (this.#earlier === undefined) {
      this.#search()
      return { excused, pending: true, note: '' }
    }
    if ('none' in this.#earlier) return { excused, pending: false, note: this.#earlier.none }
    const { atMs, testimony } = this.#earlier
    const written = open.filter((pattern) => testimony.errors.some((error) => error.pattern === pattern && !error.final))
    const same = written.filter((pattern) => mayExcuse(file.history, bootId, pattern))
    for (const pattern of same) excused.set(pattern, atMs)
    file.change(acquit(file.history, bootId, same))
    const condemned = written.length > same.length
    return { excused, pending: false, note: condemned ? 'it made an earlier boot unhealthy too' : `not written at the start of ${new Date(atMs).toISOString()}` }
  }

  /** The boot was judged healthy, with these errors excused. */
  learn({ errors }: LogTestimony, { excused }: Comparison): void {
    const { file, bootId } = this.#parts
    // Nothing to remember or to forget: no write at the moment when everybody waits for this verdict.
    if (errors.length === 0 && file.history.known.length === 0 && file.history.condemned.length === 0 && !file.history.overflowed) return
    file.change(remember(file.history, bootId, new Map(errors.flatMap(({ pattern, final }) => {
      const sinceMs = excused.get(pattern)
      return final || sinceMs === undefined ? [] : [[pattern, sinceMs] as const]
    }))))
  }

  #search(): void {
    if (this.#searching) return
    this.#searching = true
    const { path, mark, markedAtMs, changed } = this.#parts
    const search = mark === undefined ? Promise.resolve({ none: 'there was no log before the stop' }) : earlierStart(path, mark, markedAtMs)
    void search.catch((error: unknown) => ({ none: `the log before the stop cannot be read: ${String(error)}` })).then((found) => {
      this.#earlier = found
      changed()
    })
  }
}
