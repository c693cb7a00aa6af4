// Connections to PostgreSQL. Every use of one has a deadline, after which it is thrown away: a hung database or a dead
// network holds nobody. The server gets limits too, so that a coordinator that is paused in mid-transaction holds no lock.
// All of them lead to one server, the one that the newest was led to (postgres-origin.ts).
import { readFileSync } from 'node:fs'
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { unreadable } from '../file-fault.ts'
import type { PostgresAddress } from './postgres-address.ts'
import { type Lead, PresentOrigin } from './postgres-origin.ts'
import { tlsOptions } from './postgres-tls.ts'

export interface ConnectionSettings {
  readonly address: PostgresAddress
  /** Read at each connection, so that it can be changed under a running coordinator. Without it: PGPASSFILE, ~/.pgpass. */
  readonly passwordFile?: string | undefined
  /** Ms from asking for a connection until it must be given back. */
  readonly deadlineMs: number
  /** The address leads to another server than before; whatever ran on connections to the former one has failed. */
  readonly moved?: () => void
}

export interface PostgresConnections extends PostgresPool {
  /** Cluster and timeline that all connections lead to; empty = none yet, or the server does not tell. */
  readonly origin: () => string
  /** Connects anew, so that an address that moved is noticed though the former server lives on. @throws what connecting throws */
  look(): Promise<void>
}

type Connected = Parameters<pg.Client['connect']>[0]

/** Journal, lease and readers beside one another; more would only wait for the lease row. A look takes one more for a moment. */
const connections = 4
/** A transaction is a few statements without a pause; whoever pauses for so long in it is stopped or cut off. */
const pauseMs = 500

export function postgresConnections(settings: ConnectionSettings): PostgresConnections {
  const { address, deadlineMs } = settings
  const present = new PresentOrigin(settings.moved)
  const clients = new Set<LedClient>()
  // bigint holds instants, epochs and sequence numbers: all of them exact in a number.
  const types = new pg.TypeOverrides()
  types.setTypeParser(pg.types.builtins.INT8, Number)
  const options: pg.ClientConfig = {
    host: address.host, port: address.port, user: address.user, database: address.database, connectionTimeoutMillis: deadlineMs,
    keepAlive: true, keepAliveInitialDelayMillis: 10_000, application_name: 'pitstop', ssl: address.tls === null ? false : tlsOptions(address.tls),
    ...settings.passwordFile === undefined ? {} : { password: passwordOf(settings.passwordFile) },
    types
  }
  /** Knows its place among the connections from before it is made. */
  class LedClient extends pg.Client {
    /** Told to whoever has it at present. */
    onCut: (why: Error) => void = () => undefined
    readonly lead: Lead = present.begin((why) => {
      this.onCut(why)
      this.cut()
    })

    override connect(): Promise<this>
    override connect(callback: Connected): void
    /** What failed by itself, as for want of a password, the server would keep open for a minute, and a process with it. */
    override connect(callback?: Connected): Promise<this> | undefined {
      const made = super.connect().then(() => this, (error: unknown) => {
        this.cut()
        throw error
      })
      if (callback === undefined) return made
      const told = callback as (error: unknown) => void
      made.then(() => { told(null) }, told)
      return undefined
    }

    /** Without a goodbye, which may go unanswered. */
    cut(): void { (this as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy() }
  }
  // Awaited by the pool, whatever its types say: a connection that is not admitted is not handed out.
  const pool = new pg.Pool({ ...options, max: connections, Client: LedClient, onConnect: (client) => welcome(client as LedClient) as unknown as undefined })

  async function welcome(client: LedClient): Promise<void> {
    clients.add(client)
    client.once('end', () => {
      clients.delete(client)
      present.forget(client.lead)
    })
    // Without a listener a broken connection would end the process; its next use fails, and that is told.
    client.on('error', () => undefined)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => { timer = setTimeout(() => { reject(noAnswer(deadlineMs)) }, deadlineMs) })
    try {
      present.admit(client.lead, await Promise.race([prepare(client, deadlineMs), late]))
    } finally {
      clearTimeout(timer)
    }
  }

  function withDeadline(client: pg.PoolClient & LedClient): PostgresPoolClient {
    let over: Error | null = null
    let fail: (why: Error) => void = () => undefined
    const givenUp = new Promise<never>((_, reject) => { fail = reject })
    givenUp.catch(() => undefined)
    const giveUp = (why: Error): void => {
      if (over !== null) return
      over = why
      client.release(why)
      fail(why)
    }
    client.onCut = giveUp
    const timer = setTimeout(() => { giveUp(noAnswer(deadlineMs)) }, deadlineMs)
    const query = async (text: string, parameters: readonly unknown[]): Promise<unknown> => {
      if (over !== null) throw over
      return await Promise.race([client.query(text, [...parameters]), givenUp])
    }
    return {
      query: query as PostgresPoolClient['query'],
      release(destroy) {
        clearTimeout(timer)
        client.onCut = () => undefined
        if (over === null) client.release(destroy)
      }
    }
  }

  pool.on('error', () => undefined)
  return {
    options: {},
    origin: () => present.origin,
    async connect() {
      for (;;) {
        const client = await pool.connect() as pg.PoolClient & LedClient
        if (present.has(client.lead)) return withDeadline(client)
        // It was cut off while it was idle, and the pool has not heard of its end yet. Each is met once.
        client.release(true)
      }
    },
    async look() {
      const client = new LedClient(options)
      const force = setTimeout(() => { client.cut() }, deadlineMs)
      try {
        await client.connect()
        await welcome(client)
      } finally {
        // Nobody waits for its goodbye.
        client.end().catch(() => undefined).finally(() => { clearTimeout(force) })
      }
    },
    async end() {
      // A goodbye may go unanswered.
      const force = setTimeout(() => { for (const client of clients) client.cut() }, deadlineMs)
      await pool.end()
      clearTimeout(force)
    }
  }
}

