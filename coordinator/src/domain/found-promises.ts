// Promises that a restored store had lost, as people see and settle them. They belong to the fleet and to no window.
import { Fault, reason } from '@pitstop/shared/fault'
import { idOfFound } from './break-glass-lines.ts'
import type { FleetState } from './fleet-state.ts'
import { type ByHand, payByHand } from './obligations.ts'
import type { ObligationView } from './view.ts'

export const lostPromiseViews = ({ found }: FleetState, byHand: ByHand): ObligationView[] => [...found.values()].map((each) => ({
  id: each.id, kind: each.kind, subject: each.subject, node: each.node, previous: each.previous, openedAt: each.foundAt, status: 'open', settledBy: null, text: each.text,
  because: reason('STORE_RESTORED', `${each.id}: ${each.text}`, `look at GitLab; put it back by hand if it is not, then: pitstop obligations hand-over ${each.id} --reason "…"`),
  payByHand: payByHand(byHand, { ...each, id: idOfFound(each.id) })
}))

export const lostWeights = ({ found }: Pick<FleetState, 'found'>): number => [...found.values()].filter(({ kind }) => kind === 'weight').length

/** @param what "a window is opened" @throws Fault STORE_RESTORED */
export function requireNothingLost({ found }: FleetState, what: string): void {
  if (found.size > 0) throw new Fault('STORE_RESTORED', `before ${what}, a person settles what the restored store had lost: ${[...found.keys()].join(', ')}`, { hint: 'pitstop obligations; then for each: pitstop obligations hand-over ID --reason "…"' })
}
