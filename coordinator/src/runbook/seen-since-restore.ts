// Before a weight goes back that was owed when the store was put back: the journal may call a host healthy that went down in the
// time that was lost. A look made just now decides; nothing that the journal says stands in for it.
import { reason } from '@pitstop/shared/fault'
import { isDoubted } from '../domain/obligations.ts'
import { stillCounts } from '../domain/observed.ts'
import { lookAgain, nextLookAt } from './look.ts'
import { type Next, type View, wait } from './step.ts'

/** A look of before the write is planned, and no older: GitLab is read in between. */
const seenWithinMs = 5000

/** Null: the host is healthy, proven in this journal or seen just now. */
export function seenSinceRestore(view: Omit<View, 'node'>): Next | null {
  const { self, state, observed, now } = view
  if (!isDoubted(state, self)) return null
  const look = observed.looks.get(self.node)
  if (look !== undefined && look.seq >= state.window.restoredSeq && stillCounts(look.at, seenWithinMs, now) && look.verdict?.status === 'healthy' && look.outside?.serving !== false) return null
  const why = look?.fault ?? look?.verdict?.reasons[0]
  return lookAgain(view, '') ?? wait([reason('STORE_RESTORED', `the weight of ${self.node} was owed when the store was put back; it goes back when ${self.node} is seen healthy`,
    `look at ${self.node}; or put the weight back by hand and hand it over: pitstop obligations`), ...why === undefined ? [] : [why]], look === undefined ? now + 1000 : nextLookAt(self, look))
}
