// The state of a plan: what the journal folds into. Data only.
import type { Reason } from '@pitstop/shared/fault'
import type { NodeStepName, ObligationKind, PackageVersion, StepFacts, StepName } from './event.ts'
import { perState } from './per-state.ts'
import type { StoredPlan } from './plan.ts'

/**
 * waiting: not started; nothing of it was touched.
 * preparing: may be staged, taken out of weights and upgraded; Gitaly runs.
 * prepared: all that can happen ahead of the outage has happened; waits for a slot.
 * down: holds a slot. Also while overdue: a slot is freed by health or by a person, never by time.
 * returning: healthy again, slot freed; its weight is put back and the watch runs.
 * done: upgraded, rebooted, proven, restored.
 * current: there was nothing to do.
 * postponed: refused or stepped back, left as it was.
 * pending-reboot: upgraded, Gitaly validated, weight restored, not rebooted; carried over to another window.
 * failed: needs a person. Keeps its slot if it was down, and its weight 0.
 * skipped: a person left it out before it began.
 * written-off: a named person takes it over; slot freed, budget spent.
 */
export const nodePhases = ['waiting', 'preparing', 'prepared', 'down', 'returning', 'done', 'current', 'postponed', 'pending-reboot',
  'failed', 'skipped', 'written-off'] as const
export type NodePhase = (typeof nodePhases)[number]

export interface StepState {
  readonly status: 'intended' | 'done' | 'ended'
  readonly attempt: number
  readonly facts: StepFacts
  /** Lease epoch of the intent. */
  readonly epoch: number
  readonly intendedAt: number
  readonly endedAt: number | null
  /** seq of the two: what came first, whoever's clock said when. */
  readonly intendedSeq: number
  readonly endedSeq: number | null
}

export interface NodeState {
  readonly node: string
  readonly phase: NodePhase
  /** Raised by a person's retry and by carrying over into another window; part of every order id. */
  readonly attempt: number
  readonly steps: Readonly<Partial<Record<NodeStepName, StepState>>>
  readonly holdsSlot: boolean
  /** No verdict in time: counts against the budget until the truth is known. */
  readonly overdue: boolean
  readonly failedStep: NodeStepName | null
  readonly reasons: readonly Reason[]
  readonly phaseSince: number
  /** seq of the event that brought the phase. */
  readonly phaseSeq: number
  readonly slotTakenAt: number | null
  readonly slotFreedAt: number | null
  /** seq of the taking and the freeing: what came first, whoever's clock said when. */
  readonly slotTakenSeq: number
  readonly slotFreedSeq: number
  readonly outageMs: number | null
  /** A person looked at the failure and asked to be judged again: only the last start counts. */
  readonly recheck: boolean
  /** A person asked for this node by name: it goes through the halt that it caused itself. */
  readonly askedFor: boolean
  /** Failed, and not healthy since: counts against the budget also while a retry is under way. */
  readonly unproven: boolean
  /** Upgraded in some attempt of this plan: a step back is then "pending reboot", not "postponed". */
  readonly upgraded: boolean
  /** seq of the agent's latest readiness report; a look from before it is made again. 0 = none. */
  readonly reportedSeq: number
  /** seq of the last event about this node: what an operator saw. */
  readonly version: number
}

export interface Obligation {
  readonly id: string
  readonly kind: ObligationKind
  /** Storage, or the assigner's name. */
  readonly subject: string
  readonly node: string | null
  readonly previous: number | boolean
  readonly openedAt: number
  readonly openedSeq: number
  readonly status: 'open' | 'paid' | 'superseded' | 'void'
  readonly settledBy: string | null
  readonly text: string | null
  /** What GitLab showed of it when a person took it over; null = it was not, or nobody knows. */
  readonly shown: number | boolean | null
}

/** A write to GitLab without outcome: it is on its way, or its answer was lost. */
export interface WriteInDoubt {
  /** Epoch ms: until then it may land. */
  readonly landsBy: number
  /** Null: it stood in a journal that is lost; it is waited out, and no more is known of it. */
  readonly intent: { readonly step: StepName, readonly node: string | null, readonly seq: number, readonly weights: Readonly<Record<string, number>> } | null
}

/** opening: rights and assigner. rolling: nodes go. closing: nothing new, running ones end. settling: debts. */
export type WindowPhase = 'none' | 'opening' | 'rolling' | 'closing' | 'settling' | 'closed'

