// The store over SQL. Every append locks the lease row and checks the epoch in its own transaction: a coordinator that
// was overtaken cannot journal, and what cannot be journaled is not done. Time is the store's own.
import { randomUUID } from 'node:crypto'
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import { type Kysely, type RawBuilder, type Selectable, type Transaction, sql } from 'kysely'
import { type Event, eventVersion, type FleetEvent, type Recorded } from '../../domain/event.ts'
import { wrongField } from '../../domain/event-shape.ts'
import { unknownTerm } from '../../domain/known-events.ts'
import { type StoredPlan, openPlan } from '../../domain/plan.ts'
import { isPlausibleEpoch } from '../../domain/restored.ts'
import type { LeaseRow, Store, StreamEvent } from '../../ports.ts'
import type { Schema } from './schema.ts'
import { storeFault } from './store-fault.ts'

export interface SqlStoreParts {
  readonly db: Kysely<Schema>
  readonly fleet: string
  /** The store's own clock as SQL, epoch ms; made anew for each statement. */
  readonly now: () => RawBuilder<number>
  /** Several coordinators may be connected. Then rows are locked, and a lease runs out. Else nobody but us is alive here. */
  readonly shared: boolean
  /** Cluster and timeline that our connections lead to; empty = not known. */
  readonly origin: () => string
  /** Awaited ahead of everything. */
  readonly prepared: () => Promise<void>
}

type LeaseColumns = Schema['lease'] & { readonly now: number, readonly terms?: string | null | undefined }

