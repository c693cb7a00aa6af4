// One contract, every store: the suite runs against the SQLite file and against the simulator's memory.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import { sealPlan } from '@pitstop/coordinator/domain/plan'
import type { Store } from '@pitstop/coordinator/ports'
import { MemoryStore } from '../world/memory-store.ts'
import { standardPolicy } from '../world/world.ts'
import { type PostgresServer, startPostgres } from '../postgres/postgres-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'pitstop-store-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
let files = 0
const newPath = (): string => join(folder, `${++files}.db`)
const event = (reason: string) => ({ type: 'frozen', by: 'ada', reason })
const plan = sealPlan({ version: 1, fleet: 'lab', createdAt: 5, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 9, nodes: [], excluded: [], policy: standardPolicy, estimateMs: 1 })

interface Kind {
  readonly store: Store
  /** What the database's clock would do: the lease ends now. */
  readonly lapse: () => Promise<void>
}
let postgres: PostgresServer | undefined
t.teardown(async () => { await postgres?.close() })

const kinds: [string, () => Promise<Kind>][] = [
  ['SQLite', async () => {
    let now = 1000
    return { store: await openStore(newPath(), 'lab', () => now), lapse: async () => { now += 60_000 } }
  }],
  ['PostgreSQL', async () => {
    postgres ??= await startPostgres()
    const url = await postgres.createDatabase()
    const server = postgres
    return { store: await openStore(url, 'lab', Date.now, { deadlineMs: 5000 }), lapse: async () => { await server.query(url, 'update lease set expires_at = 1') } }
  }],
  ['memory', async () => {
    let now = 1000
    return { store: new MemoryStore('lab', () => now), lapse: async () => { now += 60_000 } }
  }]
]
for (const [kind, make] of kinds) {
  void t.test(`${kind}: a lease says how long its holder takes it for; one that was abandoned is taken though it has not ended, and only if nothing has changed it`, async (t) => {
    const { store } = await make()
    t.teardown(() => store.close())
    t.match(await store.takeLease('one', 'a:1', 30_000), { ttlMs: 30_000 })
    const seen = await store.readLease()
    t.match(seen, { ttlMs: 30_000 })
    if (seen === null) return
    if (store.shared) {
      t.equal(await store.takeLease('two', 'b:1', 20_000, { judged: 1 }), null)
      for (const other of [{ epoch: 2 }, { holder: 'three' }, { expiresAt: seen.expiresAt + 1 }]) t.equal(await store.takeLease('two', 'b:1', 20_000, { abandoned: { ...seen, ...other } }), null, 'another row than the one that was watched')
    }
    t.match(await store.takeLease('two', 'b:1', 20_000, { abandoned: seen }), { epoch: 2, holder: 'two', ttlMs: 20_000 })
    t.match(await store.readLease(), { epoch: 2, ttlMs: 20_000 })
    t.notOk(await store.renewLease('one', 1, 30_000))
    t.equal(store.shared ? await store.takeLease('three', 'c:1', 20_000, { abandoned: seen }) : null, null)
  })

  void t.test(`${kind}: whose break-glass file is written is said of one epoch, and forgotten with it`, async (t) => {
    const { store, lapse } = await make()
    t.teardown(() => store.close())
    await store.takeLease('one', 'a:1', 30_000)
    t.equal((await store.readLease())?.filed, undefined)
    await store.noteFiled(2)
    t.equal((await store.readLease())?.filed, undefined, 'another epoch\'s')
    for (const time of ['once', 'twice']) {
      await store.noteFiled(1)
      t.match(await store.readLease(), { epoch: 1, ttlMs: 30_000, filed: true }, time)
    }
    t.ok(await store.renewLease('one', 1, 30_000))
    t.equal((await store.readLease())?.filed, true)
    await lapse()
    t.equal((await store.takeLease('one', 'a:1', 20_000))?.filed, undefined)
    await store.noteFiled(1)
    const taken = await store.readLease()
    t.same([taken?.epoch, taken?.ttlMs, taken?.filed], [2, 20_000, undefined])
  })

  void t.test(`${kind}: no epoch is taken that agents would not be believed with`, async (t) => {
    const { store } = await make()
    t.teardown(() => store.close())
    await t.rejects(store.takeLease('one', 'a:1', 30_000, { above: 8_000_000_000_000_000 }), { code: 'STORE_CORRUPT', message: /no epoch above 8000000000000000 can be written/ })
    t.equal(await store.readLease(), null)
  })

  void t.test(`${kind}: the lease's epoch grows at each taking; an old epoch renews and journals nothing`, async (t) => {
    const { store, lapse } = await make()
    t.teardown(() => store.close())
    t.equal(await store.readLease(), null, 'nobody has ever held it')
    const first = await store.takeLease('one', 'a:1', 30_000, { api: 'https://a:2' })
    t.match(first, { epoch: 1, holder: 'one', address: 'a:1', api: 'https://a:2' })
    t.ok(await store.renewLease('one', 1, 30_000))
    const left = (await store.readLease())?.leftMs ?? 0
    t.ok(left > 20_000 && left <= 30_000, `${left} ms left by the store's own clock`)
    await lapse()
    t.equal((await store.readLease())?.leftMs, 0)
    t.match(await store.takeLease('two', 'b:1', 30_000), { epoch: 2, holder: 'two', api: '' })
    t.notOk(await store.renewLease('one', 1, 100), 'the first is overtaken')
    await t.rejects(store.append(1, 's', 5, [event('late')]), { code: 'STALE_EPOCH' })
    t.same(await store.read('s'), [])
    t.match(await store.append(2, 's', 6, [event('a'), event('b')]), [{ epoch: 2 }, { epoch: 2 }])
    await store.releaseLease('two', 2)
    t.match(await store.takeLease('three', 'c:1', 30_000), { epoch: 3 })
    t.match(await store.takeLease('three', 'c:1', 30_000, { above: 40 }), { epoch: 41 }, 'above every epoch that an agent has seen')
    t.match(await store.readLease(), { holder: 'three', address: 'c:1', epoch: 41 })
  })

  void t.test(`${kind}: events come back in order, by stream, after a seq; an append is all or nothing`, async (t) => {
    const { store } = await make()
    t.teardown(() => store.close())
    await store.takeLease('one', 'a:1', 30_000)
    const appended = await store.append(1, 'x', 5, [event('1'), event('2')])
    await store.append(1, 'y', 6, [event('other')])
    const [, second, third] = [...await store.read<ReturnType<typeof event>>('x'), ...await store.append(1, 'x', 7, [event('3')])]
    t.same((await store.read<ReturnType<typeof event>>('x')).map((each) => each.event.reason), ['1', '2', '3'])
    t.same(appended, (await store.read('x')).slice(0, 2), 'what is answered is what is kept')
    t.same((await store.read('x', second?.seq ?? 0)).map(({ seq }) => seq), [third?.seq])
    await store.append(1, 'x', 8, [event('open')], { open: 1 })
    await t.rejects(store.append(1, 'z', 9, [event('never')], { open: 1 }), { code: 'WINDOW_OPEN' })
    t.same(await store.read('z'), [], 'the refused window left no event')
    t.same(await store.openWindow(), { plan: 'x', number: 1 })
    await store.append(1, 'x', 10, [event('close')], 'close')
    t.equal(await store.openWindow(), null)
    t.same(await store.append(1, 'x', 11, []), [])
    const all = await Promise.all(Array.from({ length: 20 }, (_, index) => store.append(1, 'race', index, [event(String(index))])))
    t.same((await store.read('race')).map(({ seq }) => seq), all.flat().map(({ seq }) => seq).sort((a, b) => a - b), 'side by side, and none is lost')
  })

  void t.test(`${kind}: plans are kept by hash, once`, async (t) => {
    const { store } = await make()
    t.teardown(() => store.close())
    await store.savePlan(plan)
    await store.savePlan(plan)
    t.equal((await store.readPlan(plan.hash))?.bytes, plan.bytes)
    t.equal(await store.readPlan('nothing'), null)
    t.equal((await store.listPlans()).length, 1)
  })

  void t.test(`${kind}: a store has an id of its own; a new one is given under the lease alone`, async (t) => {
    const { store } = await make()
    t.teardown(() => store.close())
    await store.takeLease('one', 'a:1', 30_000)
    const first = await store.incarnation()
    t.equal(first.moved, null)
    t.equal(await store.reincarnate(1, first.id), first.id)
    t.match(await store.incarnation(), { id: first.id, moved: null, placed: true })
    const second = await store.reincarnate(1)
    t.not(second, first.id)
    t.equal((await store.incarnation()).id, second)
  })
}

