// How long ago an entry of the journal was made, by the clock that never jumps. An entry carries a wall clock's word, and that
// clock may have been set since, on this machine or on the one that wrote it: an hour back, and what lasts a minute lasts an hour.
// What was journaled before this process acted is as old as the wall clock says, and no older than the last of it is older than now.
import type { State } from '../domain/state.ts'
import type { Clock } from '../ports.ts'

export class JournalAge {
  readonly #clock: Clock
  /** What this process journaled, by seq: when it began to, on the clock that never jumps. */
  readonly #beganAt = new Map<number, number>()
  readonly #startedAt: number
  /** The wall clock at the start; where that is behind the journal's last entry, the entry's. */
  readonly #startedAs: number

  constructor(clock: Clock, found: State) {
    this.#clock = clock
    this.#startedAt = clock.monotonic()
    this.#startedAs = Math.max(clock.now(), found.lastAt)
  }

  note(seq: number, beganAt: number): void { this.#beganAt.set(seq, beganAt) }

  ofMs({ seq, at }: { readonly seq: number, readonly at: number }): number {
    const now = this.#clock.monotonic()
    const beganAt = this.#beganAt.get(seq)
    return beganAt === undefined ? now - this.#startedAt + Math.max(0, this.#startedAs - at) : now - beganAt
  }
}
