// docs/backup-and-restore.md for PostgreSQL, as it is written: its own commands are run, by a shell, in mid-window. What is
// restored opens paused, under a new incarnation and above every agent's epoch, and nobody is hurt twice.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import { untilEvent } from '../demo/follow-events.ts'
import { opened, quickPolicy, view } from '../fleet/open-window.ts'
import { owed, rebootedBehindTheCopy, settledByHand } from '../fleet/restored-window.ts'
import { severalReady } from '../fleet/several-coordinators.ts'
import { authority, issue } from '../tls/issue-certificates.ts'
import { installedPostgres } from './installed-postgres.ts'
import { startPostgres } from './postgres-server.ts'

const binaries = installedPostgres()
const skip = binaries === null ? 'no pg_dump with its server on this machine: apt-get install postgresql' : false
const document = readFileSync(new URL('../../docs/backup-and-restore.md', import.meta.url), 'utf8')

/** The one line of the document that begins with this program, for a shell. */
function documented(program: string): string {
  const lines = document.split('\n').map((line) => line.trim()).filter((line) => line.startsWith(`${program} `))
  if (lines.length !== 1) throw new Error(`the document has ${lines.length} lines with ${program}`)
  return lines[0] ?? ''
}

/** Types it: with the backup elsewhere, and as a person who has the database's own socket. */
async function type(program: string, folder: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const command = documented(program).replaceAll('/var/backups/', `${folder}/`)
  await promisify(execFile)('sh', ['-euc', command], { timeout: 30_000, env: { PATH: `${binaries ?? ''}:/usr/bin:/bin`, ...environment } })
}

void t.test('over TLS, with a password: what pg_restore makes of a dump is a store like any other, and its numbers go on', { skip }, async (t) => {
  const folder = t.testdir()
  const ca = await authority(folder, 'ca', 'lab')
  await using server = await startPostgres({ binaries: binaries ?? '', tls: await issue(ca, 'coordinator', 'localhost'), hosts: ['hostssl all pitstop 127.0.0.1/32 scram-sha-256'] })
  const local = await server.createDatabase()
  await server.query(local, `alter role pitstop password 'correct horse'`)
  const url = `postgres://pitstop@localhost:${server.port}${new URL(local).pathname}?sslmode=verify-full&sslrootcert=${ca.certificate}`
  const [passwordFile, passfile] = [join(folder, 'password'), join(folder, 'pgpass')]
  writeFileSync(passwordFile, 'correct horse\n', { mode: 0o600 })
  writeFileSync(passfile, `localhost:${server.port}:*:pitstop:correct horse\n`, { mode: 0o600 })
  const event = (reason: string) => ({ type: 'frozen', by: 'ada', reason })
  const store = await openStore(url, 'lab', Date.now, { deadlineMs: 5000, passwordFile })
  t.teardown(() => store.close())
  const lease = await store.takeLease('one', 'a:1', 60_000)
  const written = await store.append(lease?.epoch ?? 0, 's', 1, [event('äöü "quoted" \\ \n'), event('second')])
  const { id } = await store.incarnation()
  t.match(await type('pg_dump', folder, { STORE_URL: url, PGPASSFILE: '/dev/null' }).catch(String), /password/, 'it is told and not asked for: nobody may be there')
  await type('pg_dump', folder, { STORE_URL: url, PGPASSFILE: passfile })
  await store.append(lease?.epoch ?? 0, 's', 2, [event('after the dump')])

  await type('createdb', folder, { PGHOST: server.socketFolder, PGPORT: String(server.port), PGUSER: 'postgres' })
  const restoredUrl = url.replace(/store_\d+/, 'pitstop_restored')
  await type('pg_restore', folder, { RESTORED_URL: restoredUrl, PGPASSFILE: passfile })
  const restored = await openStore(restoredUrl, 'lab', Date.now, { deadlineMs: 5000, passwordFile })
  t.teardown(() => restored.close())
  t.same(await restored.read('s'), written)
  t.equal((await restored.incarnation()).id, id, 'a copy has the id of its original: who remembers more than it knows tells them apart')
  t.match(await restored.takeLease('one', 'b:1', 60_000, { above: 41 }), { epoch: 42 })
  const [next] = await restored.append(42, 's', 3, [event('goes on')])
  t.ok((next?.seq ?? 0) > (written.at(-1)?.seq ?? Infinity), 'no number is given twice')
})

void t.test('a dump from mid-window is put back: paused under a new incarnation, above every agent\'s epoch; no second reboot', { skip }, async (t) => {
  await using all = await severalReady({ coordinators: 1, nodes: 2, policy: { ...quickPolicy, watch: '10s' }, server: { binaries: binaries ?? '' } })
  const { fleet, server, before } = all
  const [first] = fleet.hosts
  if (first === undefined) throw new Error('two hosts')
  const folder = t.testdir()
  await opened(fleet)
  await untilEvent(fleet.socket, ({ type: kind }) => kind === 'window-rolling')
  await type('pg_dump', folder, { STORE_URL: all.store })
  const [was] = await server.query<{ value: string }>(all.store, `select value from meta where key = 'incarnation'`)
  // The same coordinator goes on under the same epoch: no number of a lease tells the copy from its original.
  await rebootedBehindTheCopy(t, fleet, first)

  await type('createdb', folder, { PGHOST: server.socketFolder, PGPORT: String(server.port), PGUSER: 'postgres' })
  const restoredUrl = all.store.replace(/store_\d+$/, 'pitstop_restored')
  await type('pg_restore', folder, { RESTORED_URL: restoredUrl })
  const configuration = readFileSync(fleet.configuration, 'utf8')
  writeFileSync(fleet.configuration, configuration.replace(/store_\d+$/m, 'pitstop_restored'))
  t.not(readFileSync(fleet.configuration, 'utf8'), configuration)

  const seen = all.newestEpoch().epoch
  await fleet.startCoordinator()
  const paused = await view(fleet)
  t.equal(paused.label, 'paused')
  t.match(paused.pause?.reasons, [{ code: 'STORE_RESTORED' }])
  t.match(JSON.stringify(paused.pause?.reasons), /gitaly-01\.demo\.internal has reboot reboot-1-[0-9a-f]+ \((?:running|succeeded)\), of which the restored journal does not know/)
  const status = JSON.parse((await fleet.pitstop(['status', '--json'])).stdout) as { epoch: number }
  t.ok(status.epoch > seen, `epoch ${status.epoch} above the agents' ${seen}`)
  const [is] = await server.query<{ value: string }>(restoredUrl, `select value from meta where key = 'incarnation'`)
  t.not(is?.value, was?.value)

  t.match((await owed(fleet)).filter(({ id }) => id.startsWith('found:weight:')), [{ id: `found:weight:${first.node}` }])
  await settledByHand(t, fleet, before)
})
