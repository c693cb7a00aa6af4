// What switching the assigner's schedule promises and proves.
import type { Event } from './event.ts'
import { type State, assignerObligation } from './state.ts'

export interface ScheduleWrite {
  /** False: the world is as wanted already. */
  readonly send: boolean
  readonly intent: readonly Event[]
  readonly outcome: readonly Event[]
}

/** @param found whether the schedule is active, read just before. Previous means previous: an inactive assigner stays inactive; one that somebody else enabled stays enabled. */
export function planScheduleWrite(state: State, found: boolean, wanted: boolean, step: 'pause-assigner' | 'resume-assigner', landsBy: number): ScheduleWrite {
  const finished: Event = { type: 'step-done', node: null, step, attempt: 1, facts: {} }
  const intended: Event = { type: 'step-intended', node: null, step, attempt: 1, facts: { wasActive: found, landsBy } }
  const promise = state.obligations.get(assignerObligation)
  const promised = promise?.status === 'open'
  // It was off before us, so nothing of ours can have switched it on: somebody else has.
  const theirs = promised && promise.previous === false && found
  const settled = (how: 'paid' | 'superseded', by: string, text: string): Event => ({ type: 'obligation-settled', id: assignerObligation, how, by, text })
  if (step === 'pause-assigner') {
    const opened: Event = { type: 'obligation-opened', id: assignerObligation, kind: 'assigner', subject: 'weight assigner', node: null, previous: found }
    const anew = theirs ? [settled('superseded', 'somebody else', 'the assigner was found inactive, and was enabled by somebody else before pitstop had paused it')] : []
    return { send: found !== wanted, intent: [...anew, ...(promised && !theirs ? [] : [opened]), ...(found === wanted ? [] : [intended])], outcome: [finished] }
  }
  if (theirs) return { send: false, intent: [], outcome: [finished, settled('superseded', 'somebody else', 'the assigner is active; pitstop had found it inactive, so somebody else enabled it: left as found')] }
  const by = found === wanted && wanted ? 'found restored' : 'pitstop'
  const paid = settled('paid', by, `the assigner is ${wanted ? 'active' : 'inactive'}, as before`)
  return { send: found !== wanted, intent: found === wanted ? [] : [intended], outcome: [finished, ...(promised ? [paid] : [])] }
}

/** Nodes go, and the schedule is off: that it is on would be news. */
export const isAssignerOff = ({ window, windowSteps }: State): boolean =>
  (window.phase === 'rolling' || window.phase === 'closing') && windowSteps['pause-assigner']?.status === 'done'

/** The person who took the promise over while our write was on its way saw the assigner active, and it is inactive now by our hand: the promise is made anew. Shown inactive, it is theirs so. */
export function pausedAfterHandOver(state: State, step: 'pause-assigner' | 'resume-assigner'): readonly Event[] {
  const promise = state.obligations.get(assignerObligation)
  if (step !== 'pause-assigner' || promise?.status !== 'void' || promise.shown === false) return []
  return [{ type: 'obligation-opened', id: promise.id, kind: promise.kind, subject: promise.subject, node: null, previous: promise.previous }]
}
