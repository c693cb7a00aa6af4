// Opens the store that the configuration names: an SQLite file for one coordinator, or PostgreSQL for several.
import type { Reason } from '@pitstop/shared/fault'
import type { Store } from '../../ports.ts'
import { openPostgres } from './open-postgres.ts'
import { openSqlite } from './open-sqlite.ts'
import { isPostgres } from './postgres-address.ts'

export interface PostgresWishes {
  readonly passwordFile?: string | undefined
  /** Ms that one use of the database may take; less than a lease. */
  readonly deadlineMs: number
  /** Told of what works and may hurt later. */
  readonly warn?: (about: Reason) => void
}

/** A lease outlives two uses of the store that hang until their deadline; and a coordinator waits for neither much longer than it takes. */
export const storeDeadlineMs = (leaseTtlMs: number): number => Math.min(10_000, Math.max(500, Math.floor(leaseTtlMs / 3)))

/**
 * @param store path of an SQLite file, or postgres://…
 * @param now the clock of an SQLite store; PostgreSQL has its own.
 * @throws Fault STORE_BUSY naming the process that has the file open, STORE_CORRUPT, STORE_NEWER, STORE_UNAVAILABLE. A PostgreSQL
 * server that is only away at present is no fault here: the first use that finds it there prepares it.
 */
export const openStore = (store: string, fleet: string, now: () => number = Date.now, wishes: PostgresWishes = { deadlineMs: 10_000 }): Promise<Store> =>
  isPostgres(store) ? openPostgres(store, fleet, wishes) : openSqlite(store, fleet, now)
