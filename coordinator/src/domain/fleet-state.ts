// What the fleet's own journal folds into: frozen or not, which stores there were before this one, and promises that a
// restored store had lost. Pure.
import type { FleetEvent, ObligationKind, Recorded } from './event.ts'

/** A promise that a restored journal does not hold. Unpaid until a person says otherwise. */
export interface FoundObligation {
  readonly id: string
  readonly kind: ObligationKind
  readonly subject: string
  readonly node: string | null
  readonly previous: number | boolean
  /** Where it was found, and what is known of it. */
  readonly text: string
  readonly foundAt: number
}

export interface FleetState {
  readonly frozen: { readonly by: string, readonly reason: string } | null
  readonly found: ReadonlyMap<string, FoundObligation>
  /** Incarnations that ended in a store that was found restored. */
  readonly past: ReadonlySet<string>
  /** Release of the coordinator that acted last, as far as it is told. */
  readonly release: string | null
  readonly seq: number
}

export const noFleet: FleetState = { frozen: null, found: new Map(), past: new Set(), release: null, seq: 0 }

export const foldFleet = (journal: readonly Recorded<FleetEvent>[], from: FleetState = noFleet): FleetState => journal.reduce(apply, from)

function apply(state: FleetState, { seq, at, event }: Recorded<FleetEvent>): FleetState {
  const next = { ...state, seq }
  switch (event.type) {
    case 'frozen': return { ...next, frozen: { by: event.by, reason: event.reason } }
    case 'unfrozen': return { ...next, frozen: null }
    case 'lease-taken': return { ...next, release: event.release ?? null }
    case 'store-restored': return { ...next, past: new Set(state.past).add(event.was) }
    case 'obligation-found': {
      const { id, kind, subject, node, previous, text } = event
      return { ...next, found: new Map(state.found).set(id, { id, kind, subject, node, previous, text, foundAt: at }) }
    }
    case 'obligation-cleared': {
      const found = new Map(state.found)
      found.delete(event.id)
      return { ...next, found }
    }
    case 'report-observed': return next
    default: return event satisfies never
  }
}
