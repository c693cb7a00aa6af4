// Acting or standing by: takes the lease when it can be had, looks at it while it is another's, and ends everything when it
// is lost. What acting means is the coordinator's; here is only whether.
import { Fault, type Reason, asFault, reason } from '@pitstop/shared/fault'
import type { Incarnation, LeaseRow } from '../ports.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { type LeaseSeen, LeaseWatch } from './lease-watch.ts'
import { accountsFor } from './remembered-store.ts'
import { standbyReason } from './standing.ts'
import { type StoreWatch, lookMs } from './store-watch.ts'
import { type Held, type TakeOverParts, type Taken, takeOver } from './take-over.ts'

export interface TenureParts extends TakeOverParts {
  readonly log: (level: 'info' | 'warn' | 'error', text: string, facts?: Record<string, unknown>) => void
}

/** The lease as those who act under it have it; useless once it is lost. */
export interface Hold {
  /** @throws Fault LEASE_LOST when an effect that takes `effectMs` could outlive the lease. */
  guard(effectMs: number): void
  /** Somebody noticed that we may not act any more. */
  lost(why: Fault): void
}

export interface Duties {
  begin(taken: Taken, hold: Hold): void
  /** Another acts; told at every look at the lease. */
  standBy(holder: LeaseRow): void
  /** Starts nothing more; resolves when what is under way has ended. */
  end(): Promise<void>
}

/** Behind the end of a lease: clocks are read in steps. */
const afterEndMs = 5
/** On a shared store these pass by themselves, or another coordinator or release has to act: it is looked at again. */
const passing: ReadonlySet<string> = new Set(['STORE_UNAVAILABLE', 'STORE_NEWER', 'LEASE_LOST'])

/** A line of the log holds so many of them; all are in the journal. */
const mostTold = 5
const someOf = (reasons: readonly Reason[]): string => reasons.slice(0, mostTold).map(({ text }) => text).join('; ') + (reasons.length > mostTold ? `; and ${reasons.length - mostTold} more` : '')
const promisesOf = ({ fleet: { found } }: Taken): string => `${found.size} promise${found.size === 1 ? '' : 's'}`

export class Tenure {
  readonly #parts: TenureParts
  readonly #duties: Duties
  readonly #watch: StoreWatch
  readonly #leaseWatch = new LeaseWatch()
  #keeper: LeaseKeeper
  #holder: LeaseRow | null = null
  /** The store under this holder, and whether this machine's memory follows it. */
  #seenStore: { readonly id: string, readonly remembered: boolean } | null = null
  #acting = false
  #stopped = false
  /** What kept us from acting at the last try. */
  #why: Reason | null = null
  /** An agent had seen a newer epoch than this store knows though its lease was ours: the store is not what it was. */
  #doubt: Reason | null = null
  #cancelLook: () => void = () => undefined
  /** Duties of lost leases that still have effects under way. They are fenced off, so they change nothing. */
  readonly #ending = new Set<Promise<void>>()

  constructor(parts: TenureParts, duties: Duties, watch: StoreWatch) {
    this.#parts = parts
    this.#duties = duties
    this.#watch = watch
    this.#keeper = this.#newKeeper()
  }

