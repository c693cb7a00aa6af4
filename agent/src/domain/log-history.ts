// Which errors this node wrote at starts that were well, and which ones once made a boot unhealthy. Pure: the rules by which
// an error becomes known, and by which it never does.
//   known      said at a start that was judged healthy; forgotten when the newest few healthy boots did not say it
//   condemned  seen in a boot without being known: no later reading of the log may take that boot's start for a good one.
//              Written before the comparison, taken back when an earlier start excuses it within the same boot
//              and forgotten, like what is known, when the newest few healthy boots did not say it
//   accepted   a person has answered for what was condemned in the running boot: known from then on, with name and reason
// A boot can make nothing known that did not excuse itself first: what makes it unhealthy is never remembered by itself.

export interface Acceptance {
  readonly by: string
  readonly atMs: number
  readonly reason: string
}

interface Condemned {
  readonly pattern: string
  /** The first boot that said it. */
  readonly bootId: string
  /** The latest one, where it is another. */
  readonly lastBootId?: string
  /** Healthy boots since that one. */
  readonly healthySince?: number
}

export interface LogHistory {
  /** Boots that were healthy, newest last. */
  readonly boots: readonly string[]
  readonly known: readonly { readonly pattern: string, readonly sinceMs: number, readonly bootId: string, readonly accepted?: Acceptance }[]
  readonly condemned: readonly Condemned[]
  /**
   * More was condemned than is kept: then the log before a stop excuses nothing at all. Forgotten as what is condemned is: a
   * boot that is healthy meanwhile said none of what was lost.
   */
  readonly overflowed: boolean
  /** The latest boot that condemned too much; absent = another reason, or none. */
  readonly overflowBootId?: string
  /** Healthy boots since that one. */
  readonly healthySinceOverflow?: number
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
    ...[...errors].map(([pattern, sinceMs]) => {
      const accepted = history.known.find((each) => each.pattern === pattern)?.accepted
      return { pattern, sinceMs, bootId, ...accepted && { accepted } }
    })
  ].filter((each) => boots.includes(each.bootId)).slice(-keptPatterns)
  if (history.boots.includes(bootId)) return { ...history, boots, known }
  const condemned = history.condemned.flatMap((each) => {
    if (latest(each) === bootId) return [each]
    const healthySince = (each.healthySince ?? 0) + 1
    return healthySince >= keptBoots ? [] : [{ ...each, healthySince }]
  })
  return { ...withoutOldOverflow(history, bootId), boots, known, condemned }
}

function withoutOldOverflow(history: LogHistory, bootId: string): LogHistory {
  if (!history.overflowed || history.overflowBootId === bootId) return history
  const healthySinceOverflow = (history.healthySinceOverflow ?? 0) + 1
  if (healthySinceOverflow < keptBoots) return { ...history, healthySinceOverflow }
  const { overflowBootId: _boot, healthySinceOverflow: _count, ...rest } = history
  return { ...rest, overflowed: false }
}

export function condemn(history: LogHistory, bootId: string, patterns: readonly string[]): LogHistory {
  // Said again: it counts anew from here.
  const before = history.condemned.map((each) => !patterns.includes(each.pattern) || latest(each) === bootId ? each : { pattern: each.pattern, bootId: each.bootId, lastBootId: bootId })
  const condemned = [...before, ...patterns.filter((pattern) => !history.condemned.some((each) => each.pattern === pattern)).map((pattern) => ({ pattern, bootId }))]
  if (condemned.length <= keptPatterns) return { ...history, condemned }
  const { healthySinceOverflow: _count, ...rest } = history
  return { ...rest, condemned: condemned.slice(-keptPatterns), overflowed: true, overflowBootId: bootId }
}

/** @param patterns which an earlier start excuses; only this boot's own suspicion is taken back. */
export const acquit = (history: LogHistory, bootId: string, patterns: readonly string[]): LogHistory =>
  ({ ...history, condemned: history.condemned.filter((each) => each.bootId !== bootId || !patterns.includes(each.pattern)) })

/** May the start before our stop excuse this error? */
export const mayExcuse = (history: LogHistory, bootId: string, pattern: string): boolean =>
  !history.overflowed && !history.condemned.some((each) => each.pattern === pattern && each.bootId !== bootId)

const latest = ({ bootId, lastBootId }: Condemned): string => lastBootId ?? bootId

/** What this boot said and is held against it. */
export const condemnedIn = (history: LogHistory, bootId: string): readonly string[] => history.condemned.filter((each) => latest(each) === bootId).map(({ pattern }) => pattern)

/** A person answers for them. Fatal errors are never among the condemned, and what is known excuses none. */
export function acceptErrors(history: LogHistory, bootId: string, accepted: Acceptance): LogHistory {
  const patterns = condemnedIn(history, bootId)
  return {
    ...history,
    known: [...history.known.filter(({ pattern }) => !patterns.includes(pattern)), ...patterns.map((pattern) => ({ pattern, sinceMs: accepted.atMs, bootId, accepted }))].slice(-keptPatterns),
    condemned: history.condemned.filter(({ pattern }) => !patterns.includes(pattern))
  }
}
