// Brings a store to the format of this release, step by step, all in one transaction. A step only adds, and what it adds
// has a default: while a standby of this release migrates, an acting coordinator of the previous one goes on writing.
import { randomUUID } from 'node:crypto'
import { Fault } from '@pitstop/shared/fault'
import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { type Schema, storeFormat } from './schema.ts'

export type Kind = 'sqlite' | 'postgres'

/** @param shown for messages. @throws Fault STORE_CORRUPT (something else's database, another fleet's), STORE_NEWER */
export async function migrate(db: Kysely<Schema>, kind: Kind, fleet: string, shown: string): Promise<void> {
  await formatOf(db, kind, shown)
  const { error } = await new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations(kind, fleet)) } }).migrateToLatest()
  if (error !== undefined) {
    // Another process may have migrated to a newer format between the look and the lock.
    requireReadable(await metaOf(db, 'format'), shown)
    throw error
  }
  requireOwner(await metaOf(db, 'fleet'), fleet, shown)
}

/** What a start would find, as it is. @returns its format; null = there is no store yet. @throws as migrate */
export async function inspect(db: Kysely<Schema>, kind: Kind, fleet: string, shown: string): Promise<number | null> {
  const format = await formatOf(db, kind, shown)
  // The first format does not say whose it is.
  if (format !== null && format > 1) requireOwner(await metaOf(db, 'fleet'), fleet, shown)
  return format
}

async function formatOf(db: Kysely<Schema>, kind: Kind, shown: string): Promise<number | null> {
  const names = await tableNames(db, kind)
  const own = new Set(['meta', 'lease', 'plans', 'journal', 'windows'])
  if (!names.includes('meta') && names.some((name) => !name.startsWith('kysely_migration') && !own.has(name))) {
    throw new Fault('STORE_CORRUPT', `${shown} is a database of something else (${names.join(', ')})`, { hint: 'give pitstop a database of its own' })
  }
  return names.includes('meta') && !await isHalfMade(db, names) ? requireReadable(await metaOf(db, 'format'), shown) : null
}

function requireOwner(owner: string | undefined, fleet: string, shown: string): void {
  if (owner !== fleet) throw new Fault('STORE_CORRUPT', `${shown} is the store of fleet ${owner ?? '(none)'}, not of ${fleet}`, { hint: 'each fleet has a database of its own; check store and fleet in the configuration' })
}

/** Left by a first start of an older release that was killed in between: tables, and nothing in them. */
const isHalfMade = async (db: Kysely<Schema>, names: readonly string[]): Promise<boolean> =>
  await db.selectFrom('meta').select('key').executeTakeFirst() === undefined && (!names.includes('journal') || await db.selectFrom('journal').select('seq').limit(1).executeTakeFirst() === undefined)

/** PostgreSQL: of our schema alone; others may live in the same database. */
async function tableNames(db: Kysely<Schema>, kind: Kind): Promise<string[]> {
  const tables = await db.introspection.getTables()
  if (kind === 'sqlite') return tables.map(({ name }) => name)
  const { rows: [row] } = await sql<{ schema: string | null }>`select current_schema() as schema`.execute(db)
  return tables.filter(({ schema }) => schema === row?.schema).map(({ name }) => name)
}

export async function metaOf(db: Kysely<Schema>, key: string): Promise<string | undefined> {
  return (await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst())?.value
}

function requireReadable(text: string | undefined, shown: string): number {
  const format = Number(text)
  if (text === undefined || !Number.isInteger(format)) throw new Fault('STORE_CORRUPT', `${shown} does not say which format it has`)
  if (format > storeFormat) throw new Fault('STORE_NEWER', `${shown} has format ${format}; this release reads up to ${storeFormat}`)
  return format
}

/** Each step may be repeated: older releases ran them outside of a transaction, so a crash may have left half of one. The format is written last. */
const migrations = (kind: Kind, fleet: string): Record<string, Migration> => ({
  '1-journal': {
    async up(db: Kysely<Schema>) {
      // Stores of the first release have all of this, and no list of migrations.
      const table = (name: string) => db.schema.createTable(name).ifNotExists()
      await table('lease').addColumn('fleet', 'text', (c) => c.primaryKey()).addColumn('holder', 'text', (c) => c.notNull())
        .addColumn('address', 'text', (c) => c.notNull()).addColumn('epoch', 'bigint', (c) => c.notNull()).addColumn('expires_at', 'bigint', (c) => c.notNull()).execute()
      await table('plans').addColumn('hash', 'text', (c) => c.primaryKey()).addColumn('bytes', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull()).execute()
      const journal = kind === 'sqlite' ? table('journal').addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement())
        : table('journal').addColumn('seq', 'bigint', (c) => c.generatedAlwaysAsIdentity().primaryKey())
      await journal.addColumn('stream', 'text', (c) => c.notNull()).addColumn('at', 'bigint', (c) => c.notNull()).addColumn('epoch', 'bigint', (c) => c.notNull())
        .addColumn('version', 'integer', (c) => c.notNull()).addColumn('type', 'text', (c) => c.notNull()).addColumn('body', 'text', (c) => c.notNull()).execute()
      await db.schema.createIndex('journal_stream').ifNotExists().on('journal').columns(['stream', 'seq']).execute()
      await table('windows').addColumn('fleet', 'text', (c) => c.primaryKey()).addColumn('plan', 'text', (c) => c.notNull())
        .addColumn('number', 'integer', (c) => c.notNull()).execute()
      await table('meta').addColumn('key', 'text', (c) => c.primaryKey()).addColumn('value', 'text', (c) => c.notNull()).execute()
      await db.insertInto('meta').values({ key: 'format', value: '1' }).onConflict((c) => c.doNothing()).execute()
    }
  },
  '2-incarnation': {
    async up(db: Kysely<Schema>) {
      const own = kind === 'sqlite' ? undefined : (await sql<{ schema: string | null }>`select current_schema() as schema`.execute(db)).rows[0]?.schema
      const lease = (await db.introspection.getTables()).find(({ name, schema }) => name === 'lease' && (kind === 'sqlite' || schema === own))
      if (lease?.columns.some(({ name }) => name === 'api') !== true) await db.schema.alterTable('lease').addColumn('api', 'text', (c) => c.notNull().defaultTo('')).execute()
      const owner = (await db.selectFrom('lease').select('fleet').executeTakeFirst())?.fleet ?? fleet
      await db.insertInto('meta').values([{ key: 'fleet', value: owner }, { key: 'incarnation', value: randomUUID() }, { key: 'origin', value: '' }]).onConflict((c) => c.doNothing()).execute()
      await db.updateTable('meta').set({ value: '2' }).where('key', '=', 'format').execute()
    }
  }
})
