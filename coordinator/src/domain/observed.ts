// What the coordinator knows of the world right now, beside the journal. Never journaled as it is, lost on a restart,
// read again then. `at` is when the reading was *asked for*: an answer says nothing about later. `seq` is what the journal was at
// just then. Whether a reading is from before something that is journaled is told by the numbers alone: a wall clock is set
// back and forward. `at` is for ages of seconds. The maps by node are live: a decision reads them at once and keeps none of them.
import type { Reason } from '@pitstop/shared/fault'
import type { EvidenceItem, PackageVersion } from './event.ts'

export interface Verdict {
  readonly status: 'healthy' | 'unhealthy' | 'unknown'
  readonly bootId: string
  readonly evidence: readonly EvidenceItem[]
  readonly reasons: readonly Reason[]
  readonly healthyForMs: number
  readonly gitalyPid: number
  /** Host's clock, epoch ms; 0 = not yet. */
  readonly servingSince: number
  readonly bootsSinceOrder: number
  /** Host's clock, epoch ms: when Gitaly's stop for the reboot began; 0 = not known. */
  readonly stoppedAt: number
}

/** An agent's answer about an order; `absent` = it never heard of it. */
export interface OrderView {
  readonly id: string
  readonly status: 'accepted' | 'running' | 'succeeded' | 'failed' | 'vetoed' | 'cancelled' | 'in-doubt' | 'absent' | 'unknown'
  readonly reasons: readonly Reason[]
  readonly changes: readonly { readonly name: string, readonly from: string, readonly to: string, readonly security: boolean }[]
  readonly notes: readonly string[]
  readonly rebootRequired: boolean
  /** Host's clock, epoch ms; 0 = not reached. */
  readonly gitalyStoppedAt: number
}

/** What a host has promised to put back by itself, and has not yet. */
export interface HostPromise {
  readonly id: string
  readonly what: string
  /** Host's clock, epoch ms. */
  readonly dueAt: number
  /** Empty = no attempt has failed. */
  readonly lastError: string
}

export interface HostView {
  readonly bootId: string
  readonly platform: string
  readonly gitalyPid: number
  /** Null: its agent could not tell. That is not "down". */
  readonly gitalyRuns: boolean | null
  readonly rebootRequired: boolean
  readonly vetoes: readonly Reason[]
  readonly promises: readonly HostPromise[]
  readonly orders: readonly OrderView[]
  readonly currentOrder: string | null
  readonly highestEpoch: number
  /** Agent's wall clock minus ours, ms. */
  readonly clockOffsetMs: number
  readonly requestsInFlight: number
  readonly pendingUpdates: readonly PackageVersion[]
  readonly certificateExpiresAt: number
  /** How long the hooks ahead of a reboot may run, all together; 0 = there are none, or the agent is too old to tell. */
  readonly hooksMs: number
  /** Taken in last; null = none ever was, or the agent is too old to tell. plan: its hash. */
  readonly latestOrder: { readonly id: string, readonly step: string, readonly plan: string } | null
  readonly protocol: { readonly min: number, readonly max: number }
}

export interface Look {
  readonly at: number
  readonly seq: number
  /** null: no answer; then `fault` says why. */
  readonly verdict: Verdict | null
  readonly fault: Reason | null
  /** Gitaly asked from the coordinator's side; null = no address to ask. */
  readonly outside: { readonly serving: boolean, readonly text: string } | null
  /** The node's recheck flag that the look was made under. */
  readonly recheck: boolean
}

export interface FinalCheck {
  readonly at: number
  /** Of the taking of the slot that it was made under; a check from before says nothing. */
  readonly slotSeq: number
  readonly reasons: readonly Reason[]
  /** wait: gates; postpone: the host refuses; halt: a person must look; fail: Gitaly is down already. */
  readonly otherwise: 'go' | 'wait' | 'postpone' | 'halt' | 'fail'
  readonly bootId: string
  readonly hooksMs: number
}

export interface GitLabReading {
  readonly at: number
  readonly seq: number
  readonly weights: Readonly<Record<string, number>>
  readonly scheduleActive: boolean | null
  readonly pipelines: readonly { readonly id: number, readonly status: string, readonly webUrl: string }[]
  /** Storages with unfinished repository moves. */
  readonly moving: readonly string[]
}

