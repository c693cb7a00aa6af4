// Whether an order that the agent knows is sent once more, by the same id: to follow it, or because it cannot begin without.
// Sent again, an order that has not begun may begin: only where a first one might be sent, never behind a pause, a halt, an
// abort or a freeze. Held back, it is asked about until it is plain that it cannot begin; then the node is before the gates again.
import type { OrderRequest } from '../domain/effect.ts'
import type { OrderView } from '../domain/observed.ts'
import type { StepState } from '../domain/state.ts'
import { overtaken } from './order.ts'
import { gatesOf } from './point-of-no-return.ts'
import { noRoom } from './room-in-group.ts'
import type { View } from './step.ts'

/** @param bootId the host's now. */
export function isSentAgain(view: View, step: OrderRequest['step'], intended: StepState, answer: OrderView, bootId: string): boolean {
  if (answer.status !== 'accepted' && answer.status !== 'running') return false
  // Also for what runs: whether it has begun cannot be told of an upgrade, and hooks may run for minutes before it does.
  if (gatesOf(view).length > 0) return false
  if (step === 'reboot' && (bootId !== intended.facts.bootId || noRoom(view) !== null)) return false
  // Past its time it would be refused for good.
  if (answer.status === 'accepted') return !overtaken(view, intended) && view.now < (intended.facts.notAfter ?? 0)
  if (step !== 'reboot') return true
  // Scheduled under the epoch of a predecessor: it would not begin. Once is enough.
  return overtaken(view, intended) && answer.gitalyStoppedAt === 0
}