for (const [kind, make] of kinds) {
  void t.test(`${kind}: that a store was found restored is noted with the lease, and forgotten only together with what is told of it`, async (t) => {
    const { store, lapse } = await make()
    t.teardown(() => store.close())
    const why = [{ code: 'STORE_RESTORED' as const, text: 'seen 7, knows 1', hint: 'compare' }]
    t.same((await store.incarnation()).restoring, [])
    t.equal(await store.takeLease('one', 'a:1', 30_000, { judged: 4, restored: why }), null, 'it was judged at another epoch')
    t.same((await store.incarnation()).restoring, [], 'no lease, no note')
    t.match(await store.takeLease('one', 'a:1', 30_000, { judged: 0, above: 7, restored: why }), { epoch: 8 })
    await lapse()
    t.match(await store.takeLease('two', 'b:1', 30_000, { judged: 8 }), { epoch: 9 })
    const before = await store.incarnation()
    t.same(before.restoring, why, 'whoever comes next finds it')
    const tell = (incarnation: string) => [{ stream: 'x', events: [{ type: 'window-rolling' as const }] }, { stream: 'fleet', events: [{ type: 'store-restored' as const, incarnation, was: before.id, reasons: why }] }]
    await t.rejects(store.concludeRestore(8, 5, tell), { code: 'STALE_EPOCH' })
    await t.rejects(store.concludeRestore(9, 5, () => { throw new Error('half way') }), { message: /half way/ })
    t.match(await store.incarnation(), { id: before.id, restoring: why }, 'all or nothing')
    const told = await store.concludeRestore(9, 5, tell)
    const after = await store.incarnation()
    t.match(told, [{ stream: 'x', recorded: { epoch: 9, at: 5 } }, { stream: 'fleet', recorded: { event: { incarnation: after.id } } }])
    t.same(after.restoring, [])
    t.not(after.id, before.id)
    t.equal(after.seq, told.at(-1)?.recorded.seq)
    t.same((await store.readAll(0)).slice(-2), told, 'what is answered is what is kept')
    t.same(await store.readAll((told[0]?.recorded.seq ?? 0) - 1, 1), told.slice(0, 1), 'and no more than was asked for')
  })

  void t.test(`${kind}: an epoch that could not be read back is never written`, async (t) => {
    const { store } = await make()
    t.teardown(() => store.close())
    await store.takeLease('one', 'a:1', 30_000)
    for (const above of [Number.MAX_SAFE_INTEGER, 2 ** 63, Number.NaN]) await t.rejects(store.takeLease('one', 'a:1', 30_000, { above }), { code: 'STORE_CORRUPT', message: /no epoch above/ })
    t.match(await store.readLease(), { epoch: 1 })
    t.match(await store.takeLease('one', 'a:1', 30_000), { epoch: 2 })
  })
}

