// The second product of every decision: why things are as they are. CLI, page and API print the same.
import type { Reason } from '@pitstop/shared/fault'

export interface Report {
  /** Why no further node begins; empty = open. */
  readonly gates: readonly Reason[]
  /** Why each node that takes part now is not further along, by node. The others: as its state says, or for `waiting`. */
  readonly nodes: ReadonlyMap<string, readonly Reason[]>
  /** Why nodes that have not begun wait; null = nothing was decided about them. */
  readonly waiting: readonly Reason[] | null
  /** Why the window itself is not further along. */
  readonly window: readonly Reason[]
}

export const emptyReport: Report = { gates: [], nodes: new Map(), waiting: null, window: [] }
