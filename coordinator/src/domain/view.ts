// What people are shown of a window: one shape for CLI, page and API.
import type { Reason } from '@pitstop/shared/fault'
import { type ByHand, payByHand, unpaidBecause } from './obligations.ts'
import { namedHint } from './named-hint.ts'
import type { Observed } from './observed.ts'
import type { Report } from './report.ts'
import { failures, slotsTaken } from './slots.ts'
import { type NodePhase, type NodeState, type Obligation, type State, type WindowLabel, type WindowPhase, labelOf, openObligations } from './state.ts'
import type { StepName } from './event.ts'

export interface NodeView {
  readonly node: string
  readonly zone: string
  readonly storages: readonly string[]
  readonly phase: NodePhase
  readonly overdue: boolean
  readonly attempt: number
  readonly holdsSlot: boolean
  /** Step under way, or the last one done. */
  readonly step: StepName | null
  readonly progress: { readonly percent: number, readonly text: string } | null
  readonly reasons: readonly Reason[]
  readonly steps: readonly { readonly step: StepName, readonly status: 'intended' | 'done' | 'ended', readonly ms: number | null }[]
  readonly phaseSince: number
  /** Slot taken until slot freed. */
  readonly slotMs: number | null
  /** Gitaly stopped until Gitaly served again, by the host's clock. */
  readonly outageMs: number | null
  /** slotMs less the outage and the configured soak: what pitstop itself cost. */
  readonly lostMs: number | null
  /** Give this back with a command to have it refused if the node changed meanwhile. */
  readonly version: number
}

export interface ObligationView extends Omit<Obligation, 'openedSeq' | 'shown'> {
  readonly because: Reason | null
  readonly payByHand: string | null
}

export interface WindowView {
  readonly plan: string
  readonly window: number
  readonly phase: WindowPhase
  /** What to call it: the phase, or halted, paused, aborting. */
  readonly label: WindowLabel
  readonly by: string
  readonly openedAt: number
  readonly closesAt: number
  readonly closedAt: number | null
  readonly halt: State['window']['halt']
  readonly pause: State['window']['pause']
  readonly abort: State['window']['abort']
  readonly failureBudget: number
  readonly failures: number
  readonly groupSize: number
  readonly slotsTaken: number
  readonly gates: readonly Reason[]
  readonly reasons: readonly Reason[]
  readonly nodes: readonly NodeView[]
  readonly obligations: readonly ObligationView[]
  readonly audit: readonly Reason[] | null
  readonly weightsAtOpening: Readonly<Record<string, number>>
  readonly assignerAtOpening: boolean | null
  /** How long the plan should take, by its own estimates. */
  readonly estimateMs: number
  readonly soakMs: number
  readonly version: number
}

export function windowView(state: State, observed: Observed | null, report: Report, byHand: ByHand): WindowView {
  const { window, stored } = state
  return {
    plan: stored.hash, window: window.number, phase: window.phase, label: labelOf(state), by: window.by, openedAt: window.openedAt,
    closesAt: window.closesAt, closedAt: window.closedAt, halt: window.halt, pause: window.pause, abort: window.abort,
    failureBudget: window.failureBudget, failures: failures(state).length, groupSize: stored.plan.policy.groupSize,
    slotsTaken: slotsTaken(state).length, gates: report.gates, reasons: report.window,
    nodes: stored.plan.nodes.map((node) => {
      const self = state.nodes.get(node.node)
      if (self === undefined) throw new RangeError(node.node)
      return { ...nodeView(self, stored.plan.policy.soakMs), zone: node.zone, storages: node.storages,
        progress: observed?.progress.get(node.node) ?? null, reasons: whyNow(self, report.nodes.get(node.node) ?? (self.phase === 'waiting' ? report.waiting : null)).map((each) => namedHint(node.node, each)) }
    }),
    obligations: [...state.obligations.values()].map((obligation) => {
      const { openedSeq: _, shown: __, ...each } = obligation
      return { ...each, ...obligation.status === 'open' ? { because: unpaidBecause(state, obligation), payByHand: payByHand(byHand, obligation) } : { because: null, payByHand: null } }
    }),
    audit: window.audit, weightsAtOpening: window.weightsAtOpening, assignerAtOpening: window.assignerAtOpening,
    estimateMs: stored.plan.estimateMs, soakMs: stored.plan.policy.soakMs, version: state.seq
  }
}

/** What it waits for now; overdue says so first, for then waiting is not all that there is to do. */
function whyNow(self: NodeState, now: readonly Reason[] | null): readonly Reason[] {
  if (now === null) return self.reasons
  return self.overdue ? [...self.reasons, ...now.filter(({ code }) => !self.reasons.some((said) => said.code === code))] : now
}

function nodeView(self: NodeState, soakMs: number): Omit<NodeView, 'zone' | 'storages' | 'progress' | 'reasons'> {
  const recorded = Object.entries(self.steps)
  const steps = recorded.map(([step, { status, intendedAt, endedAt }], index) => {
    // A step that waits and looks has no intent: it began when the one before it ended.
    const before = recorded[index - 1]?.[1].endedAt
    const began = endedAt === intendedAt && before != null ? Math.min(before, intendedAt) : intendedAt
    return { step: step as StepName, status, ms: endedAt === null ? null : endedAt - began }
  })
  const under = steps.find(({ status }) => status === 'intended') ?? steps.at(-1)
  const slotMs = self.slotTakenAt === null || self.slotFreedAt === null ? null : self.slotFreedAt - self.slotTakenAt
  const lostMs = slotMs === null || self.outageMs === null ? null : slotMs - self.outageMs - soakMs
  return {
    node: self.node, phase: self.phase, overdue: self.overdue, attempt: self.attempt, holdsSlot: self.holdsSlot, step: self.phase === 'failed' ? self.failedStep : under?.step ?? null,
    steps, phaseSince: self.phaseSince, slotMs, outageMs: self.outageMs, lostMs, version: self.version
  }
}

/** Exit code and closing sentence of a watched window. */
export function outcomeOf(state: State): 'done' | 'unfinished' | 'failed' {
  const phases = [...state.nodes.values()].map(({ phase }) => phase)
  if (phases.some((phase) => phase === 'failed' || phase === 'written-off') || openObligations(state).length > 0) return 'failed'
  return phases.every((phase) => phase === 'done' || phase === 'current' || phase === 'skipped') ? 'done' : 'unfinished'
}