export interface WindowState {
  readonly number: number
  readonly phase: WindowPhase
  readonly by: string
  readonly reason: string
  /** seq of the last event about the window itself: what an operator saw. */
  readonly version: number
  readonly openedAt: number
  readonly openedSeq: number
  readonly closesAt: number
  readonly halt: { readonly reasons: readonly Reason[], readonly at: number } | null
  readonly pause: { readonly by: string, readonly reasons: readonly Reason[], readonly at: number } | null
  readonly abort: { readonly by: string, readonly reason: string, readonly at: number, readonly seq: number } | null
  /** seq of the last time that a person resumed it; 0 = never. What was observed before does not pause the window again. */
  readonly resumedSeq: number
  /** seq of the last pause because the store was found not to be what it was; 0 = none. The journal from before it may know half of what was done since. */
  readonly restoredSeq: number
  readonly failureBudget: number
  readonly weightsAtOpening: Readonly<Record<string, number>>
  readonly assignerAtOpening: boolean | null
  readonly audit: readonly Reason[] | null
  readonly closedAt: number | null
}

export interface State {
  readonly stored: StoredPlan
  readonly window: WindowState
  readonly nodes: ReadonlyMap<string, NodeState>
  readonly windowSteps: Readonly<Partial<Record<StepName, StepState>>>
  readonly manifests: ReadonlyMap<string, { readonly hash: string, readonly packages: readonly PackageVersion[], readonly node: string }>
  readonly obligations: ReadonlyMap<string, Obligation>
  /** Kept apart from the steps: a retry forgets a step, not a write. */
  readonly writesInDoubt: ReadonlyMap<string, WriteInDoubt>
  readonly seq: number
  readonly lastAt: number
}

const finished: ReadonlySet<NodePhase> = new Set(['done', 'current', 'postponed', 'pending-reboot', 'skipped', 'written-off'])
const running: ReadonlySet<NodePhase> = new Set(['preparing', 'prepared', 'down', 'returning'])

/** Nothing more happens to it without a person. */
export const isFinished = (node: NodeState): boolean => finished.has(node.phase)
export const isRunning = (node: NodeState): boolean => running.has(node.phase)
/** Counts against the failure budget. */
export const countsAsFailed = (node: NodeState): boolean =>
  node.phase === 'failed' || node.phase === 'written-off' || node.overdue || node.unproven

export const nodeOf = (state: State, name: string): NodeState => {
  const node = state.nodes.get(name)
  if (node === undefined) throw new RangeError(`no node ${name} in plan ${state.stored.hash}`)
  return node
}
export const openObligations: (state: State) => readonly Obligation[] = perState((state) => [...state.obligations.values()].filter((each) => each.status === 'open'))
export const weightObligation = (storage: string): string => `weight:${storage}`
export const assignerObligation = 'assigner'

/** What to call a window: its phase, or what holds it. */
export type WindowLabel = WindowPhase | 'halted' | 'paused' | 'aborting'

/** Its store was found not to be what it was, and no person has said since whether it goes on or ends: nothing is written to GitLab, whatever the phase. */
export const awaitsPerson = ({ window }: Pick<State, 'window'>): boolean =>
  window.phase !== 'none' && window.phase !== 'closed' && window.restoredSeq > Math.max(window.resumedSeq, window.abort?.seq ?? 0)

export function labelOf({ window }: State): WindowLabel {
  if (awaitsPerson({ window })) return 'paused'
  if (window.abort !== null && window.phase === 'closing') return 'aborting'
  if (window.phase !== 'rolling') return window.phase
  return window.halt !== null ? 'halted' : window.pause !== null ? 'paused' : 'rolling'
}

/**
 * Nothing that a decision about these nodes rests on has changed: no event about the window, about them, or about what is owed for them.
 * @param promise of which no node is the reason, and on which the decision rests too.
 */
export const stillHolds = (decidedOn: State, now: State, nodes: readonly string[], promise: string | null = null): boolean =>
  decidedOn === now || (decidedOn.window.version === now.window.version && nodes.every((node) => decidedOn.nodes.get(node)?.version === now.nodes.get(node)?.version)
    && (decidedOn.obligations === now.obligations
      || [...now.obligations].every(([id, each]) => decidedOn.obligations.get(id) === each || !(id === promise || (each.node !== null && nodes.includes(each.node))))))