for (const [kind, make] of kinds.slice(0, 2)) {
  void t.test(`${kind}: an event that only a newer release knows is not read over`, async (t) => {
    const { store } = await make()
    t.teardown(() => store.close())
    await store.takeLease('one', 'a:1', 30_000)
    for (const [stream, unknown] of Object.entries({ type: { type: 'node-teleported' }, step: { type: 'step-intended', node: 'n', step: 'silence', attempt: 1, facts: {} }, kind: { type: 'obligation-opened', kind: 'silence', id: 's' } })) {
      await store.append(1, stream, 5, [event('known'), unknown])
      await t.rejects(store.read(stream), { code: 'STORE_NEWER', message: /which this release does not know/ }, stream)
    }
  })
}

for (const [kind, make] of kinds.slice(1)) {
  void t.test(`${kind}: an unexpired lease of another holder is not taken`, async (t) => {
    const { store } = await make()
    t.teardown(() => store.close())
    await store.takeLease('one', 'a:1', 30_000)
    t.equal(await store.takeLease('two', 'b:1', 30_000), null)
    t.match(await store.takeLease('one', 'a:1', 30_000), { epoch: 2 }, 'its own holder takes it anew')
  })
}

void t.test('a second process on one SQLite file is refused and the first is named; after kill -9 the file is free at once', async (t) => {
  const path = newPath()
  const open = new URL('../../coordinator/src/adapters/store/open-store.ts', import.meta.url).href
  const script = `const { openStore } = await import(${JSON.stringify(open)}); const s = await openStore(${JSON.stringify(path)}, 'lab'); await s.takeLease('dead', 'x:1', 60000); process.kill(process.pid, 'SIGKILL')`
  const { NODE_OPTIONS: _loader, ...env } = process.env
  t.equal(spawnSync(process.execPath, ['--input-type=module', '-e', script], { env }).signal, 'SIGKILL')
  const store = await openStore(path, 'lab')
  t.match(await store.takeLease('me', 'y:1', 1000), { epoch: 2 }, 'no waiting for the lease of the dead')
  await t.rejects(openStore(path, 'lab'), { code: 'STORE_BUSY', message: new RegExp(`process ${process.pid} `) })
  await store.close()
  const again = await openStore(path, 'lab')
  t.match(await again.readLease(), { epoch: 2 })
  await again.close()
})

