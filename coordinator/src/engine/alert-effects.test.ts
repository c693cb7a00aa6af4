// What is noted of alerts: the newest question counts, whatever answers came when; a fault keeps what was known beside it.
import t from 'tap'
import { Fault } from '@pitstop/shared/fault'
import { type FiringAlert, type Observed, nothingObserved } from '../domain/observed.ts'
import type { Alerts } from '../ports.ts'
import { noteAlerts, observeAlerts, readAlerts } from './alert-effects.ts'
import type { Hands } from './hands.ts'

const down: FiringAlert = { gate: 'gitaly', name: 'Down', node: null, since: 0 }

function handsWith(alerts: Alerts | null): { readonly hands: Hands, readonly seen: () => Observed, setNow(now: number): void } {
  let now = 1000
  let observed: Observed = { ...nothingObserved(1), alerts: alerts === null ? null : { reading: null, fault: null } }
  const hands = { alerts, clock: { now: () => now }, observed: () => observed, observe: (change: Partial<Observed>) => { observed = { ...observed, ...change } } } as unknown as Hands
  return { hands, seen: () => observed, setNow: (to) => { now = to } }
}

void t.test('a reading is as old as its question, and a fault keeps what was known', async (t) => {
  let goes: () => Promise<readonly FiringAlert[]> = async () => [down]
  const { hands, seen, setNow } = handsWith({ firing: () => goes(), survey: () => Promise.reject(new Error('not asked')), close: async () => undefined })
  goes = async () => { setNow(1900); return [down] }
  await observeAlerts(hands)
  t.same(seen().alerts, { reading: { at: 1000, firing: [down] }, fault: null })
  goes = async () => { throw new Fault('ALERTS_REFUSED', 'no') }
  setNow(3000)
  await observeAlerts(hands)
  t.match(seen().alerts, { reading: { at: 1000 }, fault: { at: 3000, reason: { code: 'ALERTS_REFUSED', text: 'no' } } })
})

void t.test('an answer that comes late to an earlier question says nothing new', async (t) => {
  const { hands, seen, setNow } = handsWith({ firing: async () => [], survey: () => Promise.reject(new Error('not asked')), close: async () => undefined })
  setNow(5000)
  noteAlerts(hands, { at: 4000, firing: [down] })
  noteAlerts(hands, { at: 3000, firing: [] })
  t.match(seen().alerts, { reading: { at: 4000, firing: [down] } })
  noteAlerts(hands, { at: 4000, firing: [] })
  t.match(seen().alerts, { reading: { at: 4000, firing: [] } })
  setNow(1000)
  noteAlerts(hands, { at: 900, firing: [down] })
  t.match(seen().alerts, { reading: { at: 900, firing: [down] } }, 'unless the clock was set back since')
})

void t.test('without a gate on alerts nothing is read and nothing noted', async (t) => {
  const { hands, seen } = handsWith(null)
  t.equal(await readAlerts(hands), null)
  await observeAlerts(hands)
  t.equal(seen().alerts, null)
})