/** One firing alert that a configured gate asks for; the same alert stands here once for each gate that it closes. */
export interface FiringAlert {
  readonly gate: string
  readonly name: string
  /** Which node it is about, by its label; null = it has none. */
  readonly node: string | null
  /** Epoch ms. */
  readonly since: number
}

export interface AlertReading { readonly at: number, readonly firing: readonly FiringAlert[] }

export interface Observed {
  readonly epoch: number
  readonly frozen: { readonly by: string, readonly reason: string } | null
  readonly gitlab: GitLabReading | null
  /** The last reading failed. */
  readonly gitlabFault: { readonly reason: Reason, readonly at: number } | null
  /** Null: no gate on alerts is configured, and none is read. `fault`: the last reading failed at `at`. */
  readonly alerts: { readonly reading: AlertReading | null, readonly fault: { readonly reason: Reason, readonly at: number } | null } | null
  /** The last weight or schedule write, begun at `seq`, failed at `at`; nothing is written before `retryAt`. isOfLost: it was the reading of what lost writes have left. */
  readonly writeFault: { readonly reason: Reason, readonly at: number, readonly seq: number, readonly retryAt: number, readonly isOfLost: boolean } | null
  /** For how long a write whose answer was lost may still land, by the clock that never jumps: the journal has only the other. Live. */
  readonly lostWrite: { leftMs(): number }
  /** Weights that a restored store had lost and no person has settled yet. Live. */
  readonly lostWeights: () => number
  /** Pipelines that GitLab was told to cancel. One that takes its time to end is not told again. */
  readonly cancelled: ReadonlySet<number>
  /** Weight changes that were refused before sending (floor, unknown storage), by node; seq: when GitLab was read for it. */
  readonly refusedChanges: ReadonlyMap<string, { readonly seq: number, readonly reasons: readonly Reason[] }>
  /** Keyed by node. */
  readonly looks: ReadonlyMap<string, Look>
  /** What each node's agent last said of its reboot order, and when it was asked. */
  readonly rebootOrders: ReadonlyMap<string, { readonly order: OrderView, readonly askedAt: number }>
  readonly agentFaults: ReadonlyMap<string, { readonly reason: Reason, readonly at: number }>
  /** The order that each node was sent once more under the present epoch: a copy of it may come late. */
  readonly sentAgain: ReadonlyMap<string, string>
  /** When each node's agent last answered about an order. */
  readonly answered: ReadonlyMap<string, number>
  readonly finalChecks: ReadonlyMap<string, FinalCheck>
  /** Idle nodes asked when a node was overdue. */
  readonly around: { readonly at: number, readonly seq: number, readonly tried: number, readonly reached: number } | null
  readonly progress: ReadonlyMap<string, { readonly percent: number, readonly text: string }>
  /** How long ago an entry of the journal was made, ms, by the clock that never jumps. `at` by the wall clock of whoever wrote it, `now` by ours. Live. */
  readonly ageMs: (entry: { readonly seq: number, readonly at: number }, now: number) => number
  /** Keys of effects under way. */
  readonly inFlight: { has(key: string): boolean }
}

/** Whether what was observed at `at` still counts. If that is yet to come, the wall clock was set back: it is observed again. */
export const stillCounts = (at: number, forMs: number, now: number): boolean => at <= now && now < at + forMs

type ByNode = 'looks' | 'rebootOrders' | 'sentAgain' | 'agentFaults' | 'answered' | 'finalChecks' | 'progress'
/** What is observed node by node, for whoever observes. A fleet is looked at many times a second: no map is copied for a look. */
export type Noted = { readonly [K in ByNode]: Observed[K] extends ReadonlyMap<string, infer What> ? Map<string, What> : never }

export const nothingNoted = (): Noted =>
  ({ looks: new Map(), rebootOrders: new Map(), sentAgain: new Map(), agentFaults: new Map(), answered: new Map(), finalChecks: new Map(), progress: new Map() })

export const nothingObserved = (epoch: number, noted = nothingNoted()): Observed => ({
  epoch, frozen: null, gitlab: null, gitlabFault: null, alerts: null, writeFault: null, lostWrite: { leftMs: () => Infinity }, lostWeights: () => 0, cancelled: new Set(), refusedChanges: new Map(), ...noted, around: null, ageMs: ({ at }, now) => now - at, inFlight: new Set()
})
