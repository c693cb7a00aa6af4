// The plan: an immutable document, known by the hash of its stored bytes. Approvals and orders name that hash, so
// nobody can run something else than what was read. Changing anything means another plan.
import { canonicalJson, sha256 } from '@pitstop/shared/digest'
import { Fault, type Reason } from '@pitstop/shared/fault'

export interface PlanNode {
  /** FQDN; the key everywhere. */
  readonly node: string
  /** host:port of the agent. */
  readonly address: string
  /** host:port of Gitaly as the coordinator reaches it; empty = not probed from outside, and said so. */
  readonly gitaly: string
  readonly storages: readonly string[]
  readonly zone: string
  /** "debian-12-amd64": nodes of one platform share one manifest. */
  readonly platform: string
}

/** All durations in milliseconds. */
export interface Policy {
  /** How many nodes may be down at once. */
  readonly groupSize: number
  /** True: a new batch starts only when the whole batch before it is up. */
  readonly strictBatches: boolean
  /** How many nodes may hold the right to prepare, beside those that are down. */
  readonly prepareAhead: number
  /** Failed, unknown and written-off nodes over the whole plan before the window halts. */
  readonly failureBudget: number
  /** The first node of each platform is done before a second one goes down. */
  readonly canaryFirst: boolean
  readonly drain: 'zero-weight' | 'none'
  /** Fewest storages with a weight above zero that must remain. */
  readonly activeStorageFloor: number
  readonly settleMs: number
  readonly soakMs: number
  readonly watchMs: number
  readonly rebootDelayMs: number
  readonly reboot: 'always' | 'if-needed'
  /** Expected worst case (p95) of what happens ahead of the slot and inside it. */
  readonly prepareEstimateMs: number
  readonly downEstimateMs: number
  /** Added to the estimates when deciding whether a node still fits before closing. */
  readonly allowanceMs: number
  readonly deadlines: {
    readonly stageMs: number
    readonly upgradeMs: number
    /** From the reboot order to a healthy verdict; past it the node is overdue, which escalates and never concludes. */
    readonly returnMs: number
  }
  /** none: this fleet has no assigner. inactive-is-intended: it is off already and shall stay so. */
  readonly assigner: 'pause' | 'inactive-is-intended' | 'none'
  /** A live assigner pipeline after the pause: wait for it, or cancel it. */
  readonly livePipelines: 'wait' | 'cancel'
}

export interface Excluded { readonly node: string, readonly reasons: readonly Reason[] }

export interface Plan {
  readonly version: 1
  readonly fleet: string
  readonly createdAt: number
  readonly createdBy: string
  readonly reason: string
  readonly opensAt: number
  readonly closesAt: number
  readonly nodes: readonly PlanNode[]
  readonly excluded: readonly Excluded[]
  readonly policy: Policy
  /** How long the plan should take, by its own estimates. */
  readonly estimateMs: number
}

export interface StoredPlan { readonly hash: string, readonly bytes: string, readonly plan: Plan }

const byName = new WeakMap<Plan, ReadonlyMap<string, PlanNode>>()

/** Asked at every node of every decision. A plan never changes, so its index is made once. */
export function planNodeOf(plan: Plan, name: string): PlanNode | undefined {
  let index = byName.get(plan)
  if (index === undefined) {
    index = new Map(plan.nodes.map((node) => [node.node, node]))
    byName.set(plan, index)
  }
  return index.get(name)
}

export function sealPlan(plan: Plan): StoredPlan {
  const bytes = canonicalJson(plan)
  return { hash: sha256(bytes), bytes, plan }
}

/** @throws Fault PLAN_CHANGED when the bytes do not have the hash; STORE_NEWER for a version we do not know, STORE_CORRUPT when they are no plan. */
export function openPlan(hash: string, bytes: string): StoredPlan {
  if (sha256(bytes) !== hash) throw new Fault('PLAN_CHANGED', `the stored plan ${hash.slice(0, 12)} has other bytes than its hash says`)
  const plan = parsed(bytes)
  if (plan === null) throw new Fault('STORE_CORRUPT', `what is stored as plan ${hash.slice(0, 12)} is no plan`)
  if (plan.version !== 1) throw new Fault('STORE_NEWER', `plan ${hash.slice(0, 12)} has format ${String(plan.version)}; this release reads format 1`)
  return { hash, bytes, plan }
}

/** Null: not even the beginnings of a plan. The rest is what the hash stands for. */
function parsed(bytes: string): Plan | null {
  try {
    const plan = JSON.parse(bytes) as Partial<Plan> | null
    const isPlan = typeof plan?.version === 'number' && (plan.version !== 1 || (Array.isArray(plan.nodes) && typeof plan.policy === 'object' && plan.policy !== null))
    return isPlan ? plan as Plan : null
  } catch {
    return null
  }
}

/** Slots slide, so the whole is the larger of the work per slot and the work per prepare right, plus one lead-in. */
export function estimatePlan(nodes: number, policy: Policy): number {
  const down = policy.downEstimateMs + policy.soakMs
  const prepare = policy.prepareEstimateMs + policy.settleMs
  const rounds = Math.ceil(nodes / policy.groupSize)
  const prepareRounds = Math.ceil(nodes / policy.prepareAhead)
  return prepare + Math.max(rounds * down, prepareRounds * prepare) + policy.watchMs
}
