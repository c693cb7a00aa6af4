// The coordinators of a simulated fleet: one beside its embedded store, or several on a shared one. Each is started again some
// time after it died, as a supervisor would.
import { glassMark } from '@pitstop/coordinator/domain/break-glass-lines'
import type { Coordinator } from '@pitstop/coordinator/engine/coordinator'
import { coordinatorIn } from '../world/coordinator-in-world.ts'
import type { StoreCopy } from '../world/memory-store.ts'
import { Process } from '../world/process.ts'
import type { World } from '../world/world.ts'
import type { Chance } from './chance.ts'

interface Seat { readonly machine: string, process: Process | null, coordinator: Coordinator | null }

export class Seats {
  readonly #world: World
  readonly #chance: Chance
  readonly #seats: Seat[]
  #started = 0
  #over = false
  /** Nobody else starts before this one acts. */
  #first: Seat | null = null

  constructor(world: World, chance: Chance, count: number) {
    this.#world = world
    this.#chance = chance
    this.#seats = Array.from({ length: count }, (_, index) => ({ machine: `machine-${index + 1}`, process: null, coordinator: null }))
    world.onKilled = (process) => {
      const seat = this.#seats.find((each) => each.process === process)
      if (seat !== undefined) this.#startLater(seat)
    }
  }

  startAll(): void { for (const seat of this.#seats) this.#start(seat) }

  /** Nobody starts any more, and whoever runs is killed: what is on its way lands on its own. */
  end(): void {
    this.#over = true
    for (const { process } of this.#seats) process?.kill()
  }

  /** The store is put back to an older copy, as the documents say: first everybody is stopped. @returns whether anything was lost. */
  putBack(copy: StoreCopy): boolean {
    // Put back to a time before this copy was made, the store does not hold the rows of it any more.
    if (this.#over || this.#world.store.rows.length <= copy.rows) return false
    // Who only took the lease and died over it did not act.
    const remembers = (seat: Seat): number => this.#world.memories?.get(seat.machine)?.seq ?? 0
    // A standby has seen as much of the journal as whoever acted, or a row more; it has promised nothing.
    const acted = (seat: Seat): { readonly epoch: number, readonly entry: number } => glassMark(this.#world.glass.get(seat.machine) ?? '') ?? { epoch: 0, entry: 0 }
    const first = this.#seats.toSorted((a, b) => acted(b).epoch - acted(a).epoch || acted(b).entry - acted(a).entry || remembers(b) - remembers(a))[0] ?? null
    for (const { process } of this.#seats) if (process?.alive === true) this.#world.kill(process)
    this.#world.putBackStore(copy, first?.machine)
    // On the machine that acted last, which remembers most; the others when it acts.
    this.#first = first
    if (first === null) return true
    first.coordinator = null
    this.#world.clock.after(500, () => { this.#start(first) })
    return true
  }

  /** Whoever acts and can be talked to. */
  get acting(): Coordinator | null {
    for (const { process, coordinator } of this.#seats) if (process?.alive === true && !process.asleep && coordinator?.acting === true) return coordinator
    return null
  }

  /** Somebody to report to, whether it acts or not. */
  any(): Coordinator | null {
    const { process, coordinator } = this.#chance.among(this.#seats)
    return process?.alive === true && !process.asleep ? coordinator : null
  }

  /** The acting one more often than not: that is where it hurts. */
  someProcess(): Process | null {
    const awake = this.#seats.filter(({ process }) => process?.alive === true && !process.asleep)
    const acting = awake.filter(({ coordinator }) => coordinator?.acting === true)
    const from = acting.length > 0 && this.#chance.happens(0.8) ? acting : awake
    return from.length === 0 ? null : this.#chance.among(from).process
  }

  #start(seat: Seat): void {
    if (this.#over || seat.process?.alive === true) return
    if (this.#first?.coordinator?.acting === true) this.#first = null
    if (this.#first !== null && this.#first !== seat) return this.#startLater(seat)
    const process = new Process(`coordinator-${++this.#started}`, this.#world.clock, seat.machine)
    const coordinator = coordinatorIn(this.#world, process)
    Object.assign(seat, { process, coordinator })
    coordinator.start().catch(() => { if (process.alive) this.#world.kill(process) })
  }

  #startLater(seat: Seat): void {
    this.#world.clock.after(this.#chance.among([1000, 3000, 10_000, 60_000]), () => { this.#start(seat) })
  }
}
