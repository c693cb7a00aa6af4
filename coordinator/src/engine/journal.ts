// The one way to journal: append under the lease, fold, tell. Before the caller may act on what it journaled, unpaid
// promises are in the break-glass file too, so that a person can pay them when nothing of pitstop is left.
import { type Fault, asFault } from '@pitstop/shared/fault'
import type { Event, Recorded } from '../domain/event.ts'
import { applyAll } from '../domain/fold.ts'
import type { State } from '../domain/state.ts'
import type { Clock, Store, WindowRow } from '../ports.ts'
import { JournalAge } from './journal-age.ts'

export interface JournalParts {
  readonly store: Store
  readonly clock: Clock
  /** Durably writes what is owed into the break-glass file. */
  readonly writeBreakGlass: (state: State) => Promise<void>
}

export class Journal {
  #state: State
  readonly epoch: number
  readonly age: JournalAge
  readonly #parts: JournalParts
  readonly #listeners = new Set<(recorded: Recorded<Event>) => void>()
  #last: Promise<unknown> = Promise.resolve()
  /** Whether an append was stored is not known: the state here may be behind the journal, and nothing may rest on it. */
  #broken: Fault | null = null
  readonly #onBroken = new Set<(why: Fault) => void>()
  /** The break-glass file may not say what is owed: it is written before anything else is journaled. */
  #glassIsStale = true

  constructor(parts: JournalParts, state: State, epoch: number) {
    this.#parts = parts
    this.#state = state
    this.epoch = epoch
    this.age = new JournalAge(parts.clock, state)
  }

  get state(): State { return this.#state }

  onEvent(listener: (recorded: Recorded<Event>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Told once, when this journal cannot be relied on any more: it must be read anew. */
  onBroken(listener: (why: Fault) => void): void { this.#onBroken.add(listener) }

  /** `make` sees the state as it is when its turn comes, so that no two writers decide on the same past. @throws Fault STALE_EPOCH */
  append(make: (state: State) => readonly Event[], window?: WindowRow): Promise<void> {
    const turn = this.#last.then(() => this.#append(make, window))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #append(make: (state: State) => readonly Event[], window?: WindowRow): Promise<void> {
    if (this.#broken !== null) throw this.#broken
    const events = make(this.#state)
    if (events.length === 0) return
    await this.#writeGlass()
    const beganAt = this.#parts.clock.monotonic()
    const recorded = await this.#store(events, window)
    for (const { seq } of recorded) this.age.note(seq, beganAt)
    this.#state = applyAll(this.#state, recorded)
    this.#glassIsStale = events.some(({ type }) => type === 'obligation-opened' || type === 'obligation-settled')
    for (const each of recorded) for (const listener of this.#listeners) listener(each)
    // Before the caller may act on a promise, the promise is in the file. If that fails nothing is acted on, and the next
    // append, also after a restart, tries again first.
    await this.#writeGlass()
  }

  async #store(events: readonly Event[], window?: WindowRow): Promise<Recorded<Event>[]> {
    const { store, clock } = this.#parts
    try {
      return await store.append(this.epoch, this.#state.stored.hash, clock.now(), events, window)
    } catch (error) {
      const why = asFault(error)
      // The one refusal after which everything is as it was. Any other may have come after the events were stored.
      if (why.code === 'WINDOW_OPEN') throw why
      this.#broken = why
      for (const listener of this.#onBroken) listener(why)
      throw why
    }
  }

  async #writeGlass(): Promise<void> {
    if (!this.#glassIsStale) return
    await this.#parts.writeBreakGlass(this.#state)
    this.#glassIsStale = false
  }
}
