// What this process has seen of the store, look by look: whether it was the same one all the time, and never knew less than
// before. A store that was watched without a gap, under a holder who lived, was not put back meanwhile; of any other the
// agents are asked before anybody acts on it. Pure but for its own memory: time comes with each look.
import type { Reason } from '@pitstop/shared/fault'
import { type StoreMemory, whyRestored } from '../domain/restored.ts'
import type { LeaseRow } from '../ports.ts'

/** A standby looks this often at the lease, and in the moment in which it would end. */
export const lookMs = 500
/** Two looks, and the time that one may take. A longer gap is long enough for another copy to be put in place. */
const unbrokenMs = 3 * lookMs

type Row = Pick<LeaseRow, 'epoch' | 'expiresAt'>

export class StoreWatch {
  readonly #known = new Map<string, StoreMemory>()
  readonly #doubts = new Map<string, readonly Reason[]>()
  #last: { readonly at: number, readonly incarnation: string, readonly row: Row | null } | null = null
  #vouched = false

  /**
   * A look at the store: its id, its newest row, and the lease.
   * @param at ms on the clock that never jumps.
   * @returns why it is not the store of the last look; told once, and kept.
   */
  look({ id: incarnation, seq }: { readonly id: string, readonly seq: number }, row: Row | null, at: number): readonly Reason[] {
    const seen: StoreMemory = { incarnation, epoch: row?.epoch ?? 0, seq }
    const known = this.#known.get(incarnation)
    const last = this.#last
    this.#last = { at, incarnation, row }
    const less = known === undefined ? [] : whyRestored({ ...seen, moved: null, past: new Set(), memory: null, watched: [known], agents: null, strange: [] })
    if (less.length > 0) {
      this.#vouched = false
      // Kept: whoever goes on with that copy may let it grow past what was known.
      const told = this.#doubts.has(incarnation)
      if (!told) this.#doubts.set(incarnation, less)
      return told ? [] : less
    }
    this.#known.set(incarnation, seen)
    const unbroken = last?.incarnation === incarnation && at - last.at <= unbrokenMs
    // In a copy the lease looks held by whoever held it then; one that is renewed or taken anew has a holder who lives.
    const lives = row !== null && last !== null && last.row !== null && (row.epoch > last.row.epoch || row.expiresAt > last.row.expiresAt)
    this.#vouched = unbroken && (this.#vouched || lives)
    return []
  }

  /** Watched up to the last look, without a gap and under a holder who lived; or the agents know nothing against it. */
  get vouched(): boolean { return this.#vouched }

  /** The agents were asked, and nobody knows more than this store. */
  vouch(): void { this.#vouched = true }

  /** Of every store that was met here. */
  get known(): readonly StoreMemory[] { return [...this.#known.values()] }

  /** What was held against this store, at whichever look. */
  doubts(incarnation: string): readonly Reason[] { return this.#doubts.get(incarnation) ?? [] }

  /** This is the store now, and it accounts for every other one: nothing of them is held against it any more. */
  settled(memory: StoreMemory): void {
    this.#known.clear()
    this.#doubts.clear()
    this.#known.set(memory.incarnation, memory)
  }

  /** A row that we have journaled. */
  note(seq: number): void {
    const known = this.#last === null ? undefined : this.#known.get(this.#last.incarnation)
    if (known !== undefined && seq > known.seq) this.#known.set(known.incarnation, { ...known, seq })
  }
}
