// Reads a break-glass file back: what a coordinator promised whose journal is gone, and what it knew by then. The text is made
// in break-glass.ts; a test holds the two together. Pure; lines that are not understood are none.
import type { ObligationKind } from './event.ts'

export interface PromiseLine {
  readonly id: string
  readonly kind: ObligationKind
  readonly subject: string
  readonly node: string | null
  readonly previous: number | boolean
}

/** In place of a weight that nobody knows any more: told all the same, and never paid by pitstop. No weight is a boolean. */
export const unknownWeight = false
export const isUnknownWeight = ({ kind, previous }: Pick<PromiseLine, 'kind' | 'previous'>): boolean => kind === 'weight' && typeof previous !== 'number'

/** As people read it. */
export const wordedPrevious = ({ kind, previous }: Pick<PromiseLine, 'kind' | 'previous'>): string =>
  kind === 'assigner' ? previous === true ? 'active' : 'inactive' : typeof previous === 'number' ? String(previous) : 'not known'

const weightLine = /^# (weight:(.+)): weight of \2 was (\d{1,2}|100|not known)(?:, node (\S+))?$/
const assignerLine = /^# (assigner): assigner was (active|inactive)$/
const writtenLine = /^# written \S+ \S+ by (\S+), epoch (\d{1,15}), entry (\d{1,15});/m
const planLine = /^# pitstop: .*\(plan ([0-9a-f]{8,64}), window \d+\)\.$/m
/** Begins each line that a standby puts above, or instead of, what was there. */
export const standbyMark = '# standby: '

export const promiseLines = (text: string): PromiseLine[] => text.split('\n').flatMap((line): PromiseLine[] => {
  const weight = weightLine.exec(line)
  if (weight !== null) return [{ id: weight[1] ?? '', kind: 'weight', subject: weight[2] ?? '', node: weight[4] ?? null, previous: weight[3] === 'not known' ? unknownWeight : Number(weight[3]) }]
  const assigner = assignerLine.exec(line)
  return assigner === null ? [] : [{ id: assigner[1] ?? '', kind: 'assigner', subject: 'weight assigner', node: null, previous: assigner[2] === 'active' }]
})

/** Whose promises these are and how far its journal went; null = written by a release that did not say. */
export interface GlassMark { readonly holder: string, readonly epoch: number, readonly entry: number }

export function glassMark(text: string): GlassMark | null {
  const written = writtenLine.exec(text)
  return written === null ? null : { holder: written[1] ?? '', epoch: Number(written[2]), entry: Number(written[3]) }
}

/** Beginning of the plan's hash; null = it names none. */
export const planOfGlass = (text: string): string | null => planLine.exec(text)?.[1] ?? null

/** Written by pitstop, or nothing yet. */
export const isGlass = (text: string): boolean => text.trim() === '' || text.startsWith('# pitstop: ') || text.startsWith(standbyMark)

export const withoutStandby = (text: string): string => text.split('\n').filter((line) => !line.startsWith(standbyMark)).join('\n')

/** Ids of promises that no journal holds are apart from those that one does. */
export const foundId = (id: string): string => `found:${id}`
export const isFoundId = (id: string): boolean => id.startsWith('found:')
export const idOfFound = (id: string): string => id.slice('found:'.length)
