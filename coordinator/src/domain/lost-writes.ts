// What became of writes to GitLab whose answers were lost, by a reading from when none of them could land any more. Each ends by
// that reading and before anything else is written: as if its answer had come, or as one that did not arrive. A doubt that
// nobody ended would be believed hours later, of a weight that a person has set since.
import { reason } from '@pitstop/shared/fault'
import type { Event } from './event.ts'
import { perState } from './per-state.ts'
import { pausedAfterHandOver } from './schedule.ts'
import { type State, type WriteInDoubt, assignerObligation, weightObligation } from './state.ts'
import { type Weights, handedOverMeanwhile } from './weights.ts'

type Intent = NonNullable<WriteInDoubt['intent']>

/** What GitLab shows, of what it was asked for: the assigner may live in another GitLab, and neither waits for the other. scheduleActive null: there is no assigner. */
export interface Shown { readonly weights?: Weights, readonly scheduleActive?: boolean | null }

/** Of a journal that is lost nothing can be concluded: its writes are waited out. Those that are on their way are among these. */
export const lostWrites: (state: State) => readonly Intent[] = perState((state) => [...state.writesInDoubt.values()].flatMap(({ intent }) => intent ?? []))

export const isOfWeights = ({ node }: Intent): boolean => node !== null

/** Those that the reading is about. */
const told = (state: State, { weights, scheduleActive }: Shown): readonly Intent[] =>
  lostWrites(state).filter((intent) => (isOfWeights(intent) ? weights : scheduleActive) !== undefined)

/** GitLab shows what each of them would have left. */
export const allArrived = (state: State, shown: Shown): boolean => told(state, shown).every((intent) => arrived(state, intent, shown))

export const outcomeOfLost = (state: State, shown: Shown): readonly Event[] => told(state, shown).flatMap((intent) => {
  const { step, node } = intent
  const { status, intendedSeq } = (node === null ? state.windowSteps[step] : state.nodes.get(node)?.steps[step as keyof NodeSteps]) ?? {}
  // A retry, or another window, has forgotten the step: it is begun anew, and this outcome is not its own.
  const isCurrent = status === 'intended' && intendedSeq === intent.seq
  const attempt = node === null ? 1 : state.nodes.get(node)?.attempt ?? 1
  const ended: Event = isCurrent && arrived(state, intent, shown)
    ? { type: 'step-done', node, step, attempt, facts: {} }
    : { type: 'step-ended', node, step, attempt, reasons: [reason('WEIGHT_NOT_SETTLED', `the answer to this write was lost; it can land no more, and GitLab shows ${inWords(intent, shown)}`, 'nothing to do: pitstop goes on from there')] }
  return [...owed(state, intent, shown), ended]
})

type NodeSteps = NonNullable<ReturnType<State['nodes']['get']>>['steps']

/** What is owed by what the write has left, and what is not any more. */
function owed(state: State, { step, seq, weights }: Intent, { weights: read = {}, scheduleActive }: Shown): readonly Event[] {
  // What a person took over in an earlier window has been theirs since.
  const isOfThisWindow = seq > state.window.openedSeq
  switch (step) {
    case 'zero-weight': return isOfThisWindow ? handedOverMeanwhile(state, { own: Object.fromEntries(Object.keys(weights).flatMap((storage) => read[storage] === undefined ? [] : [[storage, read[storage]]])) }) : []
    case 'restore-weight': return Object.entries(weights).flatMap(([storage, weight]): Event[] => {
      const promise = state.obligations.get(weightObligation(storage))
      return promise?.status === 'open' && read[storage] === weight ? [{ type: 'obligation-settled', id: promise.id, how: 'paid', by: 'pitstop', text: `weight of ${storage} is back at ${weight}` }] : []
    })
    case 'pause-assigner': return isOfThisWindow && scheduleActive === false ? pausedAfterHandOver(state, step) : []
    case 'resume-assigner': {
      const promise = state.obligations.get(assignerObligation)
      return promise?.status === 'open' && scheduleActive === promise.previous ? [{ type: 'obligation-settled', id: promise.id, how: 'paid', by: 'pitstop', text: `the assigner is ${scheduleActive ? 'active' : 'inactive'}, as before` }] : []
    }
    default: return []
  }
}

function arrived(state: State, { step, weights }: Intent, { weights: read = {}, scheduleActive }: Shown): boolean {
  if (step === 'pause-assigner') return scheduleActive === false
  if (step === 'resume-assigner') return scheduleActive === (state.obligations.get(assignerObligation)?.previous ?? null)
  const sent = Object.entries(weights)
  // Which weights it was to set, older journals do not say.
  return sent.length > 0 && sent.every(([storage, weight]) => read[storage] === weight)
}

function inWords({ node, weights }: Intent, { weights: read = {}, scheduleActive }: Shown): string {
  if (node === null) return `the assigner ${scheduleActive === true ? 'active' : 'inactive'}`
  return Object.keys(weights).map((storage) => `${storage} at ${read[storage] ?? 'nothing'}`).join(', ') || `what it shows of ${node}`
}
