// Who may be down, who may prepare. A slot is the right to be down: freed by health or by a person, never by time.
import { type Policy, planNodeOf } from './plan.ts'
import type { NodeState, State } from './state.ts'
import { countsAsFailed } from './state.ts'
import { perState } from './per-state.ts'

export const slotsTaken: (state: State) => readonly NodeState[] = perState((state) => [...state.nodes.values()].filter((node) => node.holdsSlot))

/** How many more nodes may go down now. Strict batches hand out slots only when the whole batch is up again. */
export function slotsFree(state: State): number {
  const { policy } = state.stored.plan
  const taken = slotsTaken(state).length
  if (policy.strictBatches && taken > 0 && !batchStillFilling(state, policy)) return 0
  return Math.max(0, policy.groupSize - taken)
}

/** A strict batch fills while nobody of it has come back: until then the slots taken are all of one batch. */
function batchStillFilling(state: State, policy: Policy): boolean {
  let lastFreed = 0
  for (const { slotFreedSeq } of state.nodes.values()) lastFreed = Math.max(lastFreed, slotFreedSeq)
  const taken = slotsTaken(state)
  return taken.length < policy.groupSize && taken.every((node) => node.slotTakenSeq >= lastFreed)
}

/** How many more nodes may begin to prepare. */
export const prepareFree: (state: State) => number = perState((state) => {
  let preparing = 0
  for (const { phase } of state.nodes.values()) if (phase === 'preparing' || phase === 'prepared') preparing++
  return Math.max(0, state.stored.plan.policy.prepareAhead - preparing)
})

export const failures: (state: State) => readonly NodeState[] = perState((state) => [...state.nodes.values()].filter(countsAsFailed))
export const budgetSpent = (state: State): boolean => failures(state).length >= state.window.failureBudget

/** The node of a platform that goes first and resolves its manifest: the first in the plan's order that is not out. */
export function canaryOf(state: State, platform: string): NodeState | undefined {
  const out = new Set(['postponed', 'skipped', 'written-off', 'failed', 'current'])
  return state.stored.plan.nodes.filter((node) => node.platform === platform)
    .map(({ node }) => state.nodes.get(node)).find((node) => node !== undefined && !out.has(node.phase))
}

/** Some node of the platform is done, so the packages are known to boot. */
export const platformProven = (state: State, platform: string): boolean => provenPlatforms(state).has(platform)

const provenPlatforms: (state: State) => ReadonlySet<string> = perState((state) => new Set(state.stored.plan.nodes.filter(({ node }) => {
  const phase = state.nodes.get(node)?.phase
  return phase === 'done' || phase === 'returning'
}).map(({ platform }) => platform)))

/** Platforms of the nodes that hold a slot. */
export const platformsDown: (state: State) => ReadonlySet<string> = perState((state) =>
  new Set(slotsTaken(state).flatMap(({ node }) => planNodeOf(state.stored.plan, node)?.platform ?? [])))
