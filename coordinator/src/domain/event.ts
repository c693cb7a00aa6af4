// What the journal holds. Append-only; the state is a fold over it. An event says what was intended, what came of it,
// or what a person decided, with names and numbers enough to explain it years later.
import type { Reason } from '@pitstop/shared/fault'

export const nodeSteps = [
  'stage', 'zero-weight', 'settle', 'upgrade', 'point-of-no-return', 'reboot', 'check-service', 'check-log', 'soak', 'restore-weight', 'watch'
] as const
export type NodeStepName = (typeof nodeSteps)[number]
export type WindowStepName = 'pause-assigner' | 'drain-pipelines' | 'resume-assigner'
export type StepName = NodeStepName | WindowStepName

export interface PackageVersion { readonly name: string, readonly version: string }
export interface EvidenceItem { readonly check: string, readonly status: 'healthy' | 'unhealthy' | 'unknown', readonly text: string }

/** What came of a step; which fields are there depends on the step. Instants are epoch ms. */
export interface StepFacts {
  readonly orderId?: string
  readonly notAfter?: number
  /** Boot that a reboot order ends, or that a verdict is about. */
  readonly bootId?: string
  readonly manifestHash?: string
  readonly changes?: number
  readonly rebootRequired?: boolean
  readonly gitalyPid?: number
  readonly notes?: readonly string[]
  readonly evidence?: readonly EvidenceItem[]
  /** A weight write that was sent can land until then. */
  readonly landsBy?: number
  /** weights by storage that the write sets. */
  readonly weights?: Readonly<Record<string, number>>
  /** Times by the host: Gitaly's stop begun, serving again. */
  readonly stoppedAt?: number
  readonly servingAt?: number
  /** An assigner that was found inactive stays so. */
  readonly wasActive?: boolean
}

export type ObligationKind = 'weight' | 'assigner'

export type Event =
  // ---- window
  | { readonly type: 'window-opened', readonly window: number, readonly by: string, readonly reason: string, readonly closesAt: number,
      readonly weights: Readonly<Record<string, number>>, readonly assignerActive: boolean | null }
  | { readonly type: 'window-rolling' }
  | { readonly type: 'window-halted', readonly reasons: readonly Reason[] }
  | { readonly type: 'window-paused', readonly by: string, readonly reasons: readonly Reason[] }
  | { readonly type: 'window-resumed', readonly by: string, readonly reason: string, readonly failureBudget: number }
  /** The pause is lifted and nothing else: a halt stays while its budget is spent, and a restored window that was ending goes on to its end. */
  | { readonly type: 'window-unpaused', readonly by: string, readonly reason: string }
  | { readonly type: 'window-aborted', readonly by: string, readonly reason: string }
  | { readonly type: 'window-closing', readonly reasons: readonly Reason[] }
  | { readonly type: 'window-settling' }
  | { readonly type: 'window-audited', readonly differences: readonly Reason[] }
  | { readonly type: 'window-closed' }
  | { readonly type: 'manifest-resolved', readonly platform: string, readonly node: string, readonly hash: string, readonly packages: readonly PackageVersion[] }
  // ---- steps: intent, then outcome
  | { readonly type: 'step-intended', readonly node: string | null, readonly step: StepName, readonly attempt: number, readonly facts: StepFacts }
  | { readonly type: 'step-done', readonly node: string | null, readonly step: StepName, readonly attempt: number, readonly facts: StepFacts }
  /** Ended without success: never begun, refused or failed; the reasons say which. */
  | { readonly type: 'step-ended', readonly node: string | null, readonly step: StepName, readonly attempt: number, readonly reasons: readonly Reason[] }
  // ---- nodes
  | { readonly type: 'node-admitted', readonly node: string }
  | { readonly type: 'node-prepared', readonly node: string }
  | { readonly type: 'slot-taken', readonly node: string }
  /** Given back before the point of no return; the node never went down. */
  | { readonly type: 'slot-returned', readonly node: string, readonly reasons: readonly Reason[] }
  /** The slot is freed by health. outageMs: Gitaly's stop until it served again, by the host's clock; null = not known. */
  | { readonly type: 'node-healthy', readonly node: string, readonly bootId: string, readonly outageMs: number | null }
  | { readonly type: 'node-done', readonly node: string }
  | { readonly type: 'node-current', readonly node: string, readonly reasons: readonly Reason[] }
  | { readonly type: 'node-postponed', readonly node: string, readonly reasons: readonly Reason[] }
  | { readonly type: 'node-pending-reboot', readonly node: string, readonly reasons: readonly Reason[] }
  | { readonly type: 'node-failed', readonly node: string, readonly step: NodeStepName, readonly down: boolean, readonly reasons: readonly Reason[] }
  | { readonly type: 'node-overdue', readonly node: string, readonly reasons: readonly Reason[] }
  | { readonly type: 'node-skipped', readonly node: string, readonly by: string, readonly reason: string }
  | { readonly type: 'node-retried', readonly node: string, readonly by: string, readonly reason: string, readonly mode: 'recheck' | 'reboot' | 'again' }
  | { readonly type: 'node-written-off', readonly node: string, readonly by: string, readonly reason: string }
  | { readonly type: 'node-reported', readonly node: string, readonly orderId: string, readonly bootId: string, readonly status: 'healthy' | 'unhealthy' | 'unknown' }
  // ---- obligations
  | { readonly type: 'obligation-opened', readonly id: string, readonly kind: ObligationKind, readonly subject: string, readonly node: string | null, readonly previous: number | boolean }
  /** shown: what GitLab showed of it when a person took it over; absent = it could not be asked, or an older release did not write it down. */
  | { readonly type: 'obligation-settled', readonly id: string, readonly how: 'paid' | 'superseded' | 'void', readonly by: string, readonly text: string, readonly shown?: number | boolean }

