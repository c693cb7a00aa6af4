// The store over SQL. Every append locks the lease row and checks the epoch in its own transaction: a coordinator that
// was overtaken cannot journal, and what cannot be journaled is not done.
import { Fault } from '@pitstop/shared/fault'
import { type Kysely, sql } from 'kysely'
import { eventVersion, type Recorded } from '../../domain/event.ts'
import { type StoredPlan, openPlan } from '../../domain/plan.ts'
import type { LeaseRow, Store, WindowRow } from '../../ports.ts'
import type { Schema } from './schema.ts'

export interface SqlStoreParts {
  readonly db: Kysely<Schema>
  readonly fleet: string
  /** The store's own clock, epoch ms. */
  readonly now: () => number
  /** Nobody else can be alive on this store, so an unexpired lease of a dead process may be taken at once. */
  readonly exclusive: boolean
  readonly release: () => Promise<void>
}

export function sqlStore({ db, fleet, now, exclusive, release }: SqlStoreParts): Store {
  const asRow = (row: { fleet: string, holder: string, address: string, epoch: number, expires_at: number }): LeaseRow =>
    ({ fleet: row.fleet, holder: row.holder, address: row.address, epoch: row.epoch, expiresAt: row.expires_at })

  return {
    takeLease: (holder, address, ttlMs) => guarded('take the lease', async () => {
      const expiresAt = now() + ttlMs
      const row = await db.insertInto('lease').values({ fleet, holder, address, epoch: 1, expires_at: expiresAt })
        .onConflict((conflict) => {
          const update = conflict.column('fleet').doUpdateSet({ holder, address, epoch: sql<number>`lease.epoch + 1`, expires_at: expiresAt })
          return exclusive ? update : update.where((eb) => eb.or([eb('lease.expires_at', '<=', now()), eb('lease.holder', '=', holder)]))
        }).returningAll().executeTakeFirst()
      return row === undefined ? null : asRow(row)
    }),

    renewLease: (holder, epoch, ttlMs) => guarded('renew the lease', async () => {
      const result = await db.updateTable('lease').set({ expires_at: now() + ttlMs })
        .where('fleet', '=', fleet).where('holder', '=', holder).where('epoch', '=', epoch).executeTakeFirst()
      return Number(result.numUpdatedRows) === 1
    }),

    releaseLease: (holder, epoch) => guarded('release the lease', async () => {
      await db.updateTable('lease').set({ expires_at: 0 }).where('fleet', '=', fleet).where('holder', '=', holder).where('epoch', '=', epoch).execute()
    }),

    readLease: () => guarded('read the lease', async () => {
      const row = await db.selectFrom('lease').selectAll().where('fleet', '=', fleet).executeTakeFirst()
      return row === undefined ? null : asRow(row)
    }),

    append: <E extends { readonly type: string }>(epoch: number, stream: string, at: number, events: readonly E[], window?: WindowRow) =>
      guarded('journal', () => db.transaction().execute(async (tx): Promise<Recorded<E>[]> => {
        const locked = await tx.updateTable('lease').set({ epoch }).where('fleet', '=', fleet).where('epoch', '=', epoch).executeTakeFirst()
        if (Number(locked.numUpdatedRows) !== 1) throw new Fault('STALE_EPOCH', `nothing is journaled under epoch ${epoch}: another coordinator has taken over`)
        if (window === 'close') await tx.deleteFrom('windows').where('fleet', '=', fleet).execute()
        else if (window !== undefined) {
          const other = await tx.selectFrom('windows').selectAll().where('fleet', '=', fleet).executeTakeFirst()
          if (other !== undefined) throw new Fault('WINDOW_OPEN', `window ${other.number} of plan ${other.plan.slice(0, 12)} is open`)
          await tx.insertInto('windows').values({ fleet, plan: stream, number: window.open }).execute()
        }
        const recorded: Recorded<E>[] = []
        for (const event of events) {
          const { seq } = await tx.insertInto('journal').values({ stream, at, epoch, version: eventVersion, type: event.type, body: JSON.stringify(event) })
            .returning('seq').executeTakeFirstOrThrow()
          recorded.push({ seq, at, epoch, event })
        }
        return recorded
      })),

    read: <E>(stream: string, afterSeq = 0) => guarded('read the journal', async () => {
      const rows = await db.selectFrom('journal').selectAll().where('stream', '=', stream).where('seq', '>', afterSeq).orderBy('seq').execute()
      return rows.map((row): Recorded<E> => {
        if (row.version > eventVersion) throw new Fault('STORE_NEWER', `event ${row.seq} has format ${row.version}; this release reads up to ${eventVersion}`)
        return { seq: row.seq, at: row.at, epoch: row.epoch, event: parseBody(row) as E }
      })
    }),

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

    close: async () => {
      await db.destroy()
      await release()
    }
  }
}

function parseBody(row: { seq: number, type: string, body: string }): unknown {
  try {
    const event = JSON.parse(row.body) as { type?: unknown }
    if (event.type === row.type) return event
  } catch (error) {
    throw new Fault('STORE_CORRUPT', `event ${row.seq} of the journal is not readable`, { cause: error })
  }
  throw new Fault('STORE_CORRUPT', `event ${row.seq} of the journal is a ${row.type} and its body says otherwise`)
}

/** Anything the database says becomes a fault with a plain text. */
async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Fault) throw error
    const text = error instanceof Error ? error.message : String(error)
    const corrupt = /malformed|not a database|corrupt/i.test(text)
    throw new Fault(corrupt ? 'STORE_CORRUPT' : 'STORE_UNAVAILABLE', `cannot ${what}: ${text}`, { cause: error })
  }
}
