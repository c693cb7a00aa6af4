// One schema for SQLite and PostgreSQL: text, integer and bigint columns only; instants are epoch ms, bodies JSON text.
import type { Generated, Kysely } from 'kysely'
import { sql } from 'kysely'

export interface Schema {
  meta: { key: string, value: string }
  lease: { fleet: string, holder: string, address: string, epoch: number, expires_at: number }
  plans: { hash: string, bytes: string, created_at: number }
  journal: { seq: Generated<number>, stream: string, at: number, epoch: number, version: number, type: string, body: string }
  windows: { fleet: string, plan: string, number: number }
}

/** Format of the store that this release writes; a newer one is refused, an older one is migrated step by step. */
export const storeFormat = 1

export async function createSchema(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable('meta').addColumn('key', 'text', (c) => c.primaryKey()).addColumn('value', 'text', (c) => c.notNull()).execute()
  await db.schema.createTable('lease').addColumn('fleet', 'text', (c) => c.primaryKey()).addColumn('holder', 'text', (c) => c.notNull())
    .addColumn('address', 'text', (c) => c.notNull()).addColumn('epoch', 'bigint', (c) => c.notNull()).addColumn('expires_at', 'bigint', (c) => c.notNull()).execute()
  await db.schema.createTable('plans').addColumn('hash', 'text', (c) => c.primaryKey()).addColumn('bytes', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull()).execute()
  await db.schema.createTable('journal').addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement()).addColumn('stream', 'text', (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull()).addColumn('epoch', 'bigint', (c) => c.notNull()).addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('type', 'text', (c) => c.notNull()).addColumn('body', 'text', (c) => c.notNull()).execute()
  await db.schema.createIndex('journal_stream').on('journal').columns(['stream', 'seq']).execute()
  // The open window of each fleet: at most one, by its primary key.
  await db.schema.createTable('windows').addColumn('fleet', 'text', (c) => c.primaryKey()).addColumn('plan', 'text', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull()).execute()
  await sql`insert into meta (key, value) values ('format', ${String(storeFormat)})`.execute(db)
}
