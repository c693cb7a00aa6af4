// What a standby sees of another's lease: since when its row has not changed, by our own clock that never jumps. A store's
// clock may be set back; then a dead holder's row ends far in the future, and nobody would act until then.
//
// Why an unchanged row may be taken after a whole ttl: each renewal changes the row. The row was first seen as it is now when
// an answer came, so the holder's last renewal had been sent before that; and the holder stops, by its own clock that never
// jumps, one ttl after it sent its last renewal that was answered (lease-keeper.ts). So when it has stood for the holder's own
// ttl here, the holder has stopped. The store compares the row once more, under the lock, in the transaction that takes it: a
// renewal in between changes it, and then it is not taken. A pause of ours only makes the time longer.
import type { LeaseRow } from '../ports.ts'

/** Clocks run at slightly different rates; the holder's margin is its own (lease-keeper.ts). */
const margin = (ttlMs: number): number => 10 + Math.ceil(ttlMs / 1000)

/** Another's lease as it is now, as far as can be said from here. */
export interface LeaseSeen {
  /** `leftMs` has gone down since it was read. */
  readonly row: LeaseRow
  /** Ms since it was read. */
  readonly readMs: number
  /** Ms since its holder was last known to live. */
  readonly renewedMs: number
  /** Ms until it may be taken if nobody renews it. */
  readonly freeInMs: number
}

export class LeaseWatch {
  #row: LeaseRow | null = null
  #readAt = 0
  #since = 0

  /** @param at ms on the clock that never jumps, when the answer had come. */
  saw(row: LeaseRow | null, at: number): void {
    const same = row !== null && this.#row !== null && row.holder === this.#row.holder && row.epoch === this.#row.epoch && row.expiresAt === this.#row.expiresAt
    if (!same) this.#since = at
    this.#row = row
    this.#readAt = at
  }

  /** Whether the row that was seen last has stood so long that its holder has stopped. Never, when it does not say how long it holds. */
  isAbandoned(at: number): boolean {
    const row = this.#row
    return row?.ttlMs !== undefined && at - this.#since >= row.ttlMs + margin(row.ttlMs)
  }

  /** @param ownTtlMs what the holder's is taken for where it does not say: several coordinators have one. */
  seen(at: number, ownTtlMs: number): LeaseSeen | null {
    const row = this.#row
    if (row === null) return null
    const [readMs, watchedMs] = [at - this.#readAt, at - this.#since]
    const leftMs = Math.max(0, row.leftMs - readMs)
    const abandonedInMs = row.ttlMs === undefined ? Infinity : Math.max(0, row.ttlMs + margin(row.ttlMs) - watchedMs)
    return { row: { ...row, leftMs }, readMs, renewedMs: Math.max(watchedMs, (row.ttlMs ?? ownTtlMs) - row.leftMs + readMs), freeInMs: Math.min(leftMs, abandonedInMs) }
  }
}
