// Root must not run the coordinator on a store that belongs to the service's user: SQLite's files would become root's, and
// the service could not open its own journal any more. Only looks; called before anything is made.
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '@pitstop/shared/fault'
import { isRoot } from '../service-account.ts'

/** @throws Fault PERMISSION_DENIED when root would write among another user's files. */
export function refuseForeignStore(path: string, root = isRoot()): void {
  if (!root) return
  const foreign = [path, dirname(path)].find((each) => (statSync(each, { throwIfNoEntry: false })?.uid ?? 0) !== 0)
  if (foreign === undefined) return
  throw new Fault('PERMISSION_DENIED', `${foreign} belongs to another user, and this is root: the store's files would become root's and lock that user's coordinator out`,
    { hint: 'start the service: systemctl start pitstop-coordinator; or by hand: runuser -u pitstop -- pitstop coordinator' })
}
