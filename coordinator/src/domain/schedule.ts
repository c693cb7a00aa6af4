// What switching the assigner's schedule promises and proves.
import type { Event } from './event.ts'
import { type State, assignerObligation } from './state.ts'

export interface ScheduleWrite {
  /** False: the world is as wanted already. */
  readonly send: boolean
  readonly intent: readonly Event[]
  readonly outcome: readonly Event[]
}

/** @param found whether the schedule is active, read just before. Previous means previous: an inactive assigner stays inactive. */
export function planScheduleWrite(state: State, found: boolean, wanted: boolean, step: 'pause-assigner' | 'resume-assigner', landsBy: number): ScheduleWrite {
  const finished: Event = { type: 'step-done', node: null, step, attempt: 1, facts: {} }
  const intended: Event = { type: 'step-intended', node: null, step, attempt: 1, facts: { wasActive: found, landsBy } }
  const promised = state.obligations.get(assignerObligation)?.status === 'open'
  if (step === 'pause-assigner') {
    const promise: Event = { type: 'obligation-opened', id: assignerObligation, kind: 'assigner', subject: 'weight assigner', node: null, previous: found }
    return { send: found !== wanted, intent: [...(promised ? [] : [promise]), ...(found === wanted ? [] : [intended])], outcome: [finished] }
  }
  const by = found === wanted && wanted ? 'found restored' : 'pitstop'
  const paid: Event = { type: 'obligation-settled', id: assignerObligation, how: 'paid', by, text: `the assigner is ${wanted ? 'active' : 'inactive'}, as before` }
  return { send: found !== wanted, intent: found === wanted ? [] : [intended], outcome: [finished, ...(promised ? [paid] : [])] }
}
