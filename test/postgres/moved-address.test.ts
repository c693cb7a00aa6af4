// The database's address moves to another server while the former one is not fenced: it answers, and takes what it is told,
// on the connections that are left. Nothing of ours may go on there.
import pg from 'pg'
import t from 'tap'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import type { Store } from '@pitstop/coordinator/ports'
import { type Fault, asFault } from '@pitstop/shared/fault'
import { movingAddress } from './moving-address.ts'
import { startPostgres } from './postgres-server.ts'

const [former, present] = [await startPostgres(), await startPostgres()]
t.teardown(async () => { await Promise.all([former.close(), present.close()]) })
const event = (reason: string) => ({ type: 'frozen', by: 'ada', reason })
const reasons = async (store: Store): Promise<string[]> => (await store.read<ReturnType<typeof event>>('s')).map((each) => each.event.reason)
const faultOf = (work: Promise<unknown>): Promise<Fault> => work.then(() => { throw new Error('it should have failed') }, asFault)
const open = (url: string): Promise<Store> => openStore(url, 'lab', Date.now, { deadlineMs: 2000 })

/** The same database on both servers, each as its own coordinator sees it, and a store whose address moves between them. */
async function moving(t: { teardown(end: () => unknown): void }) {
  const urls = [await former.createDatabase(), await present.createDatabase()] as const
  const direct = { former: await open(urls[0]), present: await open(urls[1]) }
  const address = await movingAddress(former)
  const store = await open(urls[0].replace(/@.*\//, `@127.0.0.1:${address.port}/`))
  t.teardown(async () => {
    await Promise.all([store, direct.former, direct.present].map((each) => each.close()))
    await address[Symbol.asyncDispose]()
  })
  await store.takeLease('one', 'a:1', 30_000)
  // Several connections to the former server, all of them idle again.
  await Promise.all([store.readLease(), store.readLease(), store.openWindow()])
  await store.append(1, 's', 1, [event('before')])
  address.moveTo(present)
  await direct.present.takeLease('two', 'b:1', 30_000)
  return { store, direct, url: urls[0] }
}

void t.test('one connection that leads to the new server ends all that lead to the former one, and the lease with them', async (t) => {
  const { store, direct } = await moving(t)
  // More at once than there are idle connections: one is made anew.
  await Promise.all(Array.from({ length: 4 }, () => store.readLease().catch(asFault)))
  for (let attempt = 0; attempt < 8; attempt++) {
    t.match(await faultOf(store.append(1, 's', 1, [event('split')])), { code: 'LEASE_LOST' })
    t.match(await faultOf(store.renewLease('one', 1, 30_000)), { code: 'LEASE_LOST' })
    t.equal(await store.takeLease('one', 'a:1', 30_000), null, 'the lease is another\'s there')
    t.match(await Promise.all(Array.from({ length: 1 + attempt % 3 }, () => store.readLease())), Array.from({ length: 1 + attempt % 3 }, () => ({ holder: 'two' })))
  }
  t.same(await reasons(direct.former), ['before'])
  t.match(await direct.former.readLease(), { holder: 'one', epoch: 1 }, 'nothing was taken there')
  t.same(await reasons(direct.present), [])
})

void t.test('whoever takes the lease looks first where the address leads now, however many old connections answer', async (t) => {
  const { store, direct } = await moving(t)
  t.equal(await store.takeLease('one', 'a:1', 30_000), null)
  t.match(await direct.former.readLease(), { holder: 'one', epoch: 1 })
})

void t.test('a renewal notices that the address has moved, though old connections go on to answer', async (t) => {
  const { store } = await moving(t)
  let code = ''
  for (const until = Date.now() + 5000; code !== 'LEASE_LOST' && Date.now() < until;) {
    code = await store.renewLease('one', 1, 30_000).then(() => '', (error: unknown) => asFault(error).code)
  }
  t.equal(code, 'LEASE_LOST')
})

void t.test('what runs on a connection to the former server when a newer one leads elsewhere has failed', async (t) => {
  const { store, direct, url } = await moving(t)
  const gate = new pg.Client({ host: former.socketFolder, port: former.port, user: 'pitstop', database: new URL(url).pathname.slice(1) })
  await gate.connect()
  t.teardown(() => gate.end())
  await gate.query('begin; lock table journal in exclusive mode')
  const appending = faultOf(store.append(1, 's', 1, [event('under way')]))
  for (let waits = 0, until = Date.now() + 5000; waits === 0 && Date.now() < until;) {
    waits = (await former.query(url, `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length
  }
  await Promise.all(Array.from({ length: 4 }, () => store.readLease().catch(asFault)))
  t.match(await appending, { code: 'STORE_UNAVAILABLE', message: /leads to another server now/ })
  await gate.query('commit')
  t.same(await reasons(direct.former), ['before'])
})

void t.test('a lease is not taken of another database than the one that was read', async (t) => {
  const { store, direct } = await moving(t)
  await store.incarnation()
  await direct.present.releaseLease('two', 1)
  t.match(await faultOf(store.takeLease('one', 'a:1', 30_000)), { code: 'STORE_UNAVAILABLE', message: /than what was read/ })
  t.match(await direct.present.readLease(), { holder: 'two', epoch: 1 })
  await store.incarnation()
  t.match(await store.takeLease('one', 'a:1', 30_000), { holder: 'one', epoch: 2 }, 'read anew, it can be had')
})
