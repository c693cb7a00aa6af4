// From a seed to a window: how big, under which policy, with how many coordinators, in what mood.
import type { Policy } from '@pitstop/coordinator/domain/plan'
import type { HostTimes } from '../world/simulated-host.ts'
import { standardPolicy } from '../world/world.ts'
import { Chance } from './chance.ts'
import { alertGate, moods } from './odds.ts'

export interface Drawn {
  readonly seed: number
  readonly chance: Chance
  readonly mood: (typeof moods)[number]
  readonly nodes: number
  readonly storagesPerNode: number
  readonly platforms: number
  readonly policy: Policy
  /** True time of the opening: any moment of a year, the nights of the clock changes too. */
  readonly start: number
  readonly closesInMs: number
  /** One on an embedded store, or several on a shared one. */
  readonly coordinators: number
  readonly leaseMs: number
  /** How often the plan may be opened again for what was left over. */
  readonly nights: number
  readonly times: HostTimes
  /** Which hosts crash by themselves while their node is under way. */
  readonly crashes: Chance
  /** What its alerts are drawn from; null = no gate on alerts is configured. */
  readonly alerts: Chance | null
}

/** Most windows are small: what goes wrong between nodes goes wrong among four of them. */
const sizes = [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6, 6, 7, 8, 9, 12]

/** When clocks change in New York and in Berlin. Windows that start a little before are open then. */
export const clockChanges = [Date.UTC(2027, 2, 14, 7), Date.UTC(2027, 2, 28, 1), Date.UTC(2027, 9, 31, 1), Date.UTC(2027, 10, 7, 6)]
const seconds = 1000
/** Any number: it tells this sequence from a window's own. */
const alertSeed = 0x5a1e47
const hookSeed = 0x400c5
const crashSeed = 0xc4a54

/** @param fixedNodes null: drawn too. */
export function drawWindow(seed: number, fixedNodes: number | null = null): Drawn {
  const chance = new Chance(seed)
  const mood = drawMood(chance.next())
  const nodes = fixedNodes ?? chance.among(sizes)
  const groupSize = chance.among([1, 1, 2, 2, 2, 3, 4, 5])
  const storagesPerNode = chance.among([1, 1, 1, 2])
  const policy: Policy = {
    ...standardPolicy, groupSize, strictBatches: chance.happens(0.2), prepareAhead: chance.between(1, 3), failureBudget: chance.among([1, 1, 1, 2]),
    canaryFirst: chance.happens(0.7), drain: chance.happens(0.08) ? 'none' : 'zero-weight', activeStorageFloor: chance.happens(0.2) ? Math.max(1, (nodes - groupSize) * storagesPerNode) : chance.among([1, 1, 2]),
    settleMs: chance.among([0, 2, 5, 10]) * seconds, soakMs: chance.among([0, 1, 3, 10]) * seconds, watchMs: chance.among([0, 2, 5, 5, 15]) * seconds,
    rebootDelayMs: chance.happens(0.12) ? chance.between(5, 60) * seconds : 0, reboot: chance.happens(0.8) ? 'always' : 'if-needed',
    prepareEstimateMs: chance.among([30, 60, 120]) * seconds, downEstimateMs: chance.among([30, 60, 120]) * seconds, allowanceMs: chance.among([0, 10, 60]) * seconds,
    deadlines: { stageMs: chance.among([10, 60, 600]) * seconds, upgradeMs: chance.among([30, 60, 600]) * seconds, returnMs: chance.among([60, 90, 300]) * seconds },
    assigner: chance.among(['pause', 'pause', 'pause', 'pause', 'pause', 'inactive-is-intended', 'none']), livePipelines: chance.among(['wait', 'cancel'])
  }
  const one = policy.settleMs + policy.prepareEstimateMs + policy.downEstimateMs + policy.soakMs + policy.allowanceMs
  // Tight ones run into closing time; most have room for halts and people.
  const closesInMs = one + (chance.happens(0.15) ? chance.between(20, 400) * seconds : 30 * 60 * seconds + nodes * chance.between(60, 240) * seconds)
  const coordinators = chance.among([1, 1, 1, 2, 2, 3])
  // A sequence of its own: what else is drawn for a seed does not depend on whether there are alerts.
  const alerts = new Chance(seed ^ alertSeed)
  const hooks = new Chance(seed ^ hookSeed)
  return {
    seed, chance, mood, crashes: new Chance(seed ^ crashSeed), alerts: alerts.happens(alertGate) ? alerts : null, nodes, policy, closesInMs, coordinators,
    storagesPerNode, platforms: chance.among([1, 1, 2]),
    start: chance.happens(0.1) ? chance.among(clockChanges) - chance.between(1, 10) * 60 * seconds : Date.UTC(2027, 0, 1) + chance.between(0, 365 * 24 * 60) * 60 * seconds,
    leaseMs: chance.among([20, 30]) * seconds, nights: chance.happens(0.2) ? 2 : 1,
    times: { rebootMs: chance.between(4, 25) * seconds, gitalyStartMs: chance.between(200, 3000), aptMs: chance.between(2, 25) * seconds, stageMs: chance.between(500, 6000), hooksMs: hooks.happens(0.1) ? hooks.between(1, 50) * seconds : 0 }
  }
}

function drawMood(x: number): (typeof moods)[number] {
  let below = 0
  for (const mood of moods) if (x < (below += mood.share)) return mood
  return moods[0]
}
