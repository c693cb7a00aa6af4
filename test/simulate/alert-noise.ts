// Alerts in a simulated window: of somebody else, of its own nodes while they are up, of nodes that are down, and readings that fail. What
// is drawn here comes from a sequence of its own: windows without a gate on alerts are what they were.
import type { SimulatedAlerts } from '../world/simulated-alerts.ts'
import type { World } from '../world/world.ts'
import type { Chance } from './chance.ts'
import * as odds from './odds.ts'
import type { Tally } from './tally.ts'

type AlertNoise = keyof typeof odds.alerts

const seconds = 1000
/** In a storm nothing would ever begin: alerts are noisy at most so many times as on a fair night. */
const loudest = 3

export function drawAlerts({ clock, hosts }: Pick<World, 'clock' | 'hosts'>, alerts: SimulatedAlerts, chance: Chance, moodTimes: number, lastsMs: number, tally: Tally): void {
  const times = Math.min(loudest, moodTimes)
  const nodes = [...hosts.keys()]
  /** Which kind of noise stands behind an alert. It comes to something when a coordinator is shown it. */
  const noise = new Map<number, AlertNoise>()
  alerts.onShown = (id) => { tally.fired(`alert ${noise.get(id) ?? 'ofNodeDown'}`) }

  const raise = (kind: 'elsewhere' | 'ofNode'): void => {
    tally.drawn(`alert ${kind}`)
    const [atMs, forMs] = [chance.between(0, lastsMs), chance.among([5, 30, 90, 300]) * seconds]
    const node = kind === 'ofNode' ? chance.among(nodes) : chance.among([null, 'gitaly-99.elsewhere'])
    clock.after(atMs, () => {
      const id = alerts.start(kind === 'ofNode' ? 'GitalyPermissionDenied' : 'GitalyFileServerDown', node)
      noise.set(id, kind)
      clock.after(forMs, () => { alerts.end(id) })
    })
  }
  for (const kind of ['elsewhere', 'ofNode'] as const) for (let rest = odds.alerts[kind] * times; rest > 0; rest--) if (chance.happens(Math.min(1, rest))) raise(kind)
  for (const host of hosts.values()) {
    if (!chance.happens(odds.alerts.ofNodeDown)) continue
    tally.drawn('alert ofNodeDown')
    alerts.watch(host, chance.among([0, 2, 10, 40]) * seconds)
  }

  const { readError, readSilent } = odds.alerts
  let downUntil = 0
  if (chance.happens(Math.min(1, odds.alerts.awayForLong * times))) {
    tally.drawn('alert awayForLong')
    const [atMs, forMs] = [chance.between(0, lastsMs), chance.among([20, 60, 180]) * seconds]
    clock.after(atMs, () => { downUntil = clock.now() + forMs })
  }
  let toldAway = false
  alerts.goes = () => {
    if (clock.now() < downUntil) {
      if (!toldAway) tally.fired('alert awayForLong')
      toldAway = true
      return chance.among(['error', 'silent'])
    }
    const x = chance.next() / times
    if (x >= readError + readSilent) return 'well'
    tally.struck(x < readError ? 'alert readError' : 'alert readSilent')
    return x < readError ? 'error' : 'silent'
  }
}
