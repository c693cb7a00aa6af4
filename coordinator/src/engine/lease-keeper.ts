// Holds the fleet lease: takes it, renews it, and stops everything before anybody else can have it. Also while idle.
// What it cannot renew it loses at its deadline, whether the store answers or hangs.
import { type HeldLease, heldLease, leaseCovers, renewalInterval } from '@pitstop/shared/lease'
import { Fault, asFault } from '@pitstop/shared/fault'
import type { Clock, LeaseRow, LeaseWishes, Store } from '../ports.ts'

export interface LeaseSettings {
  readonly holder: string
  readonly address: string
  /** URL of the HTTP API as others reach it; empty or left out = none. */
  readonly api?: string
  readonly ttlMs: number
}

/** Our clock is read in steps of 10 ms and may run slower than the store's (a thousandth is far more than clocks are off). */
const margin = (ttlMs: number): number => 10 + Math.ceil(ttlMs / 1000)
/** A renewal that failed is tried again soon: the store may be back, and several tries may fail before the lease ends. */
const retryAfter = (ttlMs: number): number => Math.min(1000, Math.ceil(ttlMs / 10))

export class LeaseKeeper {
  #held: HeldLease | null = null
  #row: LeaseRow | null = null
  #cancelRenewal: () => void = () => undefined
  #cancelExpiry: () => void = () => undefined
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

  /** @returns null: somebody else holds the lease, or has held it since it was judged. */
  async take(wishes: Omit<LeaseWishes, 'api'> = {}): Promise<LeaseRow | null> {
    const { holder, address, api = '', ttlMs } = this.#settings
    const sentAt = this.#clock.monotonic()
    const row = await this.#store.takeLease(holder, address, ttlMs, { ...wishes, api })
    if (row === null) return null
    this.#row = row
    this.#hold(row.epoch, sentAt)
    return row
  }

  /** The lease as it was taken; null = not held. */
  get row(): LeaseRow | null { return this.#held === null ? null : this.#row }

  get epoch(): number | null { return this.#held?.epoch ?? null }

  /** Ms until the lease ends unless it is renewed. */
  get leftMs(): number { return this.#held === null ? 0 : Math.max(0, Math.round(this.#held.deadline - this.#clock.monotonic())) }

  /** @throws Fault LEASE_LOST when an effect that takes `effectMs` could outlive the lease. */
  guard(effectMs: number): void {
    if (this.#held === null || this.#stopped || !leaseCovers(this.#held, this.#clock.monotonic(), effectMs)) {
      throw new Fault('LEASE_LOST', `the lease does not cover another ${effectMs} ms: nothing is started`)
    }
  }

  async release(): Promise<void> {
    const held = this.#held
    this.abandon()
    if (held !== null) await this.#store.releaseLease(this.#settings.holder, held.epoch)
  }

  /** Stop renewing without telling the store: what a crash does. */
  abandon(): void {
    this.#stopped = true
    this.#cancelRenewal()
    this.#cancelExpiry()
    this.#held = null
  }

  #hold(epoch: number, sentAt: number): void {
    const { ttlMs } = this.#settings
    const held = heldLease(epoch, sentAt, ttlMs - margin(ttlMs))
    this.#held = held
    this.#cancelExpiry()
    this.#cancelExpiry = this.#clock.after(Math.max(0, held.deadline - this.#clock.monotonic()), () => { this.#lose(new Fault('LEASE_LOST', 'the lease could not be renewed in time')) })
    this.#renewLater(renewalInterval(ttlMs))
  }

  #renewLater(ms: number): void {
    this.#cancelRenewal()
    this.#cancelRenewal = this.#clock.after(ms, () => { void this.#renew() })
  }

  async #renew(): Promise<void> {
    const held = this.#held
    if (held === null || this.#stopped) return
    const { holder, ttlMs } = this.#settings
    const sentAt = this.#clock.monotonic()
    // Awake after a pause or a suspend: what ran out meanwhile is taken anew, not renewed.
    if (sentAt >= held.deadline) {
      this.#lose(new Fault('LEASE_LOST', 'the lease ran out before it could be renewed: was this process or machine paused?'))
      return
    }
    try {
      const renewed = await this.#store.renewLease(holder, held.epoch, ttlMs)
      if (this.#stopped) return
      if (renewed) this.#hold(held.epoch, sentAt)
      else this.#lose(new Fault('STALE_EPOCH', `the lease of epoch ${held.epoch} is another's now`))
    } catch (error) {
      const fault = asFault(error)
      if (fault.code === 'LEASE_LOST') this.#lose(fault)
      // Until the deadline it may work again; effects are held back by guard() meanwhile, never by hope.
      else if (!this.#stopped) this.#renewLater(retryAfter(ttlMs))
    }
  }

  #lose(why: Fault): void {
    if (this.#stopped) return
    this.abandon()
    this.#onLost(why)
  }
}
