// The log's testimony about a start: a fold over the lines behind the mark. Pure.
// Strict behind a mark (any start-up error of the boot counts); without a mark only the last start is judged.
import { type ClassifiedLine, classifyLine, isStartOfGitaly } from './log-line.ts'

export interface LogTestimony {
  readonly lines: number
  readonly errors: readonly string[]
  /** Lines were lost behind the mark: nothing can be proven any more. */
  readonly gaps: readonly string[]
  /** A start marker was seen; false also with logging.level = warn, where Gitaly prints none. */
  readonly started: boolean
  readonly lastMarkerMs: number
  /** Error lines long after the start: they tell of work, not of the start. */
  readonly laterErrors: number
}

export const emptyTestimony: LogTestimony = { lines: 0, errors: [], gaps: [], started: false, lastMarkerMs: 0, laterErrors: 0 }

/** Errors later than this after the last start marker are no start-up errors. */
export const startPhaseMs = 5 * 60_000
const keptErrors = 20

/** Where there is no mark: only the last start counts, and nothing from before the boot. */
export interface Unmarked {
  readonly bootedAtMs: number
}

/** @param unmarked undefined = every line stands behind the mark of this boot. */
export function testify(before: LogTestimony, text: string, unmarked?: Unmarked): LogTestimony {
  const line: ClassifiedLine = classifyLine(text)
  // A line of an earlier boot proves that everything before it is older still.
  if (unmarked !== undefined && line.timeMs > 0 && line.timeMs < unmarked.bootedAtMs) return emptyTestimony
  const base = unmarked !== undefined && line.class === 'start-marker' && isStartOfGitaly(text) ? emptyTestimony : before
  const lines = base.lines + 1
  switch (line.class) {
    case 'start-marker': return { ...base, lines, started: true, lastMarkerMs: line.timeMs || base.lastMarkerMs }
    case 'startup-error': {
      const late = base.started && line.timeMs > 0 && base.lastMarkerMs > 0 && line.timeMs - base.lastMarkerMs > startPhaseMs
      return late
        ? { ...base, lines, laterErrors: base.laterErrors + 1 }
        : { ...base, lines, errors: [...base.errors, text.slice(0, 500)].slice(0, keptErrors) }
    }
    case 'info': case 'request-error': case 'harmless': case 'stop': case 'unknown': case 'gap':
      return { ...base, lines }
    default: return line.class satisfies never
  }
}

export const testifyGap = (before: LogTestimony, text: string): LogTestimony => ({ ...before, gaps: [...before.gaps, text].slice(0, keptErrors) })