/** Events of the fleet itself, outside any plan. */
export type FleetEvent =
  | { readonly type: 'frozen', readonly by: string, readonly reason: string }
  | { readonly type: 'unfrozen', readonly by: string, readonly reason: string }
  /** release: of the coordinator that took it; missing before 0.2. */
  | { readonly type: 'lease-taken', readonly holder: string, readonly address: string, readonly release?: string }
  /** The store is not what it was: from a backup, failed over, or another one. `was`: its incarnation as it was known here. ended: other incarnations that ended in it, that of the copy too. orders: those that agents have and the journal has not. lostPlans: of these, such as are of plans that the store does not hold. All missing before 0.2. */
  | { readonly type: 'store-restored', readonly incarnation: string, readonly was: string, readonly reasons: readonly Reason[], readonly ended?: readonly string[], readonly orders?: readonly string[], readonly lostPlans?: readonly LostPlanOrder[] }
  /** A promise that a restored journal does not hold and that is still unpaid as far as can be told. A person settles it. */
  | { readonly type: 'obligation-found', readonly id: string, readonly kind: ObligationKind, readonly subject: string, readonly node: string | null,
      readonly previous: number | boolean, readonly text: string }
  /** text: what GitLab showed just then; missing before 0.2. */
  | { readonly type: 'obligation-cleared', readonly id: string, readonly by: string, readonly reason: string, readonly text?: string }
  | { readonly type: 'report-observed', readonly node: string, readonly orderId: string, readonly bootId: string, readonly status: 'healthy' | 'unhealthy' | 'unknown' }

/** storages: of the node, by the inventory of then. */
export interface LostPlanOrder { readonly node: string, readonly step: string, readonly id: string, readonly plan: string, readonly storages: readonly string[] }

export const eventVersion = 1

/** An event with its place in the journal. */
export interface Recorded<E> { readonly seq: number, readonly at: number, readonly epoch: number, readonly event: E }
