// An entry is as old as it is, whatever is done to the wall clock.
import t from 'tap'
import { emptyState } from '../domain/fold.ts'
import { type Plan, sealPlan } from '../domain/plan.ts'
import { JournalAge } from './journal-age.ts'

const hour = 3_600_000
const none = emptyState(sealPlan({ version: 1, fleet: 'lab', closesAt: 1, nodes: [] } as unknown as Plan))

void t.test('what this process journaled ages by the clock that never jumps', async (t) => {
  let wall = 10 * hour
  let ran = 0
  const age = new JournalAge({ now: () => wall, monotonic: () => ran, after: () => () => undefined }, none)
  age.note(1, ran)
  const entry = { seq: 1, at: wall }
  ran = 5000
  for (const set of [9 * hour, 10 * hour, 11 * hour]) {
    wall = set
    t.equal(age.ofMs(entry), 5000)
  }
})

void t.test('what was found is as old as the wall clock said at the start, and the last of it is not from the time to come', async (t) => {
  let ran = 0
  const found = { ...none, seq: 2, lastAt: 10 * hour }
  const ahead = new JournalAge({ now: () => 10 * hour + 7000, monotonic: () => ran, after: () => () => undefined }, found)
  const behind = new JournalAge({ now: () => 9 * hour, monotonic: () => ran, after: () => () => undefined }, found)
  const [earlier, last] = [{ seq: 1, at: 10 * hour - 60_000 }, { seq: 2, at: 10 * hour }]
  t.same([ahead.ofMs(earlier), ahead.ofMs(last)], [67_000, 7000])
  t.same([behind.ofMs(earlier), behind.ofMs(last)], [60_000, 0], 'its clock was set back, or its predecessor\'s ran ahead')
  ran = 3000
  t.same([behind.ofMs(earlier), behind.ofMs(last)], [63_000, 3000])
})
