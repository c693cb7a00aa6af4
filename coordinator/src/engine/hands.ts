// What executors work with. Executors are sequences of calls; what the calls mean is decided by domain and runbook.
import type { FleetState } from '../domain/fleet-state.ts'
import type { Noted, Observed } from '../domain/observed.ts'
import type { Agents, Alerts, Clock, GitLab } from '../ports.ts'
import type { Journal } from './journal.ts'

/** Until when a write of this process whose answer was lost may land, on the clock that never jumps; 0 = none was. */
export interface LostWrite { mayLandUntil: number }

export interface Hands {
  readonly journal: Journal
  readonly gitlab: GitLab
  readonly agents: Agents
  readonly alerts: Alerts | null
  readonly clock: Clock
  /** @param frozenToo taking back is allowed while frozen. @throws Fault LEASE_LOST when the lease might end within `effectMs`, FROZEN. */
  readonly guard: (effectMs: number, frozenToo?: boolean) => void
  observed(): Observed
  /** Replaces fields of what is observed; the next decision, at the latest when the effect ends, sees them. */
  observe(change: Partial<Omit<Observed, keyof Noted>>): void
  /** What is observed node by node, to write into. */
  readonly noted: Noted
  /** How long after its time-out a write to GitLab may still land, ms. */
  readonly landsWithinMs: number
  readonly lost: LostWrite
  /** What a restored store had lost and a person has taken over: the audit names it. */
  readonly takenOver: () => FleetState['takenOver']
}
