// The moment in which a scheduled order becomes a begun one, decided on disk. The epoch is read again *after* the
// decision is durable: a coordinator that raised the epoch either sees "begun", or is seen here; never neither.
import type { Outcome, FinalStatus } from '../domain/order-record.ts'
import { overtaken } from '../domain/firing.ts'
import type { Reason } from '@pitstop/shared/fault'
import { reasonsAgainst, type UnitContext } from './unit-context.ts'

/** When it began; undefined = it may not, and why is on disk. */
export async function begin(context: UnitContext): Promise<number | undefined> {
  const { store, id, now } = context
  const reasons = await reasonsAgainst(context)
  const before = store.read(id)
  if (before === undefined || before.outcome !== undefined || before.decision !== undefined) return undefined
  if (reasons.length > 0) {
    store.finish(id, outcome('vetoed', now(), 0, reasons))
    return undefined
  }
  const decision = { kind: 'begun', atMs: now(), by: `unit ${process.pid}`, reasons: [] } as const
  // Somebody else's decision, cancelled or begun by another process of this order: hands off.
  if (store.decide(id, decision) !== decision) return undefined
  const late = overtaken(store.read(id)?.grant?.epoch ?? 0, store.highestEpoch())
  if (late.length > 0) {
    store.finish(id, outcome('vetoed', now(), 0, late))
    return undefined
  }
  return decision.atMs
}

export const outcome = (status: FinalStatus, atMs: number, begunAtMs: number, reasons: readonly Reason[], rest: Partial<Outcome> = {}): Outcome =>
  ({ status, atMs, begunAtMs, reasons, changes: [], notes: [], rebootRequired: false, ...rest })
