// decide(state, observed, now): what to journal, what to do, when to wake, and why. Pure and total; called after every
// event, answer and timer. Restarting is nothing special: fold the journal, observe, decide.
import type { Observed } from '../domain/observed.ts'
import type { State } from '../domain/state.ts'
import { type Decision, Draft } from './draft.ts'
import { settleLostWrites } from './lost-writes.ts'
import { nodeTurns } from './node-turns.ts'
import { closing, debts, foreignWriters, opening, rolling, settling } from './window-phases.ts'

export function decide(state: State, observed: Observed, now: number): Decision {
  const draft = new Draft(state, observed, now)
  const { phase } = state.window
  if (phase === 'none' || phase === 'closed') return draft.decision()
  foreignWriters(draft)
  settleLostWrites(draft)
  if (phase === 'opening') opening(draft)
  nodeTurns(draft)
  if (phase === 'rolling') rolling(draft)
  debts(draft)
  if (phase === 'closing') closing(draft)
  if (phase === 'settling') settling(draft)
  return draft.decision()
}