export function sqlStore({ db, fleet, now, shared, origin, prepared }: SqlStoreParts): Store {
  const asRow = (row: LeaseColumns): LeaseRow => ({
    fleet: row.fleet, holder: row.holder, address: row.address, api: row.api, epoch: row.epoch, expiresAt: row.expires_at, leftMs: Math.max(0, row.expires_at - row.now), ...termsIn(row.terms, row.epoch)
  })
  const guarded = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      await prepared()
      return await work()
    } catch (error) {
      throw storeFault(what, error)
    }
  }
  const transaction = <T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T> => db.transaction().execute(work)
  const leaseOf = (on: Kysely<Schema>) => on.selectFrom('lease').selectAll().select(now().as('now')).where('fleet', '=', fleet)
  /** From here until the transaction's end nobody takes the lease, and nobody journals. */
  const lockLease = (tx: Transaction<Schema>): Promise<LeaseColumns | undefined> => (shared ? leaseOf(tx).forUpdate() : leaseOf(tx)).executeTakeFirst()
  /** What we hold, we hold of the database that we took it from: a promoted standby may lack what we know. */
  let takenFrom: string | null = null
  const requireSameDatabase = (): void => {
    if (takenFrom === null || origin() === takenFrom) return
    throw new Fault('LEASE_LOST', takenFrom === '' ? `the database server tells its cluster and timeline (${origin()}) and did not when the lease was taken: it is taken anew`
      : `the database was failed over or restored meanwhile (cluster/timeline ${takenFrom}, now ${origin()})`)
  }
  /** @throws Fault STALE_EPOCH, LEASE_LOST */
  const requireHeld = async (tx: Transaction<Schema>, epoch: number): Promise<void> => {
    const held = await lockLease(tx)
    requireSameDatabase()
    if (held?.epoch !== epoch) throw new Fault('STALE_EPOCH', `nothing is journaled under epoch ${epoch}: another coordinator has taken over`)
    if (shared && held.expires_at <= held.now) throw new Fault('LEASE_LOST', `nothing is journaled under epoch ${epoch}: its lease ran out ${held.now - held.expires_at} ms ago by the store's clock`)
  }

  const writeIdentity = async (tx: Transaction<Schema>, id: string): Promise<void> => {
    for (const [key, value] of [['incarnation', id], ['origin', origin()]] as const) await tx.updateTable('meta').set({ value }).where('key', '=', key).execute()
  }

  return {
    shared,

    takeLease: (holder, address, ttlMs, { api = '', above = 0, abandoned, judged, restored = [] } = {}) => guarded('take the lease', () => transaction(async (tx) => {
      await tx.insertInto('lease').values({ fleet, holder: '', address: '', api: '', epoch: 0, expires_at: 0 }).onConflict((conflict) => conflict.column('fleet').doNothing()).execute()
      const before = await lockLease(tx)
      // Read behind the lock: what was selected with the row may be from before the wait for it.
      const { rows: [clock] } = await sql<{ now: number }>`select ${now()} as now`.execute(tx)
      if (before === undefined || clock === undefined) throw new Fault('INTERNAL', 'the lease row vanished')
      if (shared && before.expires_at > clock.now && before.holder !== holder && !isRow(before, abandoned)) return null
      if (judged !== undefined && before.epoch !== judged) return null
      const epoch = Math.max(before.epoch, above) + 1
      // What cannot be read back, or what agents would not be believed with, is never written: it would be the store's end.
      if (!isPlausibleEpoch(epoch, epoch)) throw new Fault('STORE_CORRUPT', `no epoch above ${Math.max(before.epoch, above)} can be written`, { hint: 'find out who says that it has seen this one: pitstop-agent status on each host, store-memory.json here' })
      if (restored.length > 0) await tx.insertInto('meta').values({ key: 'restoring', value: JSON.stringify(restored) }).onConflict((conflict) => conflict.column('key').doUpdateSet({ value: JSON.stringify(restored) })).execute()
      const row = { fleet, holder, address, api, epoch, expires_at: clock.now + ttlMs }
      await tx.updateTable('lease').set(row).where('fleet', '=', fleet).execute()
      // Beside the row, so that the table stays as older releases know it; they leave it alone, so it names its epoch.
      const terms = termsOf(epoch, ttlMs)
      await tx.insertInto('meta').values({ key: 'lease-terms', value: terms }).onConflict((conflict) => conflict.column('key').doUpdateSet({ value: terms })).execute()
      takenFrom = origin()
      return asRow({ ...row, now: clock.now, terms })
    })),

    renewLease: (holder, epoch, ttlMs) => guarded('renew the lease', async () => {
      const renew = db.updateTable('lease').set({ expires_at: sql<number>`${now()} + ${ttlMs}` }).where('fleet', '=', fleet).where('holder', '=', holder).where('epoch', '=', epoch)
      // One that ran out is not renewed but taken anew, with a new epoch.
      const result = await (shared ? renew.where('expires_at', '>', now()) : renew).executeTakeFirst()
      requireSameDatabase()
      if (Number(result.numUpdatedRows) === 1) return true
      const held = await leaseOf(db).executeTakeFirst()
      if (held?.holder === holder && held.epoch === epoch) throw new Fault('LEASE_LOST', `the lease of epoch ${epoch} had run out by the store's clock`)
      return false
    }),

    releaseLease: (holder, epoch) => guarded('release the lease', async () => {
      await db.updateTable('lease').set({ expires_at: 0 }).where('fleet', '=', fleet).where('holder', '=', holder).where('epoch', '=', epoch).execute()
    }),

    readLease: () => guarded('read the lease', async () => {
      const row = await leaseOf(db).select((one) => one.selectFrom('meta').select('value').where('key', '=', 'lease-terms').as('terms')).executeTakeFirst()
      // Epoch 0 is a row that was made and never taken.
      return row === undefined || row.epoch === 0 ? null : asRow(row)
    }),

    noteFiled: (epoch) => guarded('note that the break-glass file is written', async () => {
      await db.updateTable('meta').set({ value: sql`value || ${sql.lit(filed)}` }).where('key', '=', 'lease-terms').where('value', 'like', `${epoch} %`).where('value', 'not like', `%${filed}`).execute()
    }),

    append: (epoch, stream, at, events, window) => guarded('journal', () => transaction(async (tx) => {
      await requireHeld(tx, epoch)
      if (window === 'close') await tx.deleteFrom('windows').where('fleet', '=', fleet).execute()
      else if (window !== undefined) {
        const other = await tx.selectFrom('windows').selectAll().where('fleet', '=', fleet).executeTakeFirst()
        if (other !== undefined) throw new Fault('WINDOW_OPEN', `window ${other.number} of plan ${other.plan.slice(0, 12)} is open`)
        await tx.insertInto('windows').values({ fleet, plan: stream, number: window.open }).execute()
      }
      return await insertEvents(tx, epoch, stream, at, events)
    })),

    read: <E>(stream: string, afterSeq = 0) => guarded('read the journal', async () => {
      const rows = await db.selectFrom('journal').selectAll().where('stream', '=', stream).where('seq', '>', afterSeq).orderBy('seq').execute()
      return rows.map((row) => recordedIn<E>(row))
    }),

    // One statement, so that no stream is read later than another: whoever goes on behind the last number misses nothing.
    readAll: (afterSeq, most) => guarded('read the journal', async () =>
      (await db.selectFrom('journal').selectAll().where('seq', '>', afterSeq).orderBy('seq').$if(most !== undefined, (query) => query.limit(most ?? 0)).execute()).map((row) => ({ stream: row.stream, recorded: recordedIn<Event | FleetEvent>(row) }))),

    savePlan: (stored) => guarded('save the plan', async () => {
      await db.insertInto('plans').values({ hash: stored.hash, bytes: stored.bytes, created_at: stored.plan.createdAt }).onConflict((conflict) => conflict.column('hash').doNothing()).execute()
    }),

    readPlan: (hash) => guarded('read the plan', async (): Promise<StoredPlan | null> => {
      const row = await db.selectFrom('plans').selectAll().where('hash', '=', hash).executeTakeFirst()
      return row === undefined ? null : openPlan(row.hash, row.bytes)
    }),

    listPlans: () => guarded('read the plans', async () =>
      (await db.selectFrom('plans').selectAll().orderBy('created_at').execute()).map((row) => openPlan(row.hash, row.bytes))),

    openWindow: () => guarded('read the window', async () => {
      const row = await db.selectFrom('windows').selectAll().where('fleet', '=', fleet).executeTakeFirst()
      return row === undefined ? null : { plan: row.plan, number: row.number }
    }),

    incarnation: () => guarded('read which store this is', async () => {
      // A standby asks twice a second.
      const meta = new Map((await db.selectFrom('meta').selectAll().where('key', 'in', ['incarnation', 'origin', 'restoring']).execute()).map(({ key, value }) => [key, value]))
      const id = meta.get('incarnation') ?? ''
      const was = meta.get('origin') ?? ''
      const is = origin()
      const newest = await db.selectFrom('journal').select(({ fn }) => fn.max('seq').as('seq')).executeTakeFirst()
      return { id, restoring: notedReasons(meta.get('restoring')), seq: newest?.seq ?? 0, moved: was !== '' && is !== '' && was !== is ? `it was on cluster/timeline ${was} and is on ${is}` : null, placed: was !== '' || is === '' }
    }),

    reincarnate: (epoch, id = randomUUID()) => guarded('write which store this is', () => transaction(async (tx) => {
      await requireHeld(tx, epoch)
      await writeIdentity(tx, id)
      return id
    })),

    concludeRestore: (epoch, at, tell) => guarded('journal what a restore had lost', () => transaction(async (tx) => {
      await requireHeld(tx, epoch)
      const id = randomUUID()
      await writeIdentity(tx, id)
      await tx.deleteFrom('meta').where('key', '=', 'restoring').execute()
      const recorded: StreamEvent[] = []
      for (const { stream, events } of tell(id)) for (const each of await insertEvents(tx, epoch, stream, at, events)) recorded.push({ stream, recorded: each })
      return recorded
    })),

    close: () => db.destroy()
  }
}

