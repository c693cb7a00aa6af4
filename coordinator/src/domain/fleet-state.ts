// What the fleet's own journal folds into: frozen or not, which stores there were before this one, and promises that a
// restored store had lost. Pure.
import type { Reason } from '@pitstop/shared/fault'
import { idOfFound } from './break-glass-lines.ts'
import type { FleetEvent, LostPlanOrder, ObligationKind, Recorded } from './event.ts'

/** @param shown what GitLab showed just then. */
export const handedOver = (by: string, why: string, shown: string | undefined): string => `handed over to ${by}: ${why}${shown === undefined ? '' : ` (then ${shown})`}`

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
  /** Found promises that a named person has taken over, by the id that they had in their own journal. */
  readonly takenOver: ReadonlyMap<string, { readonly at: number, readonly seq: number, readonly text: string }>
  /** Incarnations that ended in a store that was found restored. */
  readonly past: ReadonlySet<string>
  /** When the store was last found restored; null = never. */
  readonly restoredAt: number | null
  /** seq of that; 0 = never. */
  readonly restoredSeq: number
  /** Why that was. */
  readonly restoredWhy: readonly Reason[]
  /** Orders of a lost time that were told when they were found, each with the seq of that: known, though no intent of them is journaled. */
  readonly toldOrders: ReadonlyMap<string, number>
  /** Of these, those whose plan the store does not hold. */
  readonly lostPlans: readonly LostPlanOrder[]
  /** Release of the coordinator that acted last, as far as it is told. */
  readonly release: string | null
  readonly seq: number
}

/** promises: how many of those that it had lost no person has settled yet. */
export interface Restored { readonly at: number, readonly reasons: readonly Reason[], readonly promises: number }

export const noFleet: FleetState = { frozen: null, found: new Map(), takenOver: new Map(), past: new Set(), restoredAt: null, restoredSeq: 0, restoredWhy: [], toldOrders: new Map(), lostPlans: [], release: null, seq: 0 }

export const foldFleet = (journal: readonly Recorded<FleetEvent>[], from: FleetState = noFleet): FleetState => journal.reduce(apply, from)

function apply(state: FleetState, { seq, at, event }: Recorded<FleetEvent>): FleetState {
  const next = { ...state, seq }
  switch (event.type) {
    case 'frozen': return { ...next, frozen: { by: event.by, reason: event.reason } }
    case 'unfrozen': return { ...next, frozen: null }
    case 'lease-taken': return { ...next, release: event.release ?? null }
    case 'store-restored': return { ...next, past: new Set([...state.past, event.was, ...event.ended ?? []]), restoredAt: at, restoredSeq: seq, restoredWhy: event.reasons, toldOrders: new Map([...state.toldOrders, ...(event.orders ?? []).map((id) => [id, seq] as const)]), lostPlans: [...state.lostPlans, ...event.lostPlans ?? []] }
    case 'obligation-found': {
      const { id, kind, subject, node, previous, text } = event
      return { ...next, found: new Map(state.found).set(id, { id, kind, subject, node, previous, text, foundAt: at }) }
    }
    case 'obligation-cleared': {
      const found = new Map(state.found)
      found.delete(event.id)
      return { ...next, found, takenOver: new Map(state.takenOver).set(idOfFound(event.id), { at, seq, text: handedOver(event.by, event.reason, event.text) }) }
    }
    case 'report-observed': return next
    default: return event satisfies never
  }
}
