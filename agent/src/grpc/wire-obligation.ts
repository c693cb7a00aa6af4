// The host's unpaid promises as the wire shows them, with what a person would type. Nothing is decided here.
import type { ObligationStore } from '../adapters/obligation-store.ts'
import { byHand } from '../domain/obligation.ts'

interface AgentObligation {
  id: string
  what: string
  due_at_ms: number
  by_hand: string
  last_error: string
}

export const obligationsToWire = (store: ObligationStore): AgentObligation[] => store.unpaid().map((obligation) => ({
  id: obligation.id,
  what: obligation.what,
  due_at_ms: obligation.dueAtMs,
  by_hand: byHand(obligation),
  last_error: store.failure(obligation.id)?.text ?? ''
}))
