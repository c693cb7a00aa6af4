// A window is the same wherever its coordinator stands: what pitstop decides rests on instants, and no clock on a wall, set
// forward or back while nodes are down, changes any of it.
import type { Event } from '@pitstop/coordinator/domain/event'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'
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

const hour = 60 * minutes
interface Lasted { readonly slots: readonly number[], readonly all: number, readonly freed: number, /** Taken down that much after the clocks were set, at the latest; 0 = none was. */ readonly lastDownAfterMs: number, readonly violations: readonly string[] }

/** How long slots were held and how long it all took, by true time, with the clocks set so far off at that moment of the window. */
async function lasted(afterMs: number, offMs: number, whose: 'the coordinator\'s' | 'everybody\'s'): Promise<Lasted> {
  const world = await World.opened({ nodes: 5, policy: { groupSize: 2 }, closesInMs: 6 * hour })
  const setAt = world.clock.now() + afterMs
  world.clock.after(afterMs, () => {
    world.setClock(offMs)
    if (whose === 'everybody\'s') for (const host of world.hosts.values()) host.clockOffMs = offMs
  })
  await world.untilClosed()
  const { journal, journaledAt } = world.evidence()
  const at = (type: Event['type']): number[] => journal.filter(({ event }) => event.type === type).map(({ seq }) => journaledAt?.(seq) ?? 0)
  const taken = new Map<string, number>()
  const slots: number[] = []
  for (const { event, seq } of journal) {
    if (event.type === 'slot-taken') taken.set(event.node, journaledAt?.(seq) ?? 0)
    if (event.type === 'node-healthy') slots.push((journaledAt?.(seq) ?? 0) - (taken.get(event.node) ?? 0))
  }
  const downs = world.history.happenings.flatMap((each) => each.what === 'gitaly-stopped' && each.id !== null ? [each.at - setAt] : [])
  return { lastDownAfterMs: Math.max(0, ...downs), slots, freed: slots.length, all: (at('window-closed')[0] ?? Infinity) - world.start, violations: checkHistory(world) }
}

void t.test('the clocks of a whole fleet are set back or forward an hour at any moment of a window: nothing of it takes longer', async (t) => {
  const undisturbed = await lasted(0, 0, 'everybody\'s')
  t.equal(undisturbed.freed, 5)
  for (const offMs of [-hour, hour]) {
    for (let afterMs = 3000; afterMs < undisturbed.all; afterMs += 7300) {
      const { slots, all, freed, violations } = await lasted(afterMs, offMs, 'everybody\'s')
      t.same([freed, violations], [5, []], `${offMs} ms after ${afterMs} ms`)
      t.ok(all <= undisturbed.all + 30_000, `${offMs} ms after ${afterMs} ms: ${all} ms instead of ${undisturbed.all}`)
      t.ok(Math.max(...slots) <= Math.max(...undisturbed.slots) + 2000, `${offMs} ms after ${afterMs} ms: slots of ${slots.join(', ')} ms instead of ${undisturbed.slots.join(', ')}`)
    }
  }
})

void t.test('a coordinator whose clock alone is set back an hour frees the slots of nodes that are down, and takes no further one down', async (t) => {
  const undisturbed = await lasted(0, 0, 'the coordinator\'s')
  for (let afterMs = 3000; afterMs < undisturbed.all; afterMs += 7300) {
    const { slots, all, lastDownAfterMs, violations } = await lasted(afterMs, -hour, 'the coordinator\'s')
    t.same(violations, [], `after ${afterMs} ms`)
    t.ok(lastDownAfterMs < 1000, `after ${afterMs} ms: a node went down ${lastDownAfterMs} ms later`)
    t.ok(all <= undisturbed.all + 60_000, `after ${afterMs} ms: ${all} ms instead of ${undisturbed.all}`)
    t.ok(Math.max(0, ...slots) <= Math.max(...undisturbed.slots) + 2000, `after ${afterMs} ms: slots of ${slots.join(', ')} ms instead of ${undisturbed.slots.join(', ')}`)
  }
})
