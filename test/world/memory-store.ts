// The store's contract in memory, for thousands of windows a minute. The same suite runs against it and the real one.
import { Fault } from '@pitstop/shared/fault'
import type { Recorded } from '@pitstop/coordinator/domain/event'
import type { StoredPlan } from '@pitstop/coordinator/domain/plan'
import type { Incarnation, LeaseRow, LeaseWishes, Store, WindowRow } from '@pitstop/coordinator/ports'

interface Row { readonly stream: string, readonly recorded: Recorded<unknown> }

export class MemoryStore implements Store {
  shared = true
  readonly rows: Row[] = []
  readonly plans = new Map<string, StoredPlan>()
  lease: LeaseRow | null = null
  window: { readonly plan: string, readonly number: number } | null = null
  /** Told of each taking: the simulated world writes it down. */
  onTaken: (row: LeaseRow) => void = () => undefined
  /** Told of each append, when it is stored. */
  onAppended: (stream: string, recorded: readonly Recorded<{ readonly type: string }>[]) => void = () => undefined
  #seq = 0
  #incarnation = 'first'
  readonly #fleet: string
  readonly #now: () => number

  constructor(fleet: string, now: () => number) {
    this.#fleet = fleet
    this.#now = now
  }

  async takeLease(holder: string, address: string, ttlMs: number, { api = '', above = 0 }: LeaseWishes = {}): Promise<LeaseRow | null> {
    if (this.lease !== null && this.lease.expiresAt > this.#now() && this.lease.holder !== holder) return null
    this.lease = { fleet: this.#fleet, holder, address, api, epoch: Math.max(this.lease?.epoch ?? 0, above) + 1, expiresAt: this.#now() + ttlMs, leftMs: ttlMs }
    this.onTaken(this.lease)
    return this.lease
  }

  async renewLease(holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    if (this.lease?.holder !== holder || this.lease.epoch !== epoch) return false
    this.lease = { ...this.lease, expiresAt: this.#now() + ttlMs }
    return true
  }

  async releaseLease(holder: string, epoch: number): Promise<void> {
    if (this.lease?.holder === holder && this.lease.epoch === epoch) this.lease = { ...this.lease, expiresAt: 0 }
  }

  async readLease(): Promise<LeaseRow | null> {
    return this.lease === null ? null : { ...this.lease, leftMs: Math.max(0, this.lease.expiresAt - this.#now()) }
  }

  async append<E extends { readonly type: string }>(epoch: number, stream: string, at: number, events: readonly E[], window?: WindowRow): Promise<Recorded<E>[]> {
    if (this.lease?.epoch !== epoch) throw new Fault('STALE_EPOCH', `nothing is journaled under epoch ${epoch}`)
    if (window === 'close') this.window = null
    else if (window !== undefined) {
      if (this.window !== null) throw new Fault('WINDOW_OPEN', 'a window is open')
      this.window = { plan: stream, number: window.open }
    }
    const appended = events.map((event) => {
      const recorded = { seq: ++this.#seq, at, epoch, event }
      this.rows.push({ stream, recorded })
      return recorded
    })
    this.onAppended(stream, appended)
    return appended
  }

  async read<E>(stream: string, afterSeq = 0): Promise<Recorded<E>[]> {
    return this.rows.filter((row) => row.stream === stream && row.recorded.seq > afterSeq).map((row) => row.recorded as Recorded<E>)
  }

  async savePlan(plan: StoredPlan): Promise<void> { this.plans.set(plan.hash, plan) }
  async readPlan(hash: string): Promise<StoredPlan | null> { return this.plans.get(hash) ?? null }
  async listPlans(): Promise<StoredPlan[]> { return [...this.plans.values()] }
  async openWindow(): Promise<{ readonly plan: string, readonly number: number } | null> { return this.window }
  async incarnation(): Promise<Incarnation> { return { id: this.#incarnation, moved: null, placed: true } }
  async reincarnate(epoch: number, id = `incarnation-of-epoch-${epoch}`): Promise<string> {
    this.#incarnation = id
    return id
  }

  async close(): Promise<void> { /* nothing is held */ }
}