const termsOf = (epoch: number, ttlMs: number): string => `${epoch} ${ttlMs}`

/** Behind the terms; releases that do not know it read what stands before. */
const filed = ' filed'

function termsIn(text: string | null | undefined, epoch: number): Pick<LeaseRow, 'ttlMs' | 'filed'> {
  const [of, ttlMs] = (text ?? '').split(' ').map(Number)
  if (of !== epoch) return {}
  return { ...Number.isSafeInteger(ttlMs) && ttlMs !== undefined && ttlMs > 0 ? { ttlMs } : {}, ...text?.endsWith(filed) === true ? { filed: true } : {} }
}

const isRow = (row: Schema['lease'], { holder, epoch, expiresAt }: Partial<LeaseRow> = {}): boolean => row.holder === holder && row.epoch === epoch && row.expires_at === expiresAt

async function insertEvents<E extends { readonly type: string }>(tx: Transaction<Schema>, epoch: number, stream: string, at: number, events: readonly E[]): Promise<Recorded<E>[]> {
  if (events.length === 0) return []
  const rows = events.map((event) => ({ stream, at, epoch, version: eventVersion, type: event.type, body: JSON.stringify(event) }))
  const seqs = (await tx.insertInto('journal').values(rows).returning('seq').execute()).map(({ seq }) => seq).sort((a, b) => a - b)
  return events.map((event, index): Recorded<E> => ({ seq: seqs[index] ?? 0, at, epoch, event }))
}

/** A note that cannot be read says all the same that there is one. */
function notedReasons(text: string | undefined): Reason[] {
  if (text === undefined) return []
  try {
    const noted: unknown = JSON.parse(text)
    if (Array.isArray(noted) && noted.length > 0) return (noted as Partial<Reason>[]).map(({ text: why, hint }) => reason('STORE_RESTORED', String(why), hint))
  } catch { /* told below */ }
  return [reason('STORE_RESTORED', 'this store was found restored, and the note that says why is not readable')]
}

function recordedIn<E>(row: Selectable<Schema['journal']>): Recorded<E> {
  if (row.version > eventVersion) throw new Fault('STORE_NEWER', `event ${row.seq} (${row.type}) has format ${row.version}; this release reads up to ${eventVersion}`)
  const event = parseBody(row)
  const unknown = unknownTerm(event)
  if (unknown !== null) throw new Fault('STORE_NEWER', `event ${row.seq} has ${unknown}, which this release does not know: a newer one wrote it`)
  const wrong = wrongField(event)
  if (wrong !== null) throw new Fault('STORE_CORRUPT', `event ${row.seq} of the journal (${row.type}) is damaged: its field ${wrong} is not what it must be`)
  return { seq: row.seq, at: row.at, epoch: row.epoch, event: event as E }
}

function parseBody(row: { seq: number, type: string, body: string }): { readonly type: string } {
  try {
    const event = JSON.parse(row.body) as { type?: unknown }
    if (event.type === row.type) return event as { type: string }
  } catch (error) {
    throw new Fault('STORE_CORRUPT', `event ${row.seq} of the journal is not readable`, { cause: error })
  }
  throw new Fault('STORE_CORRUPT', `event ${row.seq} of the journal is a ${row.type} and its body says otherwise`)
}
