// Connections to PostgreSQL. Every use of one has a deadline, after which it is thrown away: a hung database or a dead
// network holds nobody. The server gets limits too, so that a coordinator that is paused in mid-transaction holds no lock.
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { Fault } from '@pitstop/shared/fault'
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import pg from 'pg'
import type { PostgresAddress, PostgresTls } from './postgres-address.ts'

export interface ConnectionSettings {
  readonly address: PostgresAddress
  /** Read at each connection, so that it can be changed under a running coordinator. Without it: PGPASSFILE, ~/.pgpass. */
  readonly passwordFile?: string | undefined
  /** Ms from asking for a connection until it must be given back. */
  readonly deadlineMs: number
  /** Where a new connection has led: the database server, its history. Refuses by throwing. */
  readonly admit: (origin: string) => void
}

/** Journal, lease and readers beside one another; more would only wait for the lease row. */
const connections = 4
/** A transaction is a few statements without a pause; whoever pauses for so long in it is stopped or cut off. */
const pauseMs = 500

export function postgresConnections(settings: ConnectionSettings): PostgresPool {
  const { address, deadlineMs, admit } = settings
  const clients = new Set<pg.Client>()
  // bigint holds instants, epochs and sequence numbers: all of them exact in a number.
  const types = new pg.TypeOverrides()
  types.setTypeParser(pg.types.builtins.INT8, Number)
  const pool = new pg.Pool({
    host: address.host, port: address.port, user: address.user, database: address.database, max: connections, connectionTimeoutMillis: deadlineMs,
    keepAlive: true, keepAliveInitialDelayMillis: 10_000, application_name: 'pitstop', ssl: address.tls === null ? false : tlsOptions(address.tls, address.host),
    ...settings.passwordFile === undefined ? {} : { password: passwordOf(settings.passwordFile) },
    types,
    // Awaited by the pool, whatever its types say: a connection that is not admitted is not handed out.
    onConnect: (client) => welcome(client) as unknown as undefined
  })
  async function welcome(client: pg.ClientBase): Promise<void> {
    clients.add(client as pg.Client)
    client.once('end', () => { clients.delete(client as pg.Client) })
    // Without a listener a broken connection would end the process; its next use fails, and that is told.
    client.on('error', () => undefined)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => { timer = setTimeout(() => { reject(new Error(`no answer within ${deadlineMs} ms`)) }, deadlineMs) })
    try {
      admit(await Promise.race([prepare(client, deadlineMs), late]))
    } finally {
      clearTimeout(timer)
    }
  }
  pool.on('error', () => undefined)
  return {
    options: {},
    connect: async () => withDeadline(await pool.connect(), deadlineMs),
    async end() {
      // A goodbye may go unanswered.
      const force = setTimeout(() => { for (const client of clients) (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy() }, deadlineMs)
      await pool.end()
      clearTimeout(force)
    }
  }
}

function withDeadline(client: pg.PoolClient, deadlineMs: number): PostgresPoolClient {
  let over: Error | null = null
  let giveUp: (why: Error) => void = () => undefined
  const givenUp = new Promise<never>((_, reject) => { giveUp = reject })
  givenUp.catch(() => undefined)
  const timer = setTimeout(() => {
    over = new Error(`no answer within ${deadlineMs} ms`)
    client.release(over)
    giveUp(over)
  }, deadlineMs)
  const query = async (text: string, parameters: readonly unknown[]): Promise<unknown> => {
    if (over !== null) throw over
    return await Promise.race([client.query(text, [...parameters]), givenUp])
  }
  return {
    query: query as PostgresPoolClient['query'],
    release(destroy) {
      clearTimeout(timer)
      if (over === null) client.release(destroy)
    }
  }
}

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
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new Fault('STORE_UNAVAILABLE', `the password file ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`, { hint: 'check store-password-file' })
  }
}

function tlsOptions({ mode, authority, certificate, key }: PostgresTls, host: string): ConnectionOptions {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw new Fault('INVALID_CONFIGURATION', `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`, { hint: 'check sslrootcert, sslcert and sslkey in store' })
    }
  }
  return {
    rejectUnauthorized: mode !== 'require',
    // The name is compared by verify-full alone; that is what the other modes leave out.
    ...mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined },
    ...isIP(host) === 0 ? { servername: host } : {},
    ...authority === undefined ? {} : { ca: read(authority) }, ...certificate === undefined ? {} : { cert: read(certificate) }, ...key === undefined ? {} : { key: read(key) }
  }
}
