// The log's testimony about a start: a fold over the lines behind the mark. Pure.
// Strict behind a mark (any start-up error of the boot counts); without a mark only the last start is judged.
import { type ClassifiedLine, classifyLine } from './log-line.ts'
import { errorPattern } from './log-pattern.ts'

/** All lines of one pattern. */
export interface StartupError {
  readonly pattern: string
  /** The first of them. */
  readonly text: string
  readonly count: number
  /** Not to be excused by an earlier boot. */
  readonly final: boolean
}

export interface LogTestimony {
  readonly lines: number
  readonly errors: readonly StartupError[]
  /** Error lines of still other patterns, of which nothing more is kept. */
  readonly furtherErrors: number
  /** Lines were lost behind the mark: nothing can be proven any more. */
  readonly gaps: readonly string[]
  /** A start marker was seen; false also with logging.level = warn, where Gitaly prints none. */
  readonly started: boolean
  readonly lastMarkerMs: number
  /** When the last start had got so far that it listened; 0 = the log does not say it yet. */
  readonly listenedMs: number
  /** Error lines long after the start: they tell of work, not of the start. */
  readonly laterErrors: number
}

export const emptyTestimony: LogTestimony = { lines: 0, errors: [], furtherErrors: 0, gaps: [], started: false, lastMarkerMs: 0, listenedMs: 0, laterErrors: 0 }

/** Errors later than this after the last start marker are no start-up errors. */
export const startPhaseMs = 5 * 60_000
const keptPatterns = 50
const keptGaps = 20
const longestText = 500

export interface LogBounds {
  /** Where there is no mark: only the last start counts, and nothing from before this instant. undefined = every line stands behind the mark. */
  readonly sinceMs?: number
  /** What is later than this is no start-up error even where no start marker is written (logging.level = warn). */
  readonly untilMs?: number
}

export function testify(before: LogTestimony, text: string, bounds: LogBounds = {}): LogTestimony {
  const line: ClassifiedLine = classifyLine(text)
  const { sinceMs } = bounds
  // A line of an earlier boot proves that everything before it is older still.
  if (sinceMs !== undefined && line.timeMs > 0 && line.timeMs < sinceMs) return emptyTestimony
  const base = sinceMs !== undefined && line.begins ? emptyTestimony : before
  const lines = base.lines + 1
  switch (line.class) {
    case 'start-marker': return { ...base, lines, started: true, lastMarkerMs: line.timeMs || base.lastMarkerMs, listenedMs: line.begins ? 0 : line.timeMs || base.listenedMs }
    case 'startup-error': return isLate(base, line, bounds) ? { ...base, lines, laterErrors: base.laterErrors + 1 } : { ...withError(base, text, line.final), lines }
    case 'info': case 'request-error': case 'harmless': case 'stop': case 'unknown': case 'gap':
      return { ...base, lines }
    default: return line.class satisfies never
  }
}

function isLate({ started, lastMarkerMs }: LogTestimony, { timeMs }: ClassifiedLine, { untilMs }: LogBounds): boolean {
  if (timeMs === 0) return false
  if (started && lastMarkerMs > 0) return timeMs - lastMarkerMs > startPhaseMs
  return untilMs !== undefined && timeMs > untilMs
}

function withError(before: LogTestimony, text: string, final: boolean): LogTestimony {
  const pattern = errorPattern(text)
  const at = before.errors.findIndex((error) => error.pattern === pattern && error.final === final)
  const known = before.errors[at]
  if (known !== undefined) return { ...before, errors: before.errors.with(at, { ...known, count: known.count + 1 }) }
  return before.errors.length < keptPatterns
    ? { ...before, errors: [...before.errors, { pattern, text: text.slice(0, longestText), count: 1, final }] }
    : { ...before, furtherErrors: before.furtherErrors + 1 }
}

export const testifyGap = (before: LogTestimony, text: string): LogTestimony => ({ ...before, gaps: [...before.gaps, text].slice(0, keptGaps) })
