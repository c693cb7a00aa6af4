// Whether Gitaly of a node went down ahead of its reboot, by itself or under apt. Such a node is down without being told to: it takes
// a slot, or keeps the one it holds, and a person looks. That an order came to nothing says nothing about that.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { HostView } from '../domain/observed.ts'
import type { NodeState } from '../domain/state.ts'
import { stepOf } from './step.ts'

/** How a host was when it was asked what became of an order. */
export type HostBeside = Pick<HostView, 'bootId' | 'gitalyPid' | 'gitalyRuns'>

/**
 * Null: Gitaly runs, as the process that was seen last. Unknown: whoever asked concludes nothing and asks again, also beside a veto.
 * Nobody looks at a node that was postponed before it was drained: another could go down beside a Gitaly that is down unseen.
 */
export function stoppedUnordered(self: NodeState, { gitalyRuns, gitalyPid }: HostBeside): Reason | null | 'unknown' {
  if (gitalyRuns === null) return 'unknown'
  if (!gitalyRuns) return reason('SERVICE_NOT_RUNNING', `Gitaly of ${self.node} does not run ahead of its reboot`)
  const before = stepOf(self, 'upgrade')?.facts.gitalyPid ?? stepOf(self, 'stage')?.facts.gitalyPid ?? 0
  return before === 0 || gitalyPid === before ? null : reason('SERVICE_UNHEALTHY', `Gitaly of ${self.node} restarted ahead of its reboot (pid ${before}, now ${gitalyPid})`)
}
