// Keeps this machine's break-glass file true: what is owed while we act, who acts while we stand by. Whoever acts waits for
// the write before an effect; a standby's write is waited for by nobody. It never drops a promise that no journal holds.
import { asFault } from '@pitstop/shared/fault'
import { idOfFound } from '../domain/break-glass-lines.ts'
import { breakGlass, standbyGlass } from '../domain/break-glass.ts'
import type { FleetState } from '../domain/fleet-state.ts'
import type { ByHand } from '../domain/obligations.ts'
import type { State } from '../domain/state.ts'
import type { Clock, LeaseRow, Store } from '../ports.ts'
import { leftPromises } from './left-promises.ts'
import type { StoreRecollection } from './take-over.ts'

export interface BreakGlassParts {
  readonly store: Store
  readonly clock: Clock
  readonly byHand: ByHand
  readonly lease: { readonly holder: string }
  readonly recollection?: StoreRecollection
  /** Durably replaces the file. */
  readonly writeBreakGlass: (text: string) => Promise<void>
  readonly log: (level: 'info' | 'warn' | 'error', text: string, facts?: Record<string, unknown>) => void
}

export class BreakGlassKeeper {
  readonly #parts: BreakGlassParts
  /** One write at a time, in the order in which they were asked for: the last one stays. */
  #last: Promise<unknown> = Promise.resolve()
  /** Under whom this file says that we stand by. */
  #told: string | null = null
  #trouble: string | null = null
  /** The epoch of which others were told that this file is written. */
  #filed: number | null = null

  constructor(parts: BreakGlassParts) { this.#parts = parts }

  /** Resolves when it is on disk. @param epoch our own, under which `state` and `fleet` were journaled. */
  write(epoch: number, fleet: FleetState, state: State | null): Promise<void> {
    const { byHand, clock, lease, writeBreakGlass } = this.#parts
    this.#told = null
    const lost = [...fleet.found.values()].map((each) => ({ ...each, id: idOfFound(each.id) }))
    const text = breakGlass(state, lost, byHand, { at: clock.now(), holder: lease.holder, epoch, entry: Math.max(fleet.seq, state?.seq ?? 0) })
    return this.#inTurn(() => writeBreakGlass(text)).then(() => { this.#tellOthers(epoch) })
  }

  /**
   * Called at every look at the lease; what fails is tried again at the next. Until the holder's own file is on its disk nothing is
   * touched: it may die before that, and then this file may be the only one that says what is owed; or they are the same file.
   */
  standBy(holder: LeaseRow): void {
    const { recollection, log } = this.#parts
    const under = `${holder.epoch} ${holder.holder}`
    if (recollection === undefined || holder.filed !== true || this.#told === under) return
    this.#told = under
    this.#inTurn(() => this.#replace(holder, recollection)).then(() => { this.#trouble = null }, (error: unknown) => {
      if (this.#told === under) this.#told = null
      const { message } = asFault(error)
      if (this.#trouble !== message) log('warn', `the break-glass file may be out of date: ${message}`)
      this.#trouble = message
    })
  }

  async #replace(holder: LeaseRow, recollection: StoreRecollection): Promise<void> {
    const { store, clock, log, writeBreakGlass } = this.#parts
    const text = await recollection.promises()
    const { mark, lines, known } = await leftPromises(store, text)
    // The file of the one that acts, beside us or before it was started again here: it is the newest there is.
    if (mark !== null && mark.epoch >= holder.epoch) return
    // Written by an older release: it does not say how far it knew, so each promise must be found.
    const kept = mark === null ? lines.filter(({ id, previous }) => known?.obligations.get(id)?.previous !== previous) : lines
    if (kept.length > 0) log('warn', `${recollection.file} has promises that the store does not hold (${kept.map(({ id }) => id).join(', ')}): they stay in it; was the store restored?`)
    await writeBreakGlass(standbyGlass(holder, clock.now(), kept.length === 0 ? null : text))
  }

  /** Nobody waits for it; what fails is said again with the next write, and until then nobody drops anything. */
  #tellOthers(epoch: number): void {
    if (this.#filed === epoch) return
    this.#filed = epoch
    this.#parts.store.noteFiled(epoch).catch(() => { if (this.#filed === epoch) this.#filed = null })
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
