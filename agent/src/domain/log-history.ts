// Which errors this node wrote at starts that were well, and which ones once made a boot unhealthy. Pure: the rules by which
// an error becomes known, and by which it never does.
//   known      said at a start that was judged healthy; forgotten when the newest few healthy boots did not say it
//   condemned  seen in a boot without being known: no later reading of the log may take that boot's start for a good one.
//              Written before the comparison, taken back when an earlier start excuses it within the same boot
// A boot can make nothing known that did not excuse itself first: what makes it unhealthy is never remembered.

export interface LogHistory {
  /** Boots that were healthy, newest last. */
  readonly boots: readonly string[]
  readonly known: readonly { readonly pattern: string, readonly sinceMs: number, readonly bootId: string }[]
  readonly condemned: readonly { readonly pattern: string, readonly bootId: string }[]
  /** More was condemned than is kept: then the log before a stop excuses nothing at all. */
  readonly overflowed: boolean
}

export const noHistory: LogHistory = { boots: [], known: [], condemned: [], overflowed: false }

const keptBoots = 5
const keptPatterns = 200

export const knownPatterns = ({ known }: LogHistory): ReadonlyMap<string, number> => new Map(known.map(({ pattern, sinceMs }) => [pattern, sinceMs]))

/** A healthy boot and the errors that it was excused. */
export function remember(history: LogHistory, bootId: string, errors: ReadonlyMap<string, number>): LogHistory {
  const boots = [...history.boots.filter((each) => each !== bootId), bootId].slice(-keptBoots)
  const known = [
    ...history.known.filter(({ pattern }) => !errors.has(pattern)),
    ...[...errors].map(([pattern, sinceMs]) => ({ pattern, sinceMs, bootId }))
  ].filter((each) => boots.includes(each.bootId)).slice(-keptPatterns)
  return { ...history, boots, known }
}

export function condemn(history: LogHistory, bootId: string, patterns: readonly string[]): LogHistory {
  const condemned = [...history.condemned, ...patterns.filter((pattern) => !history.condemned.some((each) => each.pattern === pattern)).map((pattern) => ({ pattern, bootId }))]
  return { ...history, condemned: condemned.slice(-keptPatterns), overflowed: history.overflowed || condemned.length > keptPatterns }
}

/** @param patterns which an earlier start excuses; only this boot's own suspicion is taken back. */
export const acquit = (history: LogHistory, bootId: string, patterns: readonly string[]): LogHistory =>
  ({ ...history, condemned: history.condemned.filter((each) => each.bootId !== bootId || !patterns.includes(each.pattern)) })

/** May the start before our stop excuse this error? */
export const mayExcuse = (history: LogHistory, bootId: string, pattern: string): boolean =>
  !history.overflowed && !history.condemned.some((each) => each.pattern === pattern && each.bootId !== bootId)
