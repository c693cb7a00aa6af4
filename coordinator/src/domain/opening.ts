// May a window of this plan be opened now, by what is known without asking anybody? Pure. What must be asked of GitLab and of
// the hosts is preflight's.
import { Fault } from '@pitstop/shared/fault'
import { formatInstant } from '@pitstop/shared/instant'
import type { FleetState } from './fleet-state.ts'
import type { StoredPlan } from './plan.ts'
import { type State, labelOf } from './state.ts'

/** @throws Fault CONFIRMATION_MISMATCH: what was typed is not what would be opened. */
export function requireConfirmed({ hash }: StoredPlan, confirm: string): void {
  if (confirm.length < 8 || !hash.startsWith(confirm)) throw new Fault('CONFIRMATION_MISMATCH', `confirm with at least 8 characters of the plan's hash ${hash.slice(0, 12)}`)
}

/** @throws Fault FROZEN */
export function requireThawed(frozen: FleetState['frozen']): void {
  if (frozen !== null) throw new Fault('FROZEN', `frozen by ${frozen.by}: ${frozen.reason}`)
}

/** @throws Fault OUTSIDE_WINDOW */
export function requireItsTime({ hash, plan: { opensAt, closesAt } }: StoredPlan, now: number): void {
  if (now < opensAt || now >= closesAt) throw new Fault('OUTSIDE_WINDOW', `plan ${hash.slice(0, 12)} is for ${formatInstant(opensAt)} to ${formatInstant(closesAt)}; now is ${formatInstant(now)}`)
}

/** Why no other window opens beside this one: whose it is, and what it holds. */
export function alreadyOpen(state: State): Fault {
  const { window, stored, obligations, nodes } = state
  const debts = [...obligations.values()].filter(({ status }) => status === 'open').length
  const holds = [...nodes.values()].filter(({ holdsSlot }) => holdsSlot).map(({ node }) => node)
  return new Fault('WINDOW_OPEN', `window ${window.number} of plan ${stored.hash.slice(0, 12)} is ${labelOf(state)}, opened by ${window.by} (${window.reason})${holds.length === 0 ? '' : `; down: ${holds.join(', ')}`}${debts === 0 ? '' : `; ${debts} promises unpaid`}`)
}
