// A look at the database before anything is started: does it answer, whose store does it hold, does it tell where it lives.
// Changes nothing and makes nothing. An SQLite file has one process, which may be running, so nobody looks into it.
import { Fault, type Reason } from '@pitstop/shared/fault'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { inspect } from './migrations.ts'
import { parsePostgresUrl } from './postgres-address.ts'
import { postgresConnections, untoldOrigin } from './postgres-connections.ts'
import type { Schema } from './schema.ts'
import { storeFault } from './store-fault.ts'

export interface StoreLook {
  /** "PostgreSQL 18.1 at postgres://…: it holds the store of fleet lab, format 2" */
  readonly text: string
  readonly warnings: readonly Reason[]
}

/** @throws Fault STORE_UNAVAILABLE, STORE_CORRUPT, STORE_NEWER: what a start would meet. */
export async function lookAtPostgres(url: string, fleet: string, { passwordFile, deadlineMs }: { readonly passwordFile?: string | undefined, readonly deadlineMs: number }): Promise<StoreLook> {
  const address = parsePostgresUrl(url)
  if ('problem' in address) throw new Fault('INVALID_CONFIGURATION', `store ${address.problem}`)
  const pool = postgresConnections({ address, passwordFile, deadlineMs })
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
  try {
    const { rows: [server] } = await sql<{ version: string }>`select current_setting('server_version') as version`.execute(db)
    const format = await inspect(db, 'postgres', fleet, address.shown)
    return {
      text: `PostgreSQL ${server?.version ?? '?'} at ${address.shown}: ${format === null ? 'it holds no store yet; the first start makes it' : `it holds the store of fleet ${fleet}, format ${format}`}`,
      warnings: pool.origin() === '' ? [untoldOrigin(address.user)] : []
    }
  } catch (error) {
    throw storeFault(`look at the store ${address.shown}`, error, false)
  } finally {
    await db.destroy()
  }
}
