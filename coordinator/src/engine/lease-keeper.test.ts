// The holder's side of the lease: it stops before anybody else can have it, whatever the store or the machine does.
import t from 'tap'
import { Fault } from '@pitstop/shared/fault'
import type { Store } from '../ports.ts'
import { LeaseKeeper } from './lease-keeper.ts'

const ttlMs = 3000

/** Time that passes when it is told to, a store that answers as it is told, and what was lost. */
function setUp(renew: () => Promise<boolean> = () => Promise.resolve(true)) {
  let now = 0
  const timers = new Set<{ at: number, call: () => void }>()
  const lost: Fault[] = []
  let renewals = 0
  const store = {
    takeLease: async () => ({ fleet: 'lab', holder: 'me', address: 'a:1', api: '', epoch: 4, expiresAt: now + ttlMs, leftMs: ttlMs }),
    renewLease: () => { renewals++; return renew() }, releaseLease: async () => undefined
  } as Partial<Store> as Store
  const clock = {
    now: () => now, monotonic: () => now,
    after: (ms: number, call: () => void) => {
      const timer = { at: now + ms, call }
      timers.add(timer)
      return () => { timers.delete(timer) }
    }
  }
  const keeper = new LeaseKeeper(store, clock, { holder: 'me', address: 'a:1', ttlMs }, (why) => { lost.push(why) })
  const pass = async (ms: number): Promise<void> => {
    for (const end = now + ms; ;) {
      const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      now = Math.max(now, next?.at ?? end)
      if (next === undefined) return
      timers.delete(next)
      next.call()
      for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    }
  }
  return { keeper, pass, lost, sleep: (ms: number) => { now += ms }, renewals: () => renewals }
}

void t.test('renewed after a third, it covers effects for as long as it lasts', async (t) => {
  const { keeper, pass, lost, renewals } = setUp()
  await keeper.take()
  await pass(30 * ttlMs)
  t.ok(renewals() >= 89)
  t.same(lost, [])
  t.doesNotThrow(() => { keeper.guard(ttlMs / 2) })
  t.throws(() => { keeper.guard(ttlMs) }, { code: 'LEASE_LOST' }, 'an effect that could outlive it is not started')
})

void t.test('a store that hangs: at the deadline the lease is lost, before anybody else can have it', async (t) => {
  const { keeper, pass, lost } = setUp(() => new Promise(() => undefined))
  await keeper.take()
  await pass(ttlMs - 1)
  t.match(lost, [{ code: 'LEASE_LOST' }])
  t.equal(keeper.epoch, null)
  t.equal(keeper.leftMs, 0)
  t.throws(() => { keeper.guard(1) }, { code: 'LEASE_LOST' })
})

void t.test('a store that fails and comes back in time costs nothing', async (t) => {
  let fails = 2
  const { keeper, pass, lost } = setUp(() => (fails-- > 0 ? Promise.reject(new Fault('STORE_UNAVAILABLE', 'away')) : Promise.resolve(true)))
  await keeper.take()
  await pass(ttlMs * 5)
  t.same(lost, [])
  t.ok(keeper.leftMs > ttlMs / 2)
})

void t.test('awake after a pause beyond the deadline it renews nothing and stops', async (t) => {
  const { keeper, pass, lost, sleep, renewals } = setUp()
  await keeper.take()
  sleep(ttlMs)
  t.throws(() => { keeper.guard(1) }, { code: 'LEASE_LOST' }, 'nothing begins, even before a timer has fired')
  await pass(1)
  t.equal(renewals(), 0)
  t.match(lost, [{ code: 'LEASE_LOST' }])
})

void t.test('a renewal that took long counts from before it was sent: the store may have counted from then', async (t) => {
  let answer: (renewed: boolean) => void = () => undefined
  const { keeper, pass } = setUp(() => new Promise((resolve) => { answer = resolve }))
  await keeper.take()
  await pass(ttlMs / 3)
  await pass(ttlMs / 2)
  answer(true)
  await pass(1)
  t.ok(keeper.leftMs > 0, 'it was renewed')
  t.ok(keeper.leftMs < ttlMs / 2, `${keeper.leftMs} ms are left of it`)
  t.throws(() => { keeper.guard(ttlMs / 2) }, { code: 'LEASE_LOST' })
})

void t.test('a renewal that is refused says why: overtaken, or run out by the store\'s clock', async (t) => {
  const overtaken = setUp(() => Promise.resolve(false))
  await overtaken.keeper.take()
  await overtaken.pass(ttlMs)
  t.match(overtaken.lost, [{ code: 'STALE_EPOCH' }])
  const jumped = setUp(() => Promise.reject(new Fault('LEASE_LOST', 'it had run out by the store\'s clock')))
  await jumped.keeper.take()
  await jumped.pass(ttlMs / 2)
  t.match(jumped.lost, [{ code: 'LEASE_LOST' }])
})

void t.test('given back, it is neither renewed nor lost', async (t) => {
  const { keeper, pass, lost, renewals } = setUp()
  await keeper.take()
  await keeper.release()
  await pass(ttlMs * 3)
  t.equal(renewals(), 0)
  t.same(lost, [])
})
