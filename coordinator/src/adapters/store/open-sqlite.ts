// The SQLite file, held by one process for as long as it lives: nobody else can be alive on it, so the lease of a dead
// predecessor may be taken at once.
import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Fault } from '@pitstop/shared/fault'
import { formatInstant } from '@pitstop/shared/instant'
import { Kysely, SqliteAdapter, type SqliteDatabase, SqliteDialect, sql } from 'kysely'
import type { Store } from '../../ports.ts'
import { migrate } from './migrations.ts'
import type { Schema } from './schema.ts'
import { sqlStore } from './sql-store.ts'
import { storeFault } from './store-fault.ts'
import { preparePlace } from './store-place.ts'

export async function openSqlite(path: string, fleet: string, now: () => number): Promise<Store> {
  const database = openExclusively(path)
  try {
    const db = new Kysely<Schema>({ dialect: new WholeOrNothing({ database: asKyselyDatabase(database) }) })
    await migrate(db, 'sqlite', fleet, path)
    const store = sqlStore({ db, fleet, now: () => sql<number>`${now()}`, shared: false, origin: () => '', prepared: () => Promise.resolve() })
    return { ...store, backup: () => copyOf(database, path) }
  } catch (error) {
    if (database.isOpen) database.close()
    throw storeFault(`prepare the store ${path}`, error)
  }
}

/** SQLite can undo changes of the schema too, and Kysely does not use it: a process killed in mid-migration would leave half a store. */
class WholeOrNothing extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new class extends SqliteAdapter {
      override get supportsTransactionalDdl(): boolean { return true }
    }()
  }
}

/** The kernel drops the lock when the process ends, however it ends: no stale lock, no waiting after a crash. */
function openExclusively(path: string): DatabaseSync {
  const holder = `${path}.holder`
  let database: DatabaseSync | undefined
  try {
    if (path !== ':memory:') preparePlace(path)
    database = new DatabaseSync(path)
    // Before anything else is made beside it: SQLite gives its other files the mode of the first.
    if (path !== ':memory:') chmodSync(path, 0o600)
    database.exec('pragma locking_mode = exclusive; pragma busy_timeout = 0; pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; begin immediate; commit')
    if (path !== ':memory:') writeFileSync(holder, `process ${process.pid} since ${formatInstant(Date.now())}\n`, { mode: 0o640 })
    return database
  } catch (error) {
    if (database?.isOpen === true) database.close()
    const text = error instanceof Error ? error.message : String(error)
    if (/locked|busy/i.test(text)) {
      const who = existsSync(holder) ? readFileSync(holder, 'utf8').trim() : 'a process that left no name'
      throw new Fault('STORE_BUSY', `${path} is in use by ${who}`, { cause: error, hint: 'use that coordinator, or stop it first; one process has one store' })
    }
    throw storeFault(`open the store ${path}`, error)
  }
}

/** By the connection that holds the file: nobody else could read it. SQLite makes the copy of one moment. */
async function copyOf(database: DatabaseSync, path: string): Promise<Uint8Array> {
  const copy = `${path}.${randomUUID()}.backup`
  try {
    database.prepare('vacuum into ?').run(copy)
    return await readFile(copy)
  } catch (error) {
    throw storeFault('copy the store', error)
  } finally {
    rmSync(copy, { force: true })
  }
}

/** More different texts than pitstop has; a journaling of many events at once makes one of its own. */
const mostKept = 200

/** Kysely speaks better-sqlite3's dialect; Node's own driver differs in one word. A text is prepared once: that costs about as much as to carry it out. */
function asKyselyDatabase(database: DatabaseSync): SqliteDatabase {
  const kept = new Map<string, ReturnType<SqliteDatabase['prepare']>>()
  return {
    prepare(query: string) {
      const known = kept.get(query)
      if (known !== undefined) return known
      const made = prepared(database, query)
      if (kept.size >= mostKept) kept.clear()
      kept.set(query, made)
      return made
    },
    close() { database.close() }
  }
}

function prepared(database: DatabaseSync, query: string): ReturnType<SqliteDatabase['prepare']> {
  const statement = database.prepare(query)
  return {
    reader: statement.columns().length > 0,
    all: (parameters: readonly unknown[]) => statement.all(...(parameters as SQLInputValue[])),
    // A full disk makes SQLite undo the transaction by itself; a failing second undoing would hide why.
    run: (parameters: readonly unknown[]) => query === 'rollback' && !database.isTransaction ? { changes: 0, lastInsertRowid: 0 } : statement.run(...(parameters as SQLInputValue[])),
    iterate: (parameters: readonly unknown[]) => statement.iterate(...(parameters as SQLInputValue[]))
  }
}
