// Which database server the address leads to at present: its cluster and timeline. An address can move to another server while
// connections to the former one live on; whoever used both would hold a lease here and journal there. So the newest connection
// says where we are, and whatever leads elsewhere is cut off. Pure bookkeeping: it opens and asks nothing.
import { Fault } from '@pitstop/shared/fault'

/** A connection, in the order in which they were begun. */
export interface Lead {
  readonly number: number
  /** Told once, when a newer connection leads elsewhere. */
  readonly cutOff: (why: Error) => void
}

export class PresentOrigin {
  #begun = 0
  #newest = 0
  #origin = ''
  readonly #leads = new Map<Lead, string>()
  readonly #moved: () => void

  /** @param moved the address leads to another server than before. */
  constructor(moved: () => void = () => undefined) { this.#moved = moved }

  /** Cluster and timeline; empty = no connection yet, or the server does not tell. */
  get origin(): string { return this.#origin }

  /** Called before the connection is made: what was begun earlier and answers later knows less. */
  begin(cutOff: (why: Error) => void): Lead { return { number: ++this.#begun, cutOff } }

  /** @throws Fault STORE_UNAVAILABLE: a connection that was begun later leads elsewhere. */
  admit(lead: Lead, origin: string): void {
    const moved = this.#newest > 0 && origin !== this.#origin
    if (moved && lead.number < this.#newest) throw elsewhere(origin, this.#origin)
    this.#newest = Math.max(this.#newest, lead.number)
    this.#origin = origin
    this.#leads.set(lead, origin)
    if (!moved) return
    const former = [...this.#leads].filter(([, where]) => where !== origin)
    for (const [other, where] of former) {
      this.#leads.delete(other)
      other.cutOff(elsewhere(where, origin))
    }
    this.#moved()
  }

  forget(lead: Lead): void { this.#leads.delete(lead) }

  /** Whether it was admitted, and leads where the newest one leads. */
  has(lead: Lead): boolean { return this.#leads.has(lead) }
}

const elsewhere = (was: string, is: string): Fault => new Fault('STORE_UNAVAILABLE', was === '' ? `the database server tells its cluster and timeline by now (${is}); a connection from before is not used any more`
  : `the database's address leads to another server now (cluster/timeline ${is}); a connection to the former one (${was}) is not used any more`)
