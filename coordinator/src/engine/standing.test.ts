// What a standby says of the one that holds the lease, and when a lease that nobody renews may be taken.
import t from 'tap'
import { reason } from '@pitstop/shared/fault'
import type { LeaseRow } from '../ports.ts'
import { LeaseWatch } from './lease-watch.ts'
import { standbyReason } from './standing.ts'

const row = (change: Partial<LeaseRow> = {}): LeaseRow => ({ fleet: 'lab', holder: 'vm-1/812/ab', address: 'vm-1:7443', api: '', epoch: 3, expiresAt: 100_000, leftMs: 30_000, ttlMs: 30_000, ...change })
const watch = (...looks: readonly (readonly [at: number, row: LeaseRow | null])[]): LeaseWatch => {
  const made = new LeaseWatch()
  for (const [at, seen] of looks) made.saw(seen, at)
  return made
}

void t.test('a refusal says since when nobody heard of the holder, when this one acts, and how a host is stopped without either', async (t) => {
  const killed = watch([1000, row()], [5000, row({ leftMs: 26_000 })]).seen(8000, 30_000)
  t.same(standbyReason(killed, null), {
    code: 'STANDBY', text: 'this coordinator stands by; vm-1/812/ab at vm-1:7443 holds the lease, last renewed 7s ago',
    hint: 'ask it: on vm-1 type: pitstop …; if it is dead this one acts in 23s: type it again then. To stop a host now, there: echo WHY > /etc/pitstop/disabled'
  })
  t.match(standbyReason(watch([0, row({ leftMs: 0 })]).seen(0, 30_000), null).hint, /its lease has ended: type it again in a moment/)
  t.match(standbyReason(killed, reason('STORE_NEWER', 'event 7 is new')).text, /holds the lease.*could not take over: event 7 is new/)
})

void t.test('a row that was read long after its last renewal is not called fresh', async (t) => {
  t.match(watch([0, row({ leftMs: 4000 })]).seen(1000, 30_000), { renewedMs: 27_000, freeInMs: 3000, row: { leftMs: 3000 } })
  const { ttlMs, ...silent } = row({ leftMs: 4000 })
  t.match(watch([0, silent]).seen(1000, 20_000), { renewedMs: 17_000, freeInMs: 3000 }, 'of an older release: its ttl is taken for ours')
  t.equal(ttlMs, 30_000)
})

void t.test('who cannot reach the store does not know who acts, and says so', async (t) => {
  const away = standbyReason(watch([0, row()]).seen(40_000, 30_000), reason('STORE_UNAVAILABLE', 'cannot read the lease: ECONNREFUSED', 'check the store'))
  t.same(away.code, 'STORE_UNAVAILABLE')
  t.match(away.text, /cannot see who does: cannot read the lease: ECONNREFUSED\. 40s ago vm-1\/812\/ab at vm-1:7443 held the lease/)
  t.match(away.hint, /check the store\. If vm-1 acts still, ask it.*pitstop\/disabled/)
})

void t.test('a row that stands unchanged for its holder\'s whole ttl is abandoned, though the store\'s clock says otherwise', async (t) => {
  const back = row({ leftMs: 330_000 })
  const idle = watch([0, back])
  for (const [at, abandoned] of [[0, false], [29_999, false], [30_039, false], [30_040, true]] as const) {
    idle.saw(back, at)
    t.equal(idle.isAbandoned(at), abandoned, `after ${at} ms`)
    t.equal(idle.seen(at, 30_000)?.freeInMs, 30_040 - at)
  }
})

void t.test('each change of the row begins the time anew: renewed, taken anew, given back', async (t) => {
  for (const changed of [row({ expiresAt: 100_001 }), row({ epoch: 4 }), row({ holder: 'vm-2/1/cd' }), null]) {
    const seen = watch([0, row()], [29_000, changed], [40_000, changed])
    t.equal(seen.isAbandoned(40_000), false)
    t.equal(seen.isAbandoned(59_040), changed !== null)
  }
  const { ttlMs, ...silent } = row()
  t.equal(watch([0, silent]).isAbandoned(3_600_000), false, 'one that does not say how long it holds is waited for')
  t.equal(ttlMs, 30_000)
})
