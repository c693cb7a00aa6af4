// The plans of the fleet, as they are kept: made, found by hash, and folded with their journals. Changes nothing but that
// a new plan is kept; standbys use it too.
import { Fault } from '@pitstop/shared/fault'
import type { Event } from '../domain/event.ts'
import { fold } from '../domain/fold.ts'
import type { StoredPlan } from '../domain/plan.ts'
import type { State } from '../domain/state.ts'
import type { Clock, Store } from '../ports.ts'
import { type PlanRequest, type PlanningParts, makePlan } from './planning.ts'

export interface ShelfParts extends PlanningParts { readonly store: Store, readonly clock: Clock }

export class PlanShelf {
  readonly #parts: ShelfParts

  constructor(parts: ShelfParts) { this.#parts = parts }

  async make(request: PlanRequest): Promise<StoredPlan> {
    const stored = await this.draft(request)
    await this.#parts.store.savePlan(stored)
    return stored
  }

  /** A plan that is looked at and not kept. */
  draft(request: PlanRequest): Promise<StoredPlan> { return makePlan(this.#parts, request, this.#parts.clock.now()) }

  /** A plan by its hash or an unambiguous beginning of it. */
  async find(hash: string): Promise<StoredPlan> {
    const found = (await this.list()).filter((each) => each.hash.startsWith(hash))
    const [only, second] = found
    if (only === undefined || hash.length < 4) throw new Fault('NOT_FOUND', `there is no plan ${hash}`, { hint: 'make one with pitstop plan create; names need at least 4 characters' })
    if (second !== undefined) throw new Fault('INVALID_INPUT', `${hash} is the beginning of ${found.length} plans; type more of it`)
    return only
  }

  list(): Promise<StoredPlan[]> { return this.#parts.store.listPlans() }

  async load(stored: StoredPlan): Promise<State> { return fold(stored, await this.#parts.store.read<Event>(stored.hash)) }

  /** Every plan, but one that cannot be read: that is refused when it is needed. */
  async readable(): Promise<State[]> {
    return (await Promise.all((await this.list()).map((stored) => this.load(stored).catch(() => null)))).filter((state) => state !== null)
  }

  /** State of the plan that had a window last; null = none ever had one. */
  async latest(): Promise<State | null> {
    const states = await Promise.all((await this.list()).map((stored) => this.load(stored)))
    return states.filter(({ window }) => window.number > 0).sort((a, b) => b.lastAt - a.lastAt)[0] ?? null
  }
}
