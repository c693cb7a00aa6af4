// What a restored store may hide beyond the promises that were found when it was taken over: GitLab may not have been readable
// then, and a write of the lost time may have landed since. Before a person's word lets pitstop write again it is looked for anew.
import { formatDuration } from '@pitstop/shared/duration'
import { Fault, asFault } from '@pitstop/shared/fault'
import { idOfFound } from '../domain/break-glass-lines.ts'
import type { FoundObligation } from '../domain/fleet-state.ts'
import { requireNothingLost } from '../domain/found-promises.ts'
import { lostPromises } from '../domain/lost-promises.ts'
import type { StrangeOrder } from '../domain/restored.ts'
import { type State, awaitsPerson } from '../domain/state.ts'
import type { Clock, GitLab } from '../ports.ts'
import { ordersNamed } from './ask-agents.ts'
import type { FleetRecord } from './fleet-record.ts'
import { mayLandForMs } from './gitlab-effects.ts'
import { readPresent } from './gitlab-present.ts'
import type { PlanShelf } from './plan-shelf.ts'

export interface HiddenLossesParts {
  readonly gitlab: GitLab
  readonly clock: Clock
  readonly landsWithinMs: number
  readonly fleet: FleetRecord
  readonly plans: PlanShelf
  /** Journals what was found. @throws Fault STANDBY, STORE_* */
  readonly tell: (found: Omit<FoundObligation, 'foundAt'>) => Promise<void>
}

/** What agents had at the restores since a window was opened last, and the plans that the store holds. */
interface KnownAtRestore { readonly strange: readonly StrangeOrder[], readonly plans: readonly State[] }

export class HiddenLosses {
  readonly #parts: HiddenLossesParts
  /** When the lease was taken, by the clock on the wall and by the one that is never set. */
  #begun = { at: 0, monotonic: 0 }

  constructor(parts: HiddenLossesParts) { this.#parts = parts }

  /** The lease was taken. */
  begin(): void {
    const { clock } = this.#parts
    this.#begun = { at: clock.now(), monotonic: clock.monotonic() }
  }

  /**
   * Whoever resumes or aborts a window whose store was put back lets pitstop write to GitLab again.
   * @param state of the open window's plan; undefined = none is open. @throws Fault STORE_RESTORED while a promise that was lost is not settled.
   */
  async requireNoneBefore(kind: 'resume' | 'abort', state: State | undefined): Promise<void> {
    const what = kind === 'resume' ? 'the window is resumed' : 'the window is aborted'
    const awaits = state !== undefined && awaitsPerson(state)
    if (kind === 'resume' || awaits) requireNothingLost(this.#parts.fleet.state, what)
    if (!awaits) return
    this.requireLanded()
    await this.#tellAll(state, await this.#knownAtRestore(), what)
  }

  /** What agents had when the store was put back between windows may have lost its weight. @throws Fault STORE_RESTORED */
  async requireNoneBeforeOpening(): Promise<void> {
    const known = await this.#knownAtRestore()
    if (known.strange.length === 0) return
    this.requireLanded()
    await this.#tellAll(null, known, 'a window is opened')
  }

  /** Whoever settles a weight, or builds upon it, sees it as it stays. @throws Fault STORE_RESTORED while a write of the lost time may still land. */
  requireLanded(): void {
    const { clock, fleet } = this.#parts
    const forMs = mayLandForMs(this.#parts)
    // What is left when we begin, at most all of it, and from then on by the clock that is never set.
    const leftMs = Math.min((fleet.state.restoredAt ?? 0) + forMs - this.#begun.at, forMs)
    const landsInMs = leftMs - (clock.monotonic() - this.#begun.monotonic)
    if (landsInMs > 0) throw new Fault('STORE_RESTORED', 'a write to GitLab from before the store was put back may still land', { hint: `look again in ${formatDuration(landsInMs)}, then say it again` })
  }

  async #knownAtRestore(): Promise<KnownAtRestore> {
    const { fleet: { state: { toldOrders, lostPlans } }, plans } = this.#parts
    if (toldOrders.size === 0) return { strange: [], plans: [] }
    const readable = await plans.readable()
    // Whatever restore told them: those that were told before the last opening were held against GitLab then.
    const lastOpened = Math.max(0, ...readable.map(({ window }) => window.openedSeq))
    const ids = new Set([...toldOrders].flatMap(([id, seq]) => (seq > lastOpened ? [id] : [])))
    return { strange: [...ordersNamed(readable, ids), ...lostPlans.filter(({ id }) => ids.has(id)).map((each) => ({ ...each, status: 'told at the restore' }))], plans: readable }
  }

  async #tellAll(state: State | null, known: KnownAtRestore, what: string): Promise<void> {
    for (const each of await this.#notToldYet(state, known)) await this.#parts.tell(each)
    requireNothingLost(this.#parts.fleet.state, what)
  }

  /** GitLab held against the restored journal. @param state of the open window's plan; null = a window is about to be opened. @throws Fault STORE_RESTORED: the comparison cannot be made. */
  async #notToldYet(state: State | null, { strange, plans }: KnownAtRestore): Promise<Omit<FoundObligation, 'foundAt'>[]> {
    const { gitlab, clock, fleet } = this.#parts
    const present = await readPresent(gitlab, clock).catch((error: unknown) => {
      throw new Fault('STORE_RESTORED', `GitLab cannot be held against the restored journal: ${asFault(error).message}`, { cause: error, hint: 'when GitLab answers, say it again' })
    })
    const { found, takenOver, restoredSeq } = fleet.state
    const settled = new Set([...takenOver].flatMap(([id, { seq }]) => seq > restoredSeq ? [id] : []))
    // Of the window's own nodes a weight at 0 is told without an order, unless the journal says why.
    const others = strange.filter(({ node }) => state?.nodes.has(node) !== true)
    return lostPromises({ state, lines: [], known: null, strange: others, plans, found, from: '', present }).filter(({ id }) => !settled.has(idOfFound(id)))
  }
}
