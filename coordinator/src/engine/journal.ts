// The one way to journal: append under the lease, fold, tell. Before the caller may act on what it journaled, unpaid
// promises are in the break-glass file too, so that a person can pay them when nothing of pitstop is left.
import type { Event, Recorded } from '../domain/event.ts'
import { apply } from '../domain/fold.ts'
import { type ByHand, breakGlass } from '../domain/obligations.ts'
import type { State } from '../domain/state.ts'
import type { Clock, Store, WindowRow } from '../ports.ts'

export interface JournalParts {
  readonly store: Store
  readonly clock: Clock
  readonly byHand: ByHand
  /** Durably replaces the break-glass file. */
  readonly writeBreakGlass: (text: string) => Promise<void>
}

export class Journal {
  #state: State
  readonly epoch: number
  readonly #parts: JournalParts
  readonly #listeners = new Set<(recorded: Recorded<Event>) => void>()
  #last: Promise<unknown> = Promise.resolve()
  /** The break-glass file may not say what is owed: it is written before anything else is journaled. */
  #glassIsStale = true

  constructor(parts: JournalParts, state: State, epoch: number) {
    this.#parts = parts
    this.#state = state
    this.epoch = epoch
  }

  get state(): State { return this.#state }

  onEvent(listener: (recorded: Recorded<Event>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** `make` sees the state as it is when its turn comes, so that no two writers decide on the same past. @throws Fault STALE_EPOCH */
  append(make: (state: State) => readonly Event[], window?: WindowRow): Promise<void> {
    const turn = this.#last.then(() => this.#append(make, window))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #append(make: (state: State) => readonly Event[], window?: WindowRow): Promise<void> {
    const events = make(this.#state)
    if (events.length === 0) return
    const { store, clock } = this.#parts
    const stream = this.#state.stored.hash
    await this.#writeGlass()
    const recorded = await store.append(this.epoch, stream, clock.now(), events, window)
    this.#state = recorded.reduce(apply, this.#state)
    this.#glassIsStale = events.some(({ type }) => type === 'obligation-opened' || type === 'obligation-settled')
    for (const each of recorded) for (const listener of this.#listeners) listener(each)
    // Before the caller may act on a promise, the promise is in the file. If that fails nothing is acted on, and the next
    // append, also after a restart, tries again first.
    await this.#writeGlass()
  }

  async #writeGlass(): Promise<void> {
    if (!this.#glassIsStale) return
    await this.#parts.writeBreakGlass(breakGlass(this.#state, this.#parts.byHand))
    this.#glassIsStale = false
  }
}
