// The host's unpaid promises as the wire shows them, with what a person would type. Nothing is decided here.
import { basename } from 'node:path'
import { type ObligationStore, unreadableHint } from '../adapters/obligation-store.ts'
import { byHand } from '../domain/obligation.ts'

interface AgentObligation {
  id: string
  what: string
  due_at_ms: number
  by_hand: string
  last_error: string
}

export const obligationsToWire = (store: ObligationStore): AgentObligation[] => {
  const unreadable: AgentObligation[] = []
  const readable = store.unpaid(({ path, text }) => {
    unreadable.push({ id: basename(path, '.json'), what: 'a promise that cannot be read', due_at_ms: 0, by_hand: unreadableHint(path), last_error: text })
  }).map((obligation) => ({
    id: obligation.id,
    what: obligation.what,
    due_at_ms: obligation.dueAtMs,
    by_hand: byHand(obligation),
    last_error: store.failure(obligation.id)?.text ?? ''
  }))
  return [...readable, ...unreadable]
}
