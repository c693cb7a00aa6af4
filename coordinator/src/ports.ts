// What the engine needs of the world, as small interfaces. Adapters are the only users of their packages.
import type { Reason } from '@pitstop/shared/fault'
import type { AlertSurvey } from './domain/alert-survey.ts'
import type { OrderRequest } from './domain/effect.ts'
import type { Event, FleetEvent, PackageVersion, Recorded } from './domain/event.ts'
import type { FiringAlert, HostView, OrderView, Verdict } from './domain/observed.ts'
import type { PlanNode, StoredPlan } from './domain/plan.ts'

export type { GitLab } from './adapters/gitlab/port.ts'

/** Time comes in as an argument, so that the whole coordinator can run in virtual time. */
export interface Clock {
  /** Epoch ms. */
  now(): number
  /** Ms on a clock that never jumps and runs through suspend. */
  monotonic(): number
  /** Calls back once, ms from now; the answer cancels it. */
  after(ms: number, call: () => void): () => void
}

export interface OrderPayload {
  readonly order: OrderRequest
  readonly epoch: number
  readonly fleet: string
  readonly planHash: string
  /** stage: empty = resolve. */
  readonly manifest: readonly PackageVersion[]
  readonly delayMs: number
  readonly reason: string
  /** Ms until the call is given up; the order itself goes on at the agent. */
  readonly deadlineMs: number
}

/** Every call has a deadline and throws a Fault: AGENT_UNREACHABLE (nothing is known), or the agent's own code. */
export interface Agents {
  describe(node: PlanNode, epoch: number, orderIds: readonly string[]): Promise<HostView>
  /** The host answers: what is sent now need not wait for it. Nothing is asked of it. */
  reach(node: PlanNode): Promise<void>
  /** Ends with what the agent says became of the order; a reboot ends as "running" once it is scheduled. */
  order(node: PlanNode, payload: OrderPayload, progress: (percent: number, text: string) => void): Promise<OrderView>
  cancelReboot(node: PlanNode, payload: OrderPayload, rebootOrderId: string): Promise<{ readonly result: 'cancelled' | 'too-late' | 'not-found', readonly order: OrderView | null }>
  health(node: PlanNode, epoch: number, rebootOrderId: string, sinceLastStart: boolean): Promise<Verdict>
  /** Gitaly asked from this side; null = the plan has no address of it. Never throws. */
  probeGitaly(node: PlanNode): Promise<{ readonly serving: boolean, readonly text: string } | null>
  /** The host is back, by its own word: a look that still waits for an answer over a connection from before is given up. */
  reconnect(node: PlanNode): void
  close(): void
}

/** Alertmanager, to look at and nothing else. */
export interface Alerts {
  /** What fires now and closes a gate, gate by gate; silenced and inhibited alerts do not count. Not repeated by itself. @throws Fault ALERTS_* */
  firing(): Promise<readonly FiringAlert[]>
  /** Everything that it shows, and how much of that the gates look at: for people. @throws Fault ALERTS_* */
  survey(): Promise<AlertSurvey>
  /** Abandons readings under way. */
  close(): Promise<void>
}

export interface LeaseRow {
  readonly fleet: string
  /** Who: host, process id and a random part. */
  readonly holder: string
  /** host:port where agents report to the holder. */
  readonly address: string
  /** URL of the holder's HTTP API; empty = it has none but its own socket. */
  readonly api: string
  readonly epoch: number
  /** Epoch ms by the store's clock. */
  readonly expiresAt: number
  /** Ms until then, by the store's clock, when the row was read. */
  readonly leftMs: number
  /** Ms for which the holder takes it at each renewal. Missing: it does not say, as of an older release. */
  readonly ttlMs?: number
  /** Its holder's break-glass file is on disk as of this epoch: others may leave what is owed to it. Missing: not yet, or an older release does not say. */
  readonly filed?: true
}

