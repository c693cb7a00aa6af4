// Whether the group has room for a node to go down. The slot that it holds says so, but for one case: a node that failed while it
// was prepared takes a slot beyond the group, because its Gitaly may be down. Who has not gone down by then must not join it.
import { type Reason, reason } from '@pitstop/shared/fault'
import { slotsTaken } from '../domain/slots.ts'
import type { NodeState } from '../domain/state.ts'
import { type View, stepOf } from './step.ts'

/** Failed while it was down, and a person asked for another reboot: its slot is no right to go down, it has been counted as down all along. */
export const isCountedAsDown = (self: NodeState): boolean => self.askedFor && stepOf(self, 'upgrade') === undefined

/** Null: there is room. */
export function noRoom({ state, self }: Pick<View, 'state' | 'self'>): Reason | null {
  const others = slotsTaken(state).filter(({ node }) => node !== self.node)
  // Counted already, it may not go while others are on their way; those that are down for good hold it up no longer.
  const against = isCountedAsDown(self) ? others.filter(isOnItsWay) : others
  if (against.length < state.stored.plan.policy.groupSize) return null
  return reason('WAITING', `${against.map(({ node }) => node).join(', ')} ${against.length === 1 ? 'fills' : 'fill'} the group: ${self.node} does not go down beside`, 'nothing to do: slots are freed by health')
}

/** Told to reboot, and neither proven healthy nor given up. */
const isOnItsWay = (other: NodeState): boolean => {
  const status = stepOf(other, 'reboot')?.status
  return other.phase === 'down' && !other.overdue && (status === 'intended' || status === 'done')
}