const noAnswer = (deadlineMs: number): Error => new Error(`no answer within ${deadlineMs} ms`)

/**
 * A session as ours must be, whatever the database's defaults are: with limits; a lock that was waited for shows the row as it
 * is now; and a commit that need not be on disk is none.
 */
async function prepare(client: pg.ClientBase, deadlineMs: number): Promise<string> {
  const settings: Record<string, string> = { statement_timeout: String(deadlineMs), lock_timeout: String(deadlineMs), idle_in_transaction_session_timeout: String(pauseMs), default_transaction_isolation: 'read committed' }
  const { rows: [state] } = await client.query<{ standby: boolean, commit: string }>(`select pg_is_in_recovery() as standby, current_setting('synchronous_commit') as commit`)
  if (state?.standby !== false) throw new Fault('STORE_UNAVAILABLE', 'this PostgreSQL server is a read-only standby', { hint: 'name the primary in store, or an address that follows it' })
  if (state.commit === 'off' || state.commit === 'local') settings['synchronous_commit'] = 'on'
  for (const [name, value] of Object.entries(settings)) await client.query('select set_config($1, $2, false)', [name, value])
  return await originOf(client)
}

/** Without it a fail-over to a server that lacks what was journaled looks like the same database. @param user the database's user. */
export const untoldOrigin = (user: string): Reason => reason('STORE_RESTORED',
  'the database server does not tell its cluster and timeline: whether it was failed over or restored is seen by this machine\'s memory and by the agents alone',
  `as its superuser, in this database: GRANT EXECUTE ON FUNCTION pg_control_system(), pg_current_wal_lsn(), pg_walfile_name(pg_lsn) TO "${user}"; a coordinator that runs takes its lease anew once; where that cannot be, stop every coordinator before a planned fail-over`)

/** Cluster and timeline: a promoted standby has another timeline, a dump that was read in another cluster. Empty = this server does not tell. */
async function originOf(client: pg.ClientBase): Promise<string> {
  try {
    const { rows: [row] } = await client.query<{ origin: string }>(`select system_identifier::text || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as origin from pg_control_system()`)
    return row?.origin ?? ''
  } catch (error) {
    if (error instanceof pg.DatabaseError && (error.code === '42501' || error.code === '42883' || error.code === '0A000')) return ''
    throw error
  }
}

const passwordOf = (file: string) => async (): Promise<string> => {
  let password: string
  try {
    // A line's end is no part of it; blanks may be.
    password = readFileSync(file, 'utf8').replace(/[\r\n]+$/, '')
  } catch (error) {
    throw unreadable(file, error, { code: 'STORE_UNAVAILABLE', hint: 'check store-password-file' })
  }
  if (password === '') throw new Fault('STORE_UNAVAILABLE', `the password file ${file} is empty`, { hint: `write the database user's password into ${file}` })
  return password
}
