// What really happened in the simulated world, written down by the world itself: the evidence that the checker judges.
import type { Recorded } from '@pitstop/coordinator/domain/event'
import type { FaultCode } from '@pitstop/shared/fault-table'

export interface LostRow { readonly stream: string, readonly at: number, readonly recorded: Recorded<unknown> }

type Weights = Readonly<Record<string, number>>

export type Happening = {
  /** Epoch ms, true time: nobody's clock that jumps. */
  readonly at: number
  /** How many rows the journal had then: what was journaled before and what after, also within one millisecond. */
  seq?: number
} & (
  // ---- what a coordinator process sends. `leased`: the store's lease was its own just then, by the store's own clock.
  | { readonly what: 'order-sent', readonly by: string, readonly leased: boolean, readonly node: string, readonly step: string, readonly id: string, readonly epoch: number, readonly manifest: string }
  | { readonly what: 'cancel-sent', readonly by: string, readonly leased: boolean, readonly node: string, readonly id: string }
  /** `owed`: what the break-glass file said when the write left. */
  | { readonly what: 'weights-sent', readonly by: string, readonly leased: boolean, readonly write: number, readonly weights: Weights, readonly owed: string }
  | { readonly what: 'schedule-sent', readonly by: string, readonly leased: boolean, readonly write: number, readonly active: boolean, readonly owed: string }
  /** unknown: the writer cannot tell whether it landed, or will. */
  | { readonly what: 'write-answered', readonly write: number, readonly how: 'well' | 'refused' | 'unknown' }
  | { readonly what: 'pipeline-cancelled', readonly by: string, readonly leased: boolean }
  // ---- what a coordinator process is told
  | { readonly what: 'weights-read', readonly by: string, readonly asked: number, readonly weights: Weights }
  | { readonly what: 'schedule-read', readonly by: string, readonly asked: number, readonly active: boolean }
  | { readonly what: 'gitlab-failed', readonly by: string }
  | { readonly what: 'order-answered', readonly by: string, readonly node: string, readonly id: string, readonly asked: 'order' | 'question' }
  | { readonly what: 'report-acknowledged', readonly node: string, readonly orderId: string, readonly bootId: string }
  // ---- Alertmanager
  | { readonly what: 'alert-started', readonly alert: number, readonly name: string, readonly node: string | null }
  | { readonly what: 'alert-ended', readonly alert: number }
  | { readonly what: 'alerts-read', readonly by: string, readonly asked: number, readonly alerts: readonly number[] }
  | { readonly what: 'alerts-failed', readonly by: string }
  // ---- hosts
  | { readonly what: 'epoch-seen', readonly node: string, readonly epoch: number }
  | { readonly what: 'order-accepted', readonly node: string, readonly step: string, readonly id: string, readonly epoch: number, readonly clockOffMs?: number }
  | { readonly what: 'order-refused', readonly node: string, readonly id: string, readonly code: FaultCode }
  | { readonly what: 'order-cancelled', readonly node: string, readonly id: string }
  | { readonly what: 'apt-ran', readonly node: string, readonly id: string }
  | { readonly what: 'gitaly-stopped', readonly node: string, readonly id: string | null, readonly clockOffMs?: number }
  | { readonly what: 'gitaly-serving', readonly node: string }
  | { readonly what: 'gitaly-broken', readonly node: string, readonly why: string }
  | { readonly what: 'gitaly-mended', readonly node: string }
  | { readonly what: 'booted', readonly node: string, readonly bootId: string, readonly id: string | null }
  | { readonly what: 'cut-off', readonly cut: boolean }
  // ---- GitLab; by: "pitstop", or who else
  | { readonly what: 'weights-written', readonly by: string, readonly before: Weights, readonly after: Weights, readonly write?: number }
  | { readonly what: 'schedule-set', readonly by: string, readonly active: boolean }
  // ---- coordinators and people
  | { readonly what: 'lease-taken', readonly by: string, readonly epoch: number }
  | { readonly what: 'coordinator-killed', readonly by?: string }
  /**
   * The store was put back to its first `kept` rows. `lost`: what nobody can read any more, with the true time of each; up to
   * row `heard` the machine that comes back first had written it itself. `glass`: that machine's break-glass file.
   */
  | { readonly what: 'store-put-back', readonly kept: number, readonly lost: readonly LostRow[], readonly heard: number, readonly glass: string }
  /** It was stopped (SIGSTOP), and goes on. */
  | { readonly what: 'coordinator-woke', readonly by: string }
  | { readonly what: 'coordinator-clock', readonly by: string, readonly offMs: number }
  | { readonly what: 'unexplained', readonly text: string }
)

type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

export class History {
  readonly happenings: Happening[] = []
  /** Rows of the journal so far. */
  journaled: () => number = () => 0

  add(happening: Happening): void {
    happening.seq = this.journaled()
    this.happenings.push(happening)
  }
}

/** A happening without its time, for whoever knows the time. */
export type What = DistributedOmit<Happening, 'at' | 'seq'>
