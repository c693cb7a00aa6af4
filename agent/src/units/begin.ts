// The moment in which a scheduled order becomes a begun one, decided on disk. The epoch is read again *after* the
// decision is durable: a coordinator that raised the epoch either sees "begun", or is seen here; never neither. An order that
// was overtaken before that is left as it is, undecided: who took over sends it again under the new epoch, or never does.
import type { Outcome, FinalStatus } from '../domain/order-record.ts'
import { overtaken } from '../domain/firing.ts'
import type { Reason } from '@pitstop/shared/fault'
import { reasonsAgainst, type UnitContext } from './unit-context.ts'

/**
 * When it began; undefined = it may not, and why is on disk, unless it was overtaken.
 * @param beside called as the last look at the host begins: what is asked then costs no time of its own.
 */
export async function begin(context: UnitContext, beside: () => void = () => undefined): Promise<number | undefined> {
  const { store, id, now } = context
  beside()
  const reasons = await reasonsUnlessOvertaken(context)
  if (reasons === undefined) return undefined
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

/** Every reason against beginning now; undefined = overtaken. A right that was renewed while it was judged is judged again. */
export async function reasonsUnlessOvertaken(context: UnitContext): Promise<readonly Reason[] | undefined> {
  for (;;) {
    const reasons = await reasonsAgainst(context)
    const { store, id } = context
    if (overtaken(store.read(id)?.grant?.epoch ?? 0, store.highestEpoch()).length > 0) return undefined
    if (!reasons.some(({ code }) => code === 'STALE_EPOCH')) return reasons
  }
}

export const outcome = (status: FinalStatus, atMs: number, begunAtMs: number, reasons: readonly Reason[], rest: Partial<Outcome> = {}): Outcome =>
  ({ status, atMs, begunAtMs, reasons, changes: [], notes: [], rebootRequired: false, ...rest })
