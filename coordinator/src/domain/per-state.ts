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
