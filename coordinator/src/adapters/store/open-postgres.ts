// PostgreSQL, shared by coordinators on several machines. The server may be away when we open it, and later: whatever is
// asked then fails with a fault, and works again when the server is back.
import { Fault } from '@pitstop/shared/fault'
import { Kysely, PostgresDialect, sql } from 'kysely'
import type { Store } from '../../ports.ts'
import { migrate } from './migrations.ts'
import type { PostgresWishes } from './open-store.ts'
import { parsePostgresUrl } from './postgres-address.ts'
import { type PostgresConnections, postgresConnections, untoldOrigin } from './postgres-connections.ts'
import type { Schema } from './schema.ts'
import { sqlStore } from './sql-store.ts'
import { storeFault } from './store-fault.ts'

/** clock_timestamp and not now(): the time of a statement, not of its transaction's begin. */
const serverNow = () => sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`

export async function openPostgres(url: string, fleet: string, { passwordFile, deadlineMs, warn = () => undefined }: PostgresWishes): Promise<Store> {
  const address = parsePostgresUrl(url)
  if ('problem' in address) throw new Fault('INVALID_CONFIGURATION', `store ${address.problem}`)
  let preparing: Promise<void> | undefined
  let warned = false
  // Another server may hold another fleet's store, or one of another format: it is looked at like a new one.
  const pool = postgresConnections({ address, passwordFile, deadlineMs, moved: () => { preparing = undefined } })
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })

  // One attempt at a time; a failed one is forgotten, so that the next use tries again.
  const prepared = (): Promise<void> => {
    const attempt = preparing ??= migrate(db, 'postgres', fleet, address.shown).then(() => {
      if (pool.origin() !== '' || warned) return
      warned = true
      warn(untoldOrigin(address.user))
    }).catch((error: unknown) => {
      if (preparing === attempt) preparing = undefined
      throw storeFault(`use the store ${address.shown}`, error)
    })
    return attempt
  }
  try {
    await prepared()
  } catch (error) {
    const fault = storeFault('open the store', error)
    if (!isAway(error)) {
      await pool.end()
      throw fault
    }
  }
  return leadHere(sqlStore({ db, fleet, now: serverNow, shared: true, origin: pool.origin, prepared }), pool)
}

/**
 * A lease is taken where the address leads now, and of the database that was read before: the former server may live on, and a
 * connection to it would give us a lease while another coordinator acts on the new one. A renewal looks too, and waits for nothing.
 */
function leadHere(store: Store, pool: PostgresConnections): Store {
  /** Where the store was when it was last asked which one it is; what a take-over reads it reads after that. Null = never asked. */
  let read: string | null = null
  let looking: Promise<void> | undefined
  const requireRead = (from: string | null): void => {
    if (from !== null && from !== pool.origin()) throw new Fault('STORE_UNAVAILABLE', `the database's address leads to another server than what was read (cluster/timeline ${from}, now ${pool.origin()}): it is read anew`)
  }
  return {
    ...store,
    async incarnation() {
      const before = pool.origin()
      const found = await store.incarnation()
      // The first connection is made on the way.
      requireRead(before === '' ? null : before)
      read = pool.origin()
      return found
    },
    async takeLease(holder, address, ttlMs, wishes) {
      await pool.look().catch((error: unknown) => { throw storeFault('take the lease', error) })
      requireRead(read)
      const row = await store.takeLease(holder, address, ttlMs, wishes)
      requireRead(read)
      return row
    },
    renewLease(holder, epoch, ttlMs) {
      // What cannot be reached says nothing of where the address leads; the renewal itself tells whether the store is there.
      looking ??= pool.look().catch(() => undefined).finally(() => { looking = undefined })
      return store.renewLease(holder, epoch, ttlMs)
    }
  }
}

/** Not there at present, as opposed to: there, and refusing us. */
function isAway(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = 'code' in at && typeof at.code === 'string' ? at.code : ''
    if (/^(ECONN|EHOST|ENET|ETIMEDOUT|ENOENT|EAI_AGAIN|EPIPE)/.test(code) || /^(08|57P)/.test(code)) return true
    if (/no answer within|timeout exceeded when trying to connect|Connection terminated|read-only standby/.test(at.message)) return true
    if (at instanceof AggregateError && at.errors.some(isAway)) return true
  }
  return false
}
