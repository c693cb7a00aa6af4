// Reads a break-glass file back: what a coordinator promised whose journal is gone. The text is made in obligations.ts;
// a test holds the two together. Pure; lines that are not understood are none.
import type { ObligationKind } from './event.ts'

export interface PromiseLine {
  readonly id: string
  readonly kind: ObligationKind
  readonly subject: string
  readonly node: string | null
  readonly previous: number | boolean
}

const weightLine = /^# (weight:(.+)): weight of \2 was (\d{1,2}|100)(?:, node (\S+))?$/
const assignerLine = /^# (assigner): assigner was (active|inactive)$/

export const promiseLines = (text: string): PromiseLine[] => text.split('\n').flatMap((line): PromiseLine[] => {
  const weight = weightLine.exec(line)
  if (weight !== null) return [{ id: weight[1] ?? '', kind: 'weight', subject: weight[2] ?? '', node: weight[4] ?? null, previous: Number(weight[3]) }]
  const assigner = assignerLine.exec(line)
  return assigner === null ? [] : [{ id: assigner[1] ?? '', kind: 'assigner', subject: 'weight assigner', node: null, previous: assigner[2] === 'active' }]
})

/** Ids of promises that no journal holds are apart from those that one does. */
export const foundId = (id: string): string => `found:${id}`
export const isFoundId = (id: string): boolean => id.startsWith('found:')
export const idOfFound = (id: string): string => id.slice('found:'.length)
