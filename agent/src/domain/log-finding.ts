// What the log says about a start, in one sentence. Pure. An error is held against the node unless an earlier start of its own
// said the same and was well; how many, and the first of them, are told in either case.
import type { LogTestimony, StartupError } from './log-verdict.ts'

/** The errors of a boot held against this node's earlier starts. */
export interface Comparison {
  /** Pattern to the instant since when it is known. */
  readonly excused: ReadonlyMap<string, number>
  /** The earlier start is still being read. */
  readonly pending: boolean
  /** What is to be said of errors that nothing excuses. */
  readonly note: string
}

export const nothingExcused: Comparison = { excused: new Map(), pending: false, note: '' }

export interface LogFinding {
  readonly status: 'healthy' | 'unhealthy' | 'unknown'
  readonly text: string
  /** Instead of the usual advice. */
  readonly hint?: string
}

/** Only what was compared can be accepted, and nothing fatal. */
const acceptHint = 'mend the cause, then: gitlab-ctl restart gitaly; or, when it is harmless, on the host: pitstop-agent accept-log-errors --reason "…"; then: pitstop node retry NODE --reason "…"'

export function findInLog({ errors, furtherErrors, gaps, lines, started, laterErrors }: LogTestimony, { excused, pending, note }: Comparison): LogFinding {
  const known = errors.filter(({ pattern, final }) => !final && excused.has(pattern))
  const bad = errors.filter((error) => !known.includes(error))
  const final = bad.some((error) => error.final)
  // Not all can be compared any more: they count as what they are.
  const further = furtherErrors === 0 ? '' : `; ${furtherErrors} more lines of still other errors`
  if (bad.length > 0 || further !== '') {
    if (pending && !final) return { status: 'unknown', text: `${counted(bad)} in the log, being held against the start before: ${quoted(bad)}${further}` }
    return { status: 'unhealthy', text: `start-up error in the log (${counted(bad)}${final || note === '' ? '' : `; ${note}`}): ${quoted(bad)}${further}`, ...final || note === '' || bad.length === 0 ? {} : { hint: acceptHint } }
  }
  if (gaps.length > 0) return { status: 'unknown', text: `log lines were lost behind the mark: ${gaps[0]}` }
  const excuse = known.length === 0 ? '' : `; ${counted(known)} known since ${since(known, excused)}, first: ${quoted(known)}`
  const later = laterErrors === 0 ? '' : `; ${laterErrors} errors later on`
  return { status: 'healthy', text: `no start-up error in ${lines} lines${started ? '' : ' (no start marker: level warn?)'}${excuse}${later}` }
}

const counted = (errors: readonly StartupError[]): string => {
  const lines = errors.reduce((sum, { count }) => sum + count, 0)
  return `${lines} error line${lines === 1 ? '' : 's'}${lines === errors.length ? '' : `, ${errors.length} different`}`
}

const quoted = (errors: readonly StartupError[]): string => errors[0]?.text ?? ''

const since = (errors: readonly StartupError[], excused: ReadonlyMap<string, number>): string => {
  const earliest = Math.min(...errors.map(({ pattern }) => excused.get(pattern) ?? Number.POSITIVE_INFINITY))
  return Number.isFinite(earliest) && earliest > 0 ? new Date(earliest).toISOString().slice(0, 10) : 'an earlier start'
}