  get acting(): boolean { return this.#acting }

  /** Who holds the lease, as far as is known here. */
  get holder(): LeaseRow | null {
    const { leftMs } = this.#keeper
    return this.#acting && this.#holder !== null ? { ...this.#holder, leftMs, expiresAt: this.#parts.clock.now() + leftMs } : this.#seen?.row ?? null
  }

  /** Another's lease, as it is by now. */
  get #seen(): LeaseSeen | null { return this.#holder === null ? null : this.#leaseWatch.seen(this.#parts.clock.monotonic(), this.#parts.lease.ttlMs) }

  /** Why this coordinator does not act; null = it does. */
  get standing(): Reason | null { return this.#acting ? null : standbyReason(this.#seen, this.#why) }

  /** Our epoch; 0 = none. */
  get epoch(): number { return this.#keeper.epoch ?? 0 }

  /** @returns our epoch. @throws Fault STANDBY */
  requireActing(): number {
    const { epoch } = this.#keeper
    if (this.#acting && epoch !== null) return epoch
    const { code, text, hint } = standbyReason(this.#seen, this.#why)
    // A store that is away is told as that: asking another coordinator may help as little.
    throw new Fault(code === 'STORE_UNAVAILABLE' ? code : 'STANDBY', text, { hint })
  }

  /** @throws Fault STORE_*: nothing was started. On a shared store what may pass by itself is waited for instead. */
  async start(): Promise<void> {
    try {
      await this.#take()
    } catch (error) {
      const fault = asFault(error)
      if (!this.#parts.store.shared || !passing.has(fault.code)) throw error
      this.#cannotAct(fault)
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#acting = false
    this.#cancelLook()
    await this.#duties.end()
    await Promise.all(this.#ending)
    await this.#keeper.release()
  }

  async #take(): Promise<void> {
    const { log } = this.#parts
    const keeper = this.#newKeeper()
    this.#keeper = keeper
    const taken = await takeOver(this.#parts, keeper, this.#watch, this.#doubt, this.#leaseWatch)
    if (this.#stopped) return await keeper.release()
    if ('holder' in taken) return await this.#standBy(taken)
    // Lost again while the journal was read: then nothing has begun.
    if (keeper.epoch === null) throw new Fault('LEASE_LOST', 'the lease ran out while the journal was read')
    this.#holder = taken.row
    this.#why = null
    this.#doubt = null
    this.#acting = true
    this.#duties.begin(taken, { guard: (effectMs) => { keeper.guard(effectMs) }, lost: (why) => { void this.#lost(why, keeper) } })
    log('info', `acting with epoch ${taken.row.epoch}`)
    for (const { code, text, hint } of taken.disbelieved) log('warn', `${text}; ${hint}`, { code })
    if (taken.restored.length > 0) log('warn', `STORE_RESTORED: ${someOf(taken.restored)}; ${promisesOf(taken)} to settle: pitstop obligations`, { code: 'STORE_RESTORED' })
  }

  async #standBy({ holder, incarnation, less }: Held): Promise<void> {
    if (less.length > 0) this.#parts.log('warn', `the store was put back behind our back: ${someOf(less)}; ${holder.holder} acts on it and may not know: stop every coordinator, see docs/backup-and-restore.md`, { code: 'STORE_RESTORED' })
    if (this.#holder?.epoch !== holder.epoch || this.#holder.holder !== holder.holder) {
      this.#parts.log('info', `standing by: ${holder.holder} at ${holder.address} holds the lease (epoch ${holder.epoch})`)
      this.#seenStore = null
    }
    if (this.#seenStore?.id !== incarnation.id) this.#seenStore = { id: incarnation.id, remembered: await this.#remember(holder, incarnation) }
    else if (this.#seenStore.remembered) this.#parts.recollection?.note(incarnation.seq)
    this.#holder = holder
    this.#why = null
    this.#duties.standBy(holder)
    this.#lookAgain(Math.min(lookMs, (this.#seen?.freeInMs ?? 0) + afterEndMs))
  }

  /** A standby remembers what it saw, so that it notices if the store knows less when its turn comes. @returns whether it does: not of a store that knows less already. */
  async #remember({ epoch }: LeaseRow, incarnation: Incarnation): Promise<boolean> {
    const { recollection, store } = this.#parts
    if (recollection === undefined || !await accountsFor(store, incarnation, epoch, await recollection.read())) return false
    await recollection.write({ incarnation: incarnation.id, epoch, seq: incarnation.seq })
    return true
  }

  async #lost(why: Fault, keeper: LeaseKeeper): Promise<void> {
    // A keeper of an earlier try has nothing to say any more.
    if (this.#stopped || !this.#acting || keeper !== this.#keeper) return
    const row = this.#holder
    // First of all: from here on nothing of ours begins.
    this.#acting = false
    this.#holder = null
    keeper.abandon()
    this.#why = why.toReason()
    this.#parts.log('error', `stopped acting: ${why.message}`, { code: why.code })
    // Nobody waits for what is under way: it cannot journal any more, and may hang for as long as apt does.
    const ended = this.#duties.end()
    this.#ending.add(ended)
    void ended.finally(() => this.#ending.delete(ended))
    const held = why.code === 'STALE_EPOCH' ? await this.#parts.store.readLease().catch(() => null) : null
    if (row !== null && held?.epoch === row.epoch && held.holder === row.holder) {
      this.#doubt = reason('STALE_EPOCH', `an agent has seen a newer epoch than this store (${why.message}): was it restored from a backup?`, 'compare journal and hosts, then: pitstop window resume')
    }
    this.#lookAgain(lookMs)
  }

  #lookAgain(ms: number): void {
    this.#cancelLook = this.#parts.clock.after(ms, () => {
      if (this.#stopped) return
      this.#keeper.abandon()
      this.#take().catch((error: unknown) => { this.#cannotAct(asFault(error)) })
    })
  }

  #cannotAct(fault: Fault): void {
    const why = fault.toReason()
    if (this.#why?.text !== why.text) this.#parts.log('warn', `cannot act: ${fault.message}; ${fault.hint}`, { code: fault.code })
    this.#why = why
    // Whoever held it may hold it still if we only cannot look; else it was free, and it is us who may not have it.
    if (fault.code !== 'STORE_UNAVAILABLE') this.#holder = null
    this.#keeper.abandon()
    this.#lookAgain(lookMs)
  }

  #newKeeper(): LeaseKeeper {
    const { store, clock, lease } = this.#parts
    const keeper: LeaseKeeper = new LeaseKeeper(store, clock, lease, (why) => { void this.#lost(why, keeper) })
    return keeper
  }
}