export interface LeaseWishes {
  readonly api?: string
  /** The epoch becomes greater than this one too: agents have seen it. */
  readonly above?: number
  /** Another's row whose holder has stopped (lease-watch.ts): taken if it is still this one, though the store's clock says that it has not ended. */
  readonly abandoned?: LeaseRow
  /** Not taken if the epoch is another by now: what was judged has changed. Left out = whatever it is. */
  readonly judged?: number
  /** Why the store is not what it was; written down together with the lease, and told by `incarnation` until `concludeRestore`. */
  readonly restored?: readonly Reason[]
}

/** Which store this is. Its id is given at random when it is made, and anew when it is found restored. */
export interface Incarnation {
  readonly id: string
  /** It lives elsewhere, or on another timeline, than when it got its id: failed over or restored. In words; null = not, or not known. */
  readonly moved: string | null
  /** Whether it is written where it lives. */
  readonly placed: boolean
  /** Of its newest row; 0 = it has none. */
  readonly seq: number
  /** It was found restored, and whoever found it did not come to the end of seeing to it; empty = no such thing. */
  readonly restoring: readonly Reason[]
}

/** A change of the fleet's one open-window row, made in the same transaction as the events that explain it. */
export type WindowRow = { readonly open: number } | 'close'

export interface Told { readonly stream: string, readonly events: readonly (Event | FleetEvent)[] }

export interface StreamEvent { readonly stream: string, readonly recorded: Recorded<Event | FleetEvent> }

export interface Store {
  /** Several coordinators may use it. Else nobody but us is alive on it, and the lease of a dead process may be taken at once. */
  readonly shared: boolean
  /** Takes or re-takes the lease when it is free or expired; the epoch grows at each taking. Null: somebody else holds it. */
  takeLease(holder: string, address: string, ttlMs: number, wishes?: LeaseWishes): Promise<LeaseRow | null>
  /** False: the lease is another's now. @throws Fault LEASE_LOST: it ran out and is nobody's; take it anew. */
  renewLease(holder: string, epoch: number, ttlMs: number): Promise<boolean>
  releaseLease(holder: string, epoch: number): Promise<void>
  readLease(): Promise<LeaseRow | null>
  /** `filed` of this epoch's lease; nothing, if it is another's by now. */
  noteFiled(epoch: number): Promise<void>
  /** All or nothing, behind a lock on the lease row. @throws Fault STALE_EPOCH, LEASE_LOST, WINDOW_OPEN, STORE_UNAVAILABLE */
  append<E extends { readonly type: string }>(epoch: number, stream: string, at: number, events: readonly E[], window?: WindowRow): Promise<Recorded<E>[]>
  /** Events of a stream in order. @throws Fault STORE_CORRUPT, STORE_NEWER */
  read<E>(stream: string, afterSeq?: number): Promise<Recorded<E>[]>
  /** Every stream's events in the order in which they were stored: what standbys follow. @param most so many of them. @throws as read */
  readAll(afterSeq: number, most?: number): Promise<StreamEvent[]>
  savePlan(plan: StoredPlan): Promise<void>
  readPlan(hash: string): Promise<StoredPlan | null>
  listPlans(): Promise<StoredPlan[]>
  openWindow(): Promise<{ readonly plan: string, readonly number: number } | null>
  incarnation(): Promise<Incarnation>
  /** A new id, or with `id` the same one, written where the store lives now. @throws Fault STALE_EPOCH, LEASE_LOST */
  reincarnate(epoch: number, id?: string): Promise<string>
  /**
   * A restore has been seen to: a new id, written where the store lives now, what is told of it, and the end of `restoring`; all or nothing.
   * @param tell what is journaled, by the new id. @throws as append
   */
  concludeRestore(epoch: number, at: number, tell: (incarnation: string) => readonly Told[]): Promise<StreamEvent[]>
  /** A whole copy of the store as it is now, as bytes of a store's file. Missing: the store's own server makes its backups. */
  backup?(): Promise<Uint8Array>
  close(): Promise<void>
}

/** Stream of the fleet's own events. */
export const fleetStream = 'fleet'
