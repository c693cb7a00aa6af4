// The shape of a runbook step. A step is pure: it looks at the node, the plan and what is observed, and says what comes
// next. It never acts; the engine does, and hands back what came of it.
import type { Reason } from '@pitstop/shared/fault'
import type { Effect } from '../domain/effect.ts'
import type { Event, NodeStepName } from '../domain/event.ts'
import type { Observed, OrderView } from '../domain/observed.ts'
import type { PlanNode } from '../domain/plan.ts'
import type { NodeState, State } from '../domain/state.ts'
import type { HostBeside } from './unordered-stop.ts'

export interface View {
  readonly state: State
  readonly self: NodeState
  readonly node: PlanNode
  readonly observed: Observed
  readonly now: number
}

export type Next =
  /** Proven by the journal: on to the next step. */
  | { readonly kind: 'done' }
  /** Something to journal now; then ask again. */
  | { readonly kind: 'record', readonly events: readonly Event[] }
  | { readonly kind: 'do', readonly effect: Effect, readonly because?: readonly Reason[] }
  | { readonly kind: 'wait', readonly reasons: readonly Reason[], readonly wakeAt?: number }

export interface NodeStep {
  readonly name: NodeStepName
  /** prepare: Gitaly runs. slot: the node is down. after: it is back. */
  readonly part: 'prepare' | 'slot' | 'after'
  next(view: View): Next
  /**
   * What an agent's answer about this step's order means. Steps without orders have none.
   * @param host as it was then, or after; null = it was not asked, because nothing has come of the order yet
   */
  conclude?(view: View, answer: OrderView, host: HostBeside | null): readonly Event[]
}

export const done: Next = { kind: 'done' }
export const record = (...events: readonly Event[]): Next => ({ kind: 'record', events })
export const act = (effect: Effect): Next => ({ kind: 'do', effect })
export const wait = (reasons: readonly Reason[], wakeAt?: number): Next =>
  wakeAt === undefined ? { kind: 'wait', reasons } : { kind: 'wait', reasons, wakeAt }

/** What this attempt journaled of a step; an earlier attempt's record does not count. */
export const stepOf = (self: NodeState, name: NodeStepName): NodeState['steps'][NodeStepName] => {
  const step = self.steps[name]
  return step?.attempt === self.attempt ? step : undefined
}
export const isDone = (self: NodeState, name: NodeStepName): boolean => stepOf(self, name)?.status === 'done'
