// Opens the store that the configuration names: an SQLite file, held by one process for as long as it lives.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Fault } from '@pitstop/shared/fault'
import { Kysely, type SqliteDatabase, SqliteDialect } from 'kysely'
import type { Store } from '../../ports.ts'
import { type Schema, createSchema, storeFormat } from './schema.ts'
import { sqlStore } from './sql-store.ts'

/** @throws Fault STORE_BUSY naming the process that has it open, STORE_CORRUPT, STORE_NEWER, STORE_UNAVAILABLE */
export async function openStore(path: string, fleet: string, now: () => number = Date.now): Promise<Store> {
  const database = openExclusively(path)
  try {
    const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database: asKyselyDatabase(database) }) })
    await prepareSchema(db, path)
    return sqlStore({ db, fleet, now, exclusive: true, release: () => Promise.resolve() })
  } catch (error) {
    if (database.isOpen) database.close()
    throw error
  }
}

/** The kernel drops the lock when the process ends, however it ends: no stale lock, no waiting after a crash. */
function openExclusively(path: string): DatabaseSync {
  const holder = `${path}.holder`
  let database: DatabaseSync | undefined
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
    database = new DatabaseSync(path)
    // Before anything else is made beside it: SQLite gives its other files the mode of the first.
    if (path !== ':memory:') chmodSync(path, 0o600)
    database.exec('pragma locking_mode = exclusive; pragma busy_timeout = 0; pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; begin immediate; commit')
    if (path !== ':memory:') writeFileSync(holder, `process ${process.pid} since ${new Date().toISOString()}\n`, { mode: 0o640 })
    return database
  } catch (error) {
    if (database?.isOpen === true) database.close()
    const text = error instanceof Error ? error.message : String(error)
    if (/locked|busy/i.test(text)) {
      const who = existsSync(holder) ? readFileSync(holder, 'utf8').trim() : 'a process that left no name'
      throw new Fault('STORE_BUSY', `${path} is in use by ${who}`, { cause: error, hint: 'use that coordinator, or stop it first; one process has one store' })
    }
    const corrupt = /not a database|malformed|corrupt/i.test(text)
    throw new Fault(corrupt ? 'STORE_CORRUPT' : 'STORE_UNAVAILABLE', `cannot open the store ${path}: ${text}`, { cause: error })
  }
}

async function prepareSchema(db: Kysely<Schema>, path: string): Promise<void> {
  const tables = await db.introspection.getTables()
  if (!tables.some(({ name }) => name === 'meta')) {
    if (tables.length > 0) throw new Fault('STORE_CORRUPT', `${path} is a database of something else (${tables.map(({ name }) => name).join(', ')})`)
    await db.transaction().execute((tx) => createSchema(tx))
    return
  }
  const row = await db.selectFrom('meta').select('value').where('key', '=', 'format').executeTakeFirst()
  const format = Number(row?.value)
  if (!Number.isInteger(format)) throw new Fault('STORE_CORRUPT', `${path} does not say which format it has`)
  if (format > storeFormat) throw new Fault('STORE_NEWER', `${path} has format ${format}; this release reads up to ${storeFormat}`)
}

/** Kysely speaks better-sqlite3's dialect; Node's own driver differs in one word. */
function asKyselyDatabase(database: DatabaseSync): SqliteDatabase {
  return {
    prepare(query: string) {
      const statement = database.prepare(query)
      return {
        reader: statement.columns().length > 0,
        all: (parameters: readonly unknown[]) => statement.all(...(parameters as SQLInputValue[])),
        run: (parameters: readonly unknown[]) => statement.run(...(parameters as SQLInputValue[])),
        iterate: (parameters: readonly unknown[]) => statement.iterate(...(parameters as SQLInputValue[]))
      }
    },
    close() { database.close() }
  }
}
