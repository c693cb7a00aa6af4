// One window of the simulator, from its seed to its verdict. Everything in it is drawn from the seed and nothing from anywhere
// else, so the same seed gives the same window on every machine.
import { checkHistory } from '../world/check-history.ts'
import { story } from '../world/story.ts'
import { World } from '../world/world.ts'
import { drawAlerts } from './alert-noise.ts'
import { clockChanges, type Drawn, drawWindow } from './draw-window.ts'
import { Operator } from './operator.ts'
import { Seats } from './seats.ts'
import { type Counts, Tally } from './tally.ts'
import { Troubles } from './troubles.ts'
import { Weather } from './weather.ts'

export type StoreKind = 'memory' | 'sqlite' | 'mixed'

export interface Outcome {
  readonly seed: number
  readonly drawn: Drawn
  /** In words; none = every invariant held. */
  readonly violations: readonly string[]
  readonly ended: 'closed' | 'not opened' | 'stuck'
  readonly virtualMs: number
  readonly events: number
  readonly kills: number
  readonly halted: boolean
  readonly onSqlite: boolean
  readonly faults: Counts
  readonly story: () => string
}

/** A window that is not over so long after closing time has nobody who could end it. */
const stuckAfterMs = 4 * 3_600_000
/** With twenty nodes about sixty things happen in the busiest second. */
const busyMoments = 400
/** What was on its way when the window closed has landed by then. */
const landsAfterMs = 60_000

/** @param store mixed: some of those that an embedded store is drawn for are on the real one. A seed's window is the same on either. */
export async function runWindow(seed: number, nodes: number | null = null, store: StoreKind = 'mixed'): Promise<Outcome> {
  const drawn = drawWindow(seed, nodes)
  const { chance, mood, policy, closesInMs, coordinators, leaseMs, storagesPerNode, platforms, start } = drawn
  const embedded = coordinators === 1 && chance.happens(0.5)
  const onSqlite = embedded && (store === 'sqlite' || (store === 'mixed' && seed % 4 === 0))
  const world = new World({ nodes: drawn.nodes, policy, closesInMs, storagesPerNode, platforms, leaseMs, start, onSqlite, reports: false, alerts: drawn.alerts !== null })
  world.embeddedStore = embedded
  world.store.shared = !world.embeddedStore
  world.memories = new Map()
  if (policy.assigner === 'inactive-is-intended') world.gitlab.scheduleActive = false
  const tally = new Tally()
  const weather = new Weather(world.clock, chance.fork(), mood.times, tally)
  world.transit = weather
  const seats = new Seats(world, chance.fork(), coordinators)
  const operator = new Operator(world, seats, chance.fork(), drawn, tally)
  const troubles = new Troubles(world, seats, weather, chance.fork(), tally)
  reports(world, seats, drawn)
  troubles.drawHosts(drawn)
  troubles.drawCalls(drawn)
  troubles.drawMoments(drawn, expectedMs(drawn))
  if (world.alerts !== null && drawn.alerts !== null) drawAlerts(world, world.alerts, drawn.alerts, mood.times, expectedMs(drawn), tally)
  seats.startAll()
  let broke: unknown = null
  operator.work().catch((error: unknown) => { broke = error; operator.over = true })
  const over = await world.clock.runUntil(() => operator.over, closesInMs + stuckAfterMs)
  seats.end()
  await world.clock.runUntil(() => false, landsAfterMs)
  await world.store.close()

  tally.read(world.history.happenings, clockChanges)
  const opened = world.plan !== undefined && operator.notOpened === null
  const violations = [
    ...broke === null ? [] : [`the operator stumbled: ${broke instanceof Error ? broke.stack ?? broke.message : JSON.stringify(broke)}`],
    ...operator.defects, ...world.defects,
    ...world.clock.busiest > busyMoments ? [`busy: ${world.clock.busiest} things happened in one virtual second; something goes round in circles`] : [],
    ...over ? [] : [`stuck: ${stuckAfterMs / 60_000} minutes after closing time the window is ${operator.state.window.phase}`],
    ...opened ? checkHistory(world) : []
  ]
  return {
    seed, drawn, violations: [...new Set(violations)], ended: !over ? 'stuck' : opened ? 'closed' : 'not opened', virtualMs: world.clock.now() - world.start, events: world.store.rows.length,
    kills: world.history.happenings.filter(({ what }) => what === 'coordinator-killed').length,
    onSqlite, faults: tally.counts, halted: opened && world.has('window-halted'), story: () => opened ? story(world.events(), world.start) : `not opened: ${operator.notOpened ?? ''}\n`
  }
}

/** Agents report that they are back, again and again until somebody hears them. */
function reports(world: World, seats: Seats, { chance }: Drawn): void {
  const drawn = chance.fork()
  for (const host of world.hosts.values()) {
    host.onReady = (orderId, bootId) => {
      let tries = 0
      const report = (): void => {
        if (!host.agent.reachable || host.bootId !== bootId || tries++ > 8) return
        const again = world.clock.after(drawn.between(500, 5000), report)
        seats.any()?.ready({ node: host.node, orderId, bootId, status: 'healthy' }).then(({ result }) => {
          again()
          if (result === 'accepted') world.history.add({ at: world.clock.now(), what: 'report-acknowledged', node: host.node, orderId, bootId })
        }, () => undefined)
      }
      world.clock.after(drawn.between(10, 300), report)
    }
  }
}

/** About how long the window takes if nothing holds it: troubles come within that time. */
function expectedMs({ nodes, policy, times }: Drawn): number {
  const down = times.rebootMs + times.gitalyStartMs + policy.soakMs + policy.rebootDelayMs + 2000
  const prepare = times.stageMs + times.aptMs + policy.settleMs
  return 20_000 + prepare + Math.max(Math.ceil(nodes / policy.groupSize) * down, Math.ceil(nodes / policy.prepareAhead) * prepare) + policy.watchMs
}
