// A window is the same wherever its coordinator stands: what pitstop decides rests on instants, and no clock on a wall, set
// forward or back while nodes are down, changes any of it.
import t from 'tap'
import { drawWindow, clockChanges } from './draw-window.ts'
import { runWindow } from './run-window.ts'

/** Ahead of UTC and behind it, with an hour and with half of one, and with none. */
const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']

const startsAt = (seed: number): number => drawWindow(seed).start
const beforeChange = (seed: number): number | undefined => clockChanges.find((at) => at > startsAt(seed) && at - startsAt(seed) <= 10 * 60_000)

void t.test('the same seed tells the same story in every time zone, over every change of clocks', async (t) => {
  const had = process.env['TZ']
  t.teardown(() => { if (had === undefined) delete process.env['TZ']; else process.env['TZ'] = had })
  const seeds = clockChanges.flatMap((change) => Array.from({ length: 2000 }, (_, index) => index + 1).filter((seed) => beforeChange(seed) === change).slice(0, 6))
  t.equal(seeds.length, 6 * clockChanges.length)
  let over = 0
  for (const seed of seeds) {
    const stories = new Map<string, string>()
    for (const zone of zones) {
      process.env['TZ'] = zone
      const outcome = await runWindow(seed, null, 'memory')
      if (zone === 'UTC' && outcome.faults['clocks change in a window'] !== undefined) over++
      t.same(outcome.violations, [], `seed ${seed} in ${zone}`)
      stories.set(outcome.story(), zone)
    }
    t.equal(stories.size, 1, `seed ${seed} tells another story in ${[...stories.values()].join(', ')}`)
  }
  t.ok(over > 0, `in ${over} of ${seeds.length} windows nodes went down before the change and after it`)
})
