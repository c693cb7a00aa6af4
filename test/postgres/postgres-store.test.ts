// What only a database of several coordinators can do to us: two at once, a hung one, a dead one, another one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import { lookAtPostgres } from '@pitstop/coordinator/adapters/store/look-at-store'
import { parsePostgresUrl } from '@pitstop/coordinator/adapters/store/postgres-address'
import { postgresConnections } from '@pitstop/coordinator/adapters/store/postgres-connections'
import type { Store } from '@pitstop/coordinator/ports'
import { type Fault, asFault } from '@pitstop/shared/fault'
import { databaseClock } from './database-clock.ts'
import { type PostgresServer, startPostgres } from './postgres-server.ts'
import { silentNetwork } from './silent-network.ts'

const server: PostgresServer = await startPostgres()
const folder = mkdtempSync(join(tmpdir(), 'pitstop-pg-'))
t.teardown(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})
const event = (reason: string) => ({ type: 'frozen', by: 'ada', reason })
const open = (url: string, fleet = 'lab', deadlineMs = 2000): Promise<Store> => openStore(url, fleet, Date.now, { deadlineMs })
const reasons = async (store: Store, stream = 's'): Promise<string[]> => (await store.read<ReturnType<typeof event>>(stream)).map((each) => each.event.reason)
const faultOf = (work: Promise<unknown>): Promise<Fault> => work.then(() => { throw new Error('it should have failed') }, asFault)

async function client(t: { teardown(end: () => unknown): void }, url: string): Promise<pg.Client> {
  const { pathname } = new URL(url)
  const raw = new pg.Client({ host: server.socketFolder, port: 5432, user: 'pitstop', database: pathname.slice(1) })
  raw.on('error', () => undefined)
  await raw.connect()
  t.teardown(() => raw.end().catch(() => undefined))
  return raw
}

/** Resolves when a backend of this database waits for a lock. */
async function someoneWaits(url: string, on: string): Promise<void> {
  for (const until = Date.now() + 5000; Date.now() < until;) {
    const rows = await server.query(url, `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1`, [`%${on}%`])
    if (rows.length > 0) return
  }
  throw new Error(`nobody waits in ${on}`)
}

/** An append that checks the epoch and locks nothing: what ours would be without its lock. */
async function appendWithoutLock(raw: pg.Client, epoch: number, reason: string): Promise<void> {
  await raw.query('begin')
  const { rows: [lease] } = await raw.query<{ epoch: string }>('select epoch from lease')
  if (Number(lease?.epoch) !== epoch) throw new Error('stale')
  await raw.query(`insert into journal (stream, at, epoch, version, type, body) values ('s', 1, $1, 1, 'frozen', $2)`, [epoch, JSON.stringify(event(reason))])
  await raw.query('commit')
}

void t.test('a take-over between the check and the insert of an append: the lock makes it wait, and it reads everything', async (t) => {
  for (const locked of [false, true]) {
    const url = await server.createDatabase()
    const [first, second, raw, gate] = [await open(url), await open(url), await client(t, url), await client(t, url)]
    t.teardown(async () => { await first.close(); await second.close() })
    await first.takeLease('one', 'a:1', 600)
    // The append has checked its epoch and stands before its insert: the table is locked by the gate.
    await gate.query('begin; lock table journal in exclusive mode')
    const appending = locked ? first.append(1, 's', 1, [event('late')]).then(() => undefined) : appendWithoutLock(raw, 1, 'late')
    await someoneWaits(url, 'insert into %journal')
    await server.query(url, 'select pg_sleep(0.7)')
    const taking = second.takeLease('two', 'b:1', 600)
    if (locked) await someoneWaits(url, 'for update')
    else t.match(await taking, { epoch: 2 }, 'nothing holds it up')
    const read = locked ? taking.then(() => reasons(second)) : reasons(second)
    if (!locked) t.same(await read, [], 'the successor has read the journal')
    await gate.query('commit')
    await appending
    if (locked) {
      t.match(await taking, { epoch: 2 })
      t.same(await read, ['late'], 'what was journaled under the old epoch was there when the new one was taken')
      await t.rejects(first.append(1, 's', 1, [event('later')]), { code: 'STALE_EPOCH' })
    } else t.same(await reasons(second), ['late'], 'without the lock the journal changed behind the successor\'s back')
  }
})

