// The second product of every decision: why things are as they are. CLI, page and API print the same.
import type { Reason } from '@pitstop/shared/fault'

export interface Report {
  /** Why no further node begins; empty = open. */
  readonly gates: readonly Reason[]
  /** Why each node is not further along, by node. */
  readonly nodes: ReadonlyMap<string, readonly Reason[]>
  /** Why the window itself is not further along. */
  readonly window: readonly Reason[]
}

export const emptyReport: Report = { gates: [], nodes: new Map(), window: [] }
