// Holds the fleet lease: takes it, renews it, and stops everything before anybody else can have it. Also while idle.
import { type HeldLease, heldLease, leaseCovers, renewalInterval } from '@pitstop/shared/lease'
import { Fault } from '@pitstop/shared/fault'
import type { Clock, LeaseRow, Store } from '../ports.ts'

export interface LeaseSettings { readonly holder: string, readonly address: string, readonly ttlMs: number }

export class LeaseKeeper {
  #held: HeldLease | null = null
  #row: LeaseRow | null = null
  #cancelTimer: () => void = () => undefined
  #stopped = false
  readonly #store: Store
  readonly #clock: Clock
  readonly #settings: LeaseSettings
  readonly #onLost: (why: Fault) => void

  constructor(store: Store, clock: Clock, settings: LeaseSettings, onLost: (why: Fault) => void) {
    this.#store = store
    this.#clock = clock
    this.#settings = settings
    this.#onLost = onLost
  }

  /** The lease, or who holds it instead. */
  async take(): Promise<{ readonly row: LeaseRow, readonly mine: boolean }> {
    const { holder, address, ttlMs } = this.#settings
    const sentAt = this.#clock.monotonic()
    const row = await this.#store.takeLease(holder, address, ttlMs)
    if (row === null) {
      const other = await this.#store.readLease()
      if (other === null) return await this.take()
      return { row: other, mine: false }
    }
    this.#held = heldLease(row.epoch, sentAt, ttlMs)
    this.#row = row
    this.#renewLater(renewalInterval(ttlMs))
    return { row, mine: true }
  }

  /** The lease as it was taken; null = not held. */
  get row(): LeaseRow | null { return this.#held === null ? null : this.#row }

  get epoch(): number | null { return this.#held?.epoch ?? null }

  /** @throws Fault LEASE_LOST when an effect that takes `effectMs` could outlive the lease. */
  guard(effectMs: number): void {
    if (this.#held === null || this.#stopped || !leaseCovers(this.#held, this.#clock.monotonic(), effectMs)) {
      throw new Fault('LEASE_LOST', `the lease does not cover another ${effectMs} ms: nothing is started`)
    }
  }

  async release(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer()
    const held = this.#held
    this.#held = null
    if (held !== null) await this.#store.releaseLease(this.#settings.holder, held.epoch)
  }

  /** Stop renewing without telling the store: what a crash does. */
  abandon(): void {
    this.#stopped = true
    this.#cancelTimer()
    this.#held = null
  }

  #renewLater(ms: number): void {
    this.#cancelTimer = this.#clock.after(ms, () => { void this.#renew() })
  }

  async #renew(): Promise<void> {
    const held = this.#held
    if (held === null || this.#stopped) return
    const { holder, ttlMs } = this.#settings
    const sentAt = this.#clock.monotonic()
    try {
      const renewed = await this.#store.renewLease(holder, held.epoch, ttlMs)
      if (this.#stopped) return
      if (!renewed) return this.#lose(new Fault('STALE_EPOCH', `the lease of epoch ${held.epoch} is another's now`))
      this.#held = heldLease(held.epoch, sentAt, ttlMs)
      this.#renewLater(renewalInterval(ttlMs))
    } catch (error) {
      // Until the deadline it may work again; effects are held back by guard() meanwhile, never by hope.
      if (this.#clock.monotonic() >= held.deadline) this.#lose(new Fault('LEASE_LOST', 'the lease could not be renewed in time', { cause: error }))
      else this.#renewLater(Math.min(1000, renewalInterval(ttlMs)))
    }
  }

  #lose(why: Fault): void {
    this.#stopped = true
    this.#held = null
    this.#onLost(why)
  }
}
