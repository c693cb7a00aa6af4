// Lease, fencing, take-over and reboot order as one small machine, to be explored whole.
import { type Bounds, coordinatorSteps, type Steps } from './coordinator-steps.ts'
import type { Model } from './explore.ts'
import { hostSteps } from './host-steps.ts'
import { pitstop, type Rules } from './rules.ts'
import { beginning, farBack, isAwaited, keyOf, type World } from './state.ts'

/** One take-over and nothing else that goes wrong, but that anybody may pause for any time and any message be late. */
const usual: Bounds = { epochs: 2, calls: 2, entries: 2, crashes: 0, renewals: 0, retries: 1, duplicates: 0, agentCrashes: 0, refusals: 0, setBacks: 0, jumpsAhead: 0 }

export function protocol(rules: Partial<Rules> = {}, bounds: Partial<Bounds> = {}, initial: readonly World[] = [beginning(0)]): Model<World> {
  const used = { ...pitstop, ...rules }
  const limits = { ...usual, ...bounds }
  return {
    initial,
    key: (world) => keyOf(world, limits),
    broken: ({ wrong }) => wrong === '' ? undefined : wrong,
    steps: (world): Steps => {
      const all: Steps = [
        ['time passes', { ...world, now: world.now + 1 }],
        ...limits.setBacks > 0 && world.storeBehind === 0 ? [['the store\'s clock goes back', { ...world, storeBehind: farBack }] as const] : [],
        ...limits.jumpsAhead > 0 && world.storeBehind === 0 ? [['the store\'s clock jumps ahead', { ...world, storeBehind: -farBack }] as const] : [],
        ...coordinatorSteps(world, 0, used, limits),
        ...coordinatorSteps(world, 1, used, limits),
        ...hostSteps(world, used, limits)
      ]
      return used.refusesOlderEpochs ? all.map(([name, after]) => [name, withoutTheDead(after)]) : all
    }
  }
}

/** What nobody waits for and the host would refuse, or knows already, changes nothing whenever it comes. */
function withoutTheDead(world: World): World {
  const { host } = world
  const alive = world.net.filter((each) => isAwaited(world, each) || each.epoch > host.epoch || (each.kind === 'order' && each.epoch === host.epoch))
  return alive.length === world.net.length ? world : { ...world, net: alive }
}
