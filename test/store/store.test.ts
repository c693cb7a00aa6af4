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

const folder = mkdtempSync(join(tmpdir(), 'pitstop-store-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
let files = 0
const newPath = (): string => join(folder, `${++files}.db`)
const event = (reason: string) => ({ type: 'frozen', by: 'ada', reason })
const plan = sealPlan({ version: 1, fleet: 'lab', createdAt: 5, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 9, nodes: [], excluded: [], policy: standardPolicy, estimateMs: 1 })

const kinds: [string, (now: () => number) => Promise<Store>][] = [
  ['SQLite', (now) => openStore(newPath(), 'lab', now)],
  ['memory', async (now) => new MemoryStore('lab', now)]
]
for (const [kind, make] of kinds) {
  void t.test(`${kind}: the lease's epoch grows at each taking; an old epoch renews and journals nothing`, async (t) => {
    let now = 1000
    const store = await make(() => now)
    t.teardown(() => store.close())
    const first = await store.takeLease('one', 'a:1', 100)
    t.match(first, { epoch: 1, holder: 'one', expiresAt: 1100 })
    t.ok(await store.renewLease('one', 1, 100))
    now += 500
    t.match(await store.takeLease('two', 'b:1', 100), { epoch: 2, holder: 'two' })
    t.notOk(await store.renewLease('one', 1, 100), 'the first is overtaken')
    await t.rejects(store.append(1, 's', now, [event('late')]), { code: 'STALE_EPOCH' })
    t.same(await store.read('s'), [])
    t.match(await store.append(2, 's', now, [event('a'), event('b')]), [{ epoch: 2 }, { epoch: 2 }])
    await store.releaseLease('two', 2)
    t.match(await store.takeLease('three', 'c:1', 100), { epoch: 3 })
    t.match(await store.readLease(), { holder: 'three', address: 'c:1' })
  })

  void t.test(`${kind}: events come back in order, by stream, after a seq; an append is all or nothing`, async (t) => {
    const store = await make(() => 1)
    t.teardown(() => store.close())
    await store.takeLease('one', 'a:1', 100)
    await store.append(1, 'x', 5, [event('1'), event('2')])
    await store.append(1, 'y', 6, [event('other')])
    const [, second, third] = [...await store.read<ReturnType<typeof event>>('x'), ...await store.append(1, 'x', 7, [event('3')])]
    t.same((await store.read<ReturnType<typeof event>>('x')).map((each) => each.event.reason), ['1', '2', '3'])
    t.same((await store.read('x', second?.seq ?? 0)).map(({ seq }) => seq), [third?.seq])
    await store.append(1, 'x', 8, [event('open')], { open: 1 })
    await t.rejects(store.append(1, 'z', 9, [event('never')], { open: 1 }), { code: 'WINDOW_OPEN' })
    t.same(await store.read('z'), [], 'the refused window left no event')
    t.same(await store.openWindow(), { plan: 'x', number: 1 })
    await store.append(1, 'x', 10, [event('close')], 'close')
    t.equal(await store.openWindow(), null)
  })

  void t.test(`${kind}: plans are kept by hash, once`, async (t) => {
    const store = await make(() => 1)
    t.teardown(() => store.close())
    await store.savePlan(plan)
    await store.savePlan(plan)
    t.equal((await store.readPlan(plan.hash))?.bytes, plan.bytes)
    t.equal(await store.readPlan('nothing'), null)
    t.equal((await store.listPlans()).length, 1)
  })
}

void t.test('an unexpired lease of another holder is not taken', async (t) => {
  const store = new MemoryStore('lab', () => 1)
  await store.takeLease('one', 'a:1', 100)
  t.equal(await store.takeLease('two', 'b:1', 100), null)
})

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
  await t.rejects(openStore(join(closed, 'x.db'), 'lab'), { code: 'STORE_UNAVAILABLE' })
})