void t.test('a coordinator that is cut off in mid-transaction holds the lease row for half a second, not for ever', async (t) => {
  const url = await server.createDatabase()
  await using network = await silentNetwork(join(server.socketFolder, '.s.PGSQL.5432'))
  const [first, second, gate] = [await open(url.replace(/@.*\//, `@127.0.0.1:${network.port}/`), 'lab', 1500), await open(url), await client(t, url)]
  t.teardown(() => second.close())
  await first.takeLease('one', 'a:1', 300)
  await gate.query('begin; lock table journal in exclusive mode')
  const appending = faultOf(first.append(1, 's', 1, [event('half')]))
  await someoneWaits(url, 'insert into %journal')
  network.silence()
  await gate.query('commit')
  const began = performance.now()
  await server.query(url, 'select pg_sleep(0.3)')
  t.match(await second.takeLease('two', 'b:1', 30_000), { epoch: 2 })
  t.ok(performance.now() - began < 6000, `${Math.round(performance.now() - began)} ms`)
  t.same(await reasons(second), [], 'what was not committed never was')
  await first.close()
  t.equal((await appending).code, 'STORE_UNAVAILABLE')
})

void t.test('a lease that ran out by the database\'s clock renews nothing and journals nothing, though nobody took it', async (t) => {
  const url = await server.createDatabase()
  const store = await open(url)
  t.teardown(() => store.close())
  await store.takeLease('one', 'a:1', 30_000)
  await server.query(url, 'update lease set expires_at = 1')
  await t.rejects(store.append(1, 's', 1, [event('late')]), { code: 'LEASE_LOST' })
  await t.rejects(store.renewLease('one', 1, 30_000), { code: 'LEASE_LOST' })
  t.same(await reasons(store), [])
  t.match(await store.takeLease('one', 'a:1', 30_000), { epoch: 2 })
})

void t.test('the database\'s clock jumps an hour ahead under a holder who lives: whoever takes the lease is alone, also when the clock is set back again', async (t) => {
  const url = await server.createDatabase()
  const clock = await databaseClock(server, url)
  const [first, second] = [await open(url), await open(url)]
  t.teardown(async () => { await first.close(); await second.close() })
  await first.takeLease('one', 'a:1', 30_000)
  await first.append(1, 's', 1, [event('before')])
  t.equal(await second.takeLease('two', 'b:1', 30_000), null)
  await clock.set(3_600_000)
  t.match(await second.readLease(), { holder: 'one', epoch: 1, leftMs: 0 })
  t.match(await faultOf(first.append(1, 's', 1, [event('late')])), { code: 'LEASE_LOST', message: /its lease ran out/ }, 'also while nobody has taken it')
  t.match(await faultOf(first.renewLease('one', 1, 30_000)), { code: 'LEASE_LOST' })
  t.match(await second.takeLease('two', 'b:1', 30_000), { epoch: 2, leftMs: 30_000 })
  for (const aheadMs of [3_600_000, 0, -3_600_000]) {
    await clock.set(aheadMs)
    t.match(await faultOf(first.append(1, 's', 1, [event('later')])), { code: 'STALE_EPOCH' })
    t.equal(await first.renewLease('one', 1, 30_000), false)
    t.equal(await second.renewLease('two', 2, 30_000), true)
    await second.append(2, 's', 1, [event(String(aheadMs))])
  }
  t.same(await reasons(first), ['before', '3600000', '0', '-3600000'])
})

void t.test('an older release that takes the lease does not say for how long: its row is not called abandoned by its predecessor\'s time', async (t) => {
  const url = await server.createDatabase()
  const store = await open(url)
  t.teardown(() => store.close())
  await store.takeLease('one', 'a:1', 2000)
  t.equal((await store.readLease())?.ttlMs, 2000)
  await server.query(url, `update lease set epoch = epoch + 1, holder = 'older', expires_at = expires_at + 60000`)
  const row = await store.readLease()
  t.match(row, { holder: 'older', epoch: 2 })
  t.equal(row?.ttlMs, undefined)
})

void t.test('many at once: each epoch is given once', async (t) => {
  const url = await server.createDatabase()
  const stores = await Promise.all(Array.from({ length: 4 }, () => open(url)))
  t.teardown(() => Promise.all(stores.map((store) => store.close())))
  t.equal((await server.query(url, 'select 1 from meta where key = $1', ['incarnation'])).length, 1, 'opened by four at once, migrated once')
  const rows = await Promise.all(stores.flatMap((store, index) => [store.takeLease(`holder-${index}`, 'a:1', 30_000), store.takeLease(`holder-${index}`, 'a:1', 30_000)]))
  const taken = rows.filter((row) => row !== null)
  t.equal(new Set(taken.map(({ epoch }) => epoch)).size, taken.length)
  t.equal(new Set(taken.map(({ holder }) => holder)).size, 1, 'and to one holder')
})

void t.test('a network that goes silent: every call ends at its deadline, and works again when it is back', async (t) => {
  const url = await server.createDatabase()
  await using network = await silentNetwork(join(server.socketFolder, '.s.PGSQL.5432'))
  const store = await open(url.replace(/@.*\//, `@127.0.0.1:${network.port}/`), 'lab', 500)
  t.teardown(() => store.close())
  await store.takeLease('one', 'a:1', 60_000)
  network.silence()
  const began = performance.now()
  const faults = await Promise.all([faultOf(store.renewLease('one', 1, 60_000)), faultOf(store.append(1, 's', 1, [event('lost')])), faultOf(store.read('s'))])
  t.same(faults.map(({ code }) => code), ['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'])
  t.ok(performance.now() - began < 6000, `${Math.round(performance.now() - began)} ms`)
  network.heal()
  t.equal(await store.renewLease('one', 1, 60_000), true, 'no dead connection is used again')
  await store.append(1, 's', 1, [event('back')])
  t.same(await reasons(store), ['back'])
  // Silent at every point of a new connection's first words: greeting, settings, where it leads to.
  for (let bytes = 0; bytes < 1600; bytes += 100) {
    network.silenceAfter(bytes)
    const stuck = performance.now()
    const fresh = openStore(url.replace(/@.*\//, `@127.0.0.1:${network.port}/`), 'lab', Date.now, { deadlineMs: 120 })
    const answer = await fresh.then(async (each) => { await each.readLease().catch(() => undefined); return each })
    await answer.close()
    t.ok(performance.now() - stuck < 6000, `silent after ${bytes} bytes: ${Math.round(performance.now() - stuck)} ms`)
    network.heal()
  }
  network.silence()
  const closing = performance.now()
  await store.close()
  t.ok(performance.now() - closing < 2000, 'a goodbye that nobody hears does not hold us')
})

void t.test('the server crashes, is away, comes back: faults in between, nothing worse; also when it is away at the start', async (t) => {
  const url = await server.createDatabase()
  const store = await open(url)
  await store.takeLease('one', 'a:1', 60_000)
  await store.append(1, 's', 1, [event('before')])
  await server.stop('immediate')
  const away = await faultOf(store.renewLease('one', 1, 60_000))
  t.equal(away.code, 'STORE_UNAVAILABLE')
  const late = await open(url)
  t.teardown(async () => { await store.close(); await late.close() })
  t.equal((await faultOf(late.readLease())).code, 'STORE_UNAVAILABLE')
  await server.start()
  t.equal(await store.renewLease('one', 1, 60_000), true, 'the lease is ours still')
  await store.append(1, 's', 1, [event('after')])
  t.same(await reasons(late), ['before', 'after'])
})

void t.test('a fail-over: a standby is refused by name, a promoted one is known as another; what was held of the old one is not held of it', async (t) => {
  const url = await server.createDatabase()
  const store = await open(url)
  t.teardown(() => store.close())
  await store.takeLease('one', 'a:1', 60_000)
  const { id } = await store.incarnation()
  await store.reincarnate(1, id)
  await server.demote()
  const fault = await faultOf(store.append(1, 's', 1, [event('to a standby')]))
  t.match(fault, { code: 'STORE_UNAVAILABLE', message: /read-only standby/, hint: /primary/ })
  await server.promote()
  t.match(await faultOf(store.append(1, 's', 1, [event('to another history')])), { code: 'LEASE_LOST', message: /failed over or restored/ })
  t.match(await faultOf(store.renewLease('one', 1, 60_000)), { code: 'LEASE_LOST' })
  t.match(await store.incarnation(), { id, moved: /cluster\/timeline .*\/00000001 and is on .*\/00000002/ })
  t.match(await store.takeLease('one', 'a:1', 60_000), { epoch: 2 })
  await store.reincarnate(2)
  t.match(await store.incarnation(), { moved: null, placed: true })
  await store.append(2, 's', 1, [event('on')])
  t.same(await reasons(store), ['on'])
})

void t.test('whatever the database\'s defaults are: commits are durable, locks show the present', async (t) => {
  const url = await server.createDatabase()
  const name = new URL(url).pathname.slice(1)
  const address = parsePostgresUrl(url)
  if ('problem' in address) throw new Error(address.problem)
  for (const setting of ['synchronous_commit = off', 'default_transaction_isolation = serializable']) await server.query(url, `alter database ${name} set ${setting}`)
  const [first, second] = [await open(url), await open(url)]
  t.teardown(async () => { await first.close(); await second.close() })
  await first.takeLease('one', 'a:1', 60_000)
  const pool = postgresConnections({ address, deadlineMs: 2000 })
  const session = await pool.connect()
  t.match((await session.query<{ commit: string }>(`select current_setting('synchronous_commit') as commit`, [])).rows, [{ commit: 'on' }])
  session.release()
  await pool.end()
  // A renewal changes the row that an append waits for.
  await Promise.all(Array.from({ length: 40 }, (_, index) => index % 2 === 0 ? first.append(1, 's', index, [event(String(index))]) : second.renewLease('one', 1, 60_000)))
  t.equal((await reasons(first)).length, 20, 'no serialization failure under contention')
})

void t.test('a connection that dies while it is ours and idle ends nothing but itself', async (t) => {
  const address = parsePostgresUrl(await server.createDatabase())
  if ('problem' in address) throw new Error(address.problem)
  const pool = postgresConnections({ address, deadlineMs: 2000 })
  const held = await pool.connect()
  const { rows: [row] } = await held.query<{ pid: number, commit: string }>('select pg_backend_pid() as pid, current_setting(\'synchronous_commit\') as commit', [])
  await server.query('postgres://x@x/postgres', 'select pg_terminate_backend($1)', [row?.pid])
  await new Promise((resolve) => { setTimeout(resolve, 100) })
  await t.rejects(held.query('select 1', []))
  held.release(true)
  const next = await pool.connect()
  t.match((await next.query<{ one: number }>('select 1 as one', [])).rows, [{ one: 1 }])
  next.release()
  await pool.end()
})

void t.test('a database that is not ours, of another fleet or of a newer release is refused, and nothing is changed', async (t) => {
  const foreign = await server.createDatabase()
  await server.query(foreign, 'create table public.accounts (id integer)')
  t.match(await faultOf(open(foreign)), { code: 'STORE_CORRUPT', message: /something else \(accounts\)/ })
  const ours = await server.createDatabase()
  await (await open(ours)).close()
  t.match(await faultOf(open(ours, 'other')), { code: 'STORE_CORRUPT', message: /store of fleet lab, not of other/ })
  await server.query(ours, `update meta set value = '99' where key = 'format'`)
  t.match(await faultOf(open(ours)), { code: 'STORE_NEWER', message: /format 99/ })
})

void t.test('a server that does not tell where it lives is told of once: a fail-over would not be seen by it', async (t) => {
  const url = await server.createDatabase()
  const told: string[] = []
  const warned = async (): Promise<Store> => openStore(url, 'lab', Date.now, { deadlineMs: 2000, warn: ({ text, hint }) => { told.push(`${text}; ${hint}`) } })
  const telling = await warned()
  t.same(told, [])
  await telling.close()
  await server.query(url, 'revoke execute on function pg_control_system() from public')
  const store = await warned()
  t.teardown(() => store.close())
  await store.takeLease('one', 'a:1', 60_000)
  t.match(await store.incarnation(), { moved: null, placed: true })
  t.match(told, [/does not tell its cluster and timeline.*GRANT EXECUTE ON FUNCTION pg_control_system\(\).* TO "pitstop"/])
  t.equal(told.length, 1)
  t.match((await lookAtPostgres(url, 'lab', { deadlineMs: 2000 })).warnings, [{ text: /does not tell its cluster/ }])
  await server.query(url, 'grant execute on function pg_control_system(), pg_current_wal_lsn(), pg_walfile_name(pg_lsn) to "pitstop"')
  t.same((await lookAtPostgres(url, 'lab', { deadlineMs: 2000 })).warnings, [], 'what the hint says helps')
  // Whoever runs meanwhile notices by its next look, and no fail-over is made of it.
  let fault: Fault | null = null
  for (let tries = 0; fault === null && tries < 50; tries++) {
    fault = await store.renewLease('one', 1, 60_000).then(() => null, asFault)
    await pause(50)
  }
  t.match(fault, { code: /^LEASE_LOST$|^STORE_UNAVAILABLE$/, message: /tells its cluster and timeline/ })
  t.match(await faultOf(store.renewLease('one', 1, 60_000)), { code: 'LEASE_LOST', message: /^the database server tells its cluster and timeline \(.+\) and did not when the lease was taken: it is taken anew$/ })
  t.match(await store.incarnation(), { moved: null, placed: false })
  t.match(await store.takeLease('one', 'a:1', 60_000), { epoch: 2 })
  t.ok(await store.renewLease('one', 2, 60_000))
})

void t.test('a look at a database says what a start would find, and makes nothing', async (t) => {
  const url = await server.createDatabase()
  const look = (fleet = 'lab', at = url) => lookAtPostgres(at, fleet, { deadlineMs: 2000 })
  t.match(await look(), { text: /^PostgreSQL \d+.* at postgres:\/\/pitstop@.*: it holds no store yet; the first start makes it$/, warnings: [] })
  t.same(await server.query(url, `select 1 from pg_tables where schemaname = 'public'`), [])
  await (await open(url)).close()
  t.match((await look()).text, /it holds the store of fleet lab, format \d+$/)
  t.match(await faultOf(look('other')), { code: 'STORE_CORRUPT', message: /store of fleet lab, not of other/ })
  t.match(await faultOf(look('lab', url.replace(/@.*\//, '@127.0.0.1:1/'))), { code: 'STORE_UNAVAILABLE', message: /ECONNREFUSED/ })
  await server.query(url, `update meta set value = '99' where key = 'format'`)
  t.match(await faultOf(look()), { code: 'STORE_NEWER' })
})

void t.test('a first start that is killed at any query leaves a database that the next start makes whole', async (t) => {
  const { prototype } = pg.Client
  const query = Object.getOwnPropertyDescriptor(prototype, 'query')?.value as (...args: unknown[]) => unknown
  t.teardown(() => { prototype.query = query as typeof prototype.query })
  let killed = 0
  for (let at = 8, whole = false; !whole && at < 200; at += 3) {
    const url = await server.createDatabase()
    let left = at
    // What a killed process leaves: its connection ends, and nothing more is said.
    prototype.query = function (this: pg.Client, ...args: unknown[]) {
      if (left-- > 0) return query.apply(this, args)
      ;(this as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
      return Promise.reject(new Error('killed'))
    } as typeof prototype.query
    whole = await open(url).then(async (store) => { await store.close(); return left >= 0 }, () => false)
    prototype.query = query as typeof prototype.query
    if (!whole) killed++
    const store = await open(url)
    t.equal(await store.readLease(), null, `killed at query ${at}, started again`)
    await store.close()
  }
  t.ok(killed > 5, `${killed} places`)
})

void t.test('a wrong password, user or database is told plainly, with what to do, and never with the password', async (t) => {
  const url = await server.createDatabase()
  t.match(await faultOf(open(`${url}_missing`)), { code: 'STORE_UNAVAILABLE', hint: /createdb/ })
  const nobody = await faultOf(open(url.replace('pitstop@', 'eve@')))
  t.match(nobody, { code: 'STORE_UNAVAILABLE', message: /role "eve" does not exist/, hint: /pg_hba/ })
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, 'correct horse\n')
  // The tests' server trusts everybody, so that a password that is read is never asked for: what counts is that it may be there.
  const store = await openStore(url, 'lab', Date.now, { deadlineMs: 2000, passwordFile })
  await store.close()
  const missing = await faultOf(openStore(url.replace(/@.*\//, '@127.0.0.1:1/'), 'lab', Date.now, { deadlineMs: 500, passwordFile }).then(async (each) => {
    try { return await each.readLease() } finally { await each.close() }
  }))
  t.match(missing, { code: 'STORE_UNAVAILABLE', message: /ECONNREFUSED 127\.0\.0\.1:1/ })
  t.notMatch(`${missing.message} ${missing.hint}`, /horse/)
})
