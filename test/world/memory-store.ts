// The store's contract in memory, for thousands of windows a minute. The same suite runs against it and the real one.
import { Fault, type Reason } from '@pitstop/shared/fault'
import type { Recorded } from '@pitstop/coordinator/domain/event'
import type { StoredPlan } from '@pitstop/coordinator/domain/plan'
import { isPlausibleEpoch } from '@pitstop/coordinator/domain/restored'
import type { Incarnation, LeaseRow, LeaseWishes, Store, Told, WindowRow, StreamEvent } from '@pitstop/coordinator/ports'

interface Row { readonly stream: string, readonly recorded: Recorded<unknown> }

export interface StoreCopy {
  readonly rows: number
  readonly plans: number
  readonly lease: LeaseRow | null
  readonly window: { readonly plan: string, readonly number: number } | null
  readonly incarnation: string
  readonly restoring: readonly Reason[]
  /** Of a store that has any. */
  readonly files?: Readonly<Record<'' | '-wal', Uint8Array | null>>
}

export class MemoryStore implements Store {
  shared = true
  readonly rows: Row[] = []
  readonly plans = new Map<string, StoredPlan>()
  lease: LeaseRow | null = null
  window: { readonly plan: string, readonly number: number } | null = null
  /** How often it was put back. */
  copies = 0
  /** Told of each taking: the simulated world writes it down. */
  onTaken: (row: LeaseRow) => void = () => undefined
  /** Told of each append, when it is stored. */
  onAppended: (stream: string, recorded: readonly Recorded<{ readonly type: string }>[]) => void = () => undefined
  #seq = 0
  #incarnation = 'first'
  #restoring: readonly Reason[] = []
  protected readonly fleet: string
  protected readonly now: () => number

  constructor(fleet: string, now: () => number) {
    this.fleet = fleet
    this.now = now
  }

  async takeLease(holder: string, address: string, ttlMs: number, { api = '', above = 0, abandoned, judged, restored = [] }: LeaseWishes = {}): Promise<LeaseRow | null> {
    if (this.lease !== null && this.lease.expiresAt > this.now() && this.lease.holder !== holder && !(abandoned?.holder === this.lease.holder && abandoned.epoch === this.lease.epoch && abandoned.expiresAt === this.lease.expiresAt)) return null
    if (judged !== undefined && (this.lease?.epoch ?? 0) !== judged) return null
    const epoch = Math.max(this.lease?.epoch ?? 0, above) + 1
    if (!isPlausibleEpoch(epoch, epoch)) throw new Fault('STORE_CORRUPT', `no epoch above ${epoch - 1} can be written`)
    if (restored.length > 0) this.#restoring = restored
    this.lease = { fleet: this.fleet, holder, address, api, epoch, expiresAt: this.now() + ttlMs, leftMs: ttlMs, ttlMs }
    this.onTaken(this.lease)
    return this.lease
  }

  async renewLease(holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    if (this.lease?.holder !== holder || this.lease.epoch !== epoch) return false
    this.#requireUnended(epoch)
    this.lease = { ...this.lease, expiresAt: this.now() + ttlMs }
    return true
  }

  async releaseLease(holder: string, epoch: number): Promise<void> {
    if (this.lease?.holder === holder && this.lease.epoch === epoch) this.lease = { ...this.lease, expiresAt: 0 }
  }

  async readLease(): Promise<LeaseRow | null> {
    return this.lease === null ? null : { ...this.lease, leftMs: Math.max(0, this.lease.expiresAt - this.now()) }
  }

  async noteFiled(epoch: number): Promise<void> { if (this.lease?.epoch === epoch) this.lease = { ...this.lease, filed: true } }

  async append<E extends { readonly type: string }>(epoch: number, stream: string, at: number, events: readonly E[], window?: WindowRow): Promise<Recorded<E>[]> {
    if (this.lease?.epoch !== epoch) throw new Fault('STALE_EPOCH', `nothing is journaled under epoch ${epoch}`)
    this.#requireUnended(epoch)
    if (window === 'close') this.window = null
    else if (window !== undefined) {
      if (this.window !== null) throw new Fault('WINDOW_OPEN', 'a window is open')
      this.window = { plan: stream, number: window.open }
    }
    return this.#add(epoch, stream, at, events)
  }

  #requireUnended(epoch: number): void {
    if (this.shared && (this.lease?.expiresAt ?? 0) <= this.now()) throw new Fault('LEASE_LOST', `the lease of epoch ${epoch} had run out by the store's clock`)
  }

  #add<E extends { readonly type: string }>(epoch: number, stream: string, at: number, events: readonly E[]): Recorded<E>[] {
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

  async readAll(afterSeq: number, most?: number): Promise<StreamEvent[]> {
    return this.rows.filter(({ recorded }) => recorded.seq > afterSeq).slice(0, most) as StreamEvent[]
  }

  async savePlan(plan: StoredPlan): Promise<void> { this.plans.set(plan.hash, plan) }
  async readPlan(hash: string): Promise<StoredPlan | null> { return this.plans.get(hash) ?? null }
  async listPlans(): Promise<StoredPlan[]> { return [...this.plans.values()] }
  async openWindow(): Promise<{ readonly plan: string, readonly number: number } | null> { return this.window }
  async incarnation(): Promise<Incarnation> { return { id: this.#incarnation, moved: null, placed: true, seq: this.#seq, restoring: this.#restoring } }
  async reincarnate(epoch: number, id = `incarnation-of-epoch-${epoch}`): Promise<string> {
    this.#incarnation = id
    return id
  }

  async concludeRestore(epoch: number, at: number, tell: (incarnation: string) => readonly Told[]): Promise<StreamEvent[]> {
    if (this.lease?.epoch !== epoch) throw new Fault('STALE_EPOCH', `nothing is journaled under epoch ${epoch}`)
    const incarnation = `incarnation-of-epoch-${epoch}`
    const told = tell(incarnation)
    this.#incarnation = incarnation
    this.#restoring = []
    const recorded: StreamEvent[] = []
    for (const { stream, events } of told) recorded.push(...this.#add(epoch, stream, at, events).map((each) => ({ stream, recorded: each })))
    return recorded
  }

  async close(): Promise<void> { /* nothing is held */ }

  /** Told that the process beside an embedded store is gone. */
  crashed(): void { /* memory has nothing open */ }

  /** A backup, as of now. Plans never change and are never lost. */
  copy(): StoreCopy { return { rows: this.rows.length, plans: this.plans.size, lease: this.lease, window: this.window, incarnation: this.#incarnation, restoring: this.#restoring } }

  /** The backup is put back: what came later is lost, and whoever knows it knows more than the store. */
  putBack({ rows, plans, lease, window, incarnation, restoring }: StoreCopy): readonly Row[] {
    this.copies++
    const lost = this.rows.splice(rows)
    for (const hash of [...this.plans.keys()].slice(plans)) this.plans.delete(hash)
    this.#seq = this.rows.length
    this.lease = lease === null ? null : { ...lease, expiresAt: 0 }
    this.window = window
    this.#incarnation = incarnation
    this.#restoring = restoring
    return lost
  }
}
