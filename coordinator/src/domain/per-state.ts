// Figures of a whole state, computed once per state: a decision asks for them at every node, and with 160 nodes asking all
// of them for all of them is what a decision would cost. States never change, so a remembered figure is never wrong.
import type { State } from './state.ts'

/** Remembers the latest state only: decisions are made on one state many times, and then on the next. @param compute must be pure; what it answers is shared and must not be changed by anybody. */
export function perState<T>(compute: (state: State) => T): (state: State) => T {
  let known: { readonly state: State, readonly figure: T } | null = null
  return (state) => {
    if (known?.state !== state) known = { state, figure: compute(state) }
    return known.figure
  }
}

/** The same for a figure that rests on one thing more that never changes, as a reading of GitLab. */
export function perStateAnd<With, T>(compute: (state: State, given: With) => T): (state: State, given: With) => T {
  let known: { readonly state: State, readonly given: With, readonly figure: T } | null = null
  return (state, given) => {
    if (known?.state !== state || known.given !== given) known = { state, given, figure: compute(state, given) }
    return known.figure
  }
}