void t.test('a store that cannot be understood is refused before anything starts', async (t) => {
  const garbage = newPath()
  writeFileSync(garbage, 'this is not a database, it is a text that goes on for a while '.repeat(20))
  await t.rejects(openStore(garbage, 'lab'), { code: 'STORE_CORRUPT' })
  const other = newPath()
  new DatabaseSync(other).exec('create table accounts (id integer)')
  await t.rejects(openStore(other, 'lab'), { code: 'STORE_CORRUPT', message: /something else/ })
  const newer = newPath()
  await (await openStore(newer, 'lab')).close()
  const db = new DatabaseSync(newer)
  db.exec(`update meta set value = '99'`)
  db.close()
  await t.rejects(openStore(newer, 'lab'), { code: 'STORE_NEWER' })
  const badEvent = newPath()
  const store = await openStore(badEvent, 'lab')
  await store.takeLease('me', 'a:1', 1000)
  await store.append(1, 'x', 1, [event('fine')])
  await store.close()
  const raw = new DatabaseSync(badEvent)
  raw.exec(`update journal set body = '{"type":"frozen"'`)
  raw.close()
  const reopened = await openStore(badEvent, 'lab')
  await t.rejects(reopened.read('x'), { code: 'STORE_CORRUPT', message: /event 1/ })
  await reopened.close()
  const future = newPath()
  const made = await openStore(future, 'lab')
  await made.takeLease('me', 'a:1', 1000)
  await made.append(1, 'x', 1, [event('fine')])
  await made.close()
  const edited = new DatabaseSync(future)
  edited.exec('update journal set version = 99')
  edited.close()
  const opened = await openStore(future, 'lab')
  await t.rejects(opened.read('x'), { code: 'STORE_NEWER' })
  await opened.close()
})

void t.test('a folder that cannot be written is a plain fault', async (t) => {
  const closed = join(folder, 'closed')
  writeFileSync(closed, '')
  chmodSync(closed, 0o400)
  await t.rejects(openStore(join(closed, 'x.db'), 'lab'), { code: 'INVALID_CONFIGURATION' })
})
