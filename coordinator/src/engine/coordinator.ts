// The acting coordinator of one fleet: holds the lease, keeps the one open window going, hears agents and obeys people.
// Standing by, it does nothing but look at the lease and say who acts.
import { Fault, type Reason, asFault } from '@pitstop/shared/fault'
import type { Inventory } from '../adapters/inventory/port.ts'
import { isFoundId } from '../domain/break-glass-lines.ts'
import { type Command, command, requireWorkLeft } from '../domain/command.ts'
import type { Event, FleetEvent, Recorded } from '../domain/event.ts'
import type { Effect } from '../domain/effect.ts'
import type { FleetState, FoundObligation, Restored } from '../domain/fleet-state.ts'
import { lostPromiseViews, lostWeights, requireNothingLost } from '../domain/found-promises.ts'
import type { ByHand } from '../domain/obligations.ts'
import type { Verdict } from '../domain/observed.ts'
import { alreadyOpen, requireConfirmed, requireItsTime, requireThawed } from '../domain/opening.ts'
import type { Plan, StoredPlan } from '../domain/plan.ts'
import { type Preflight, preflight } from '../domain/preflight.ts'
import { emptyReport } from '../domain/report.ts'
import { type State, assignerObligation } from '../domain/state.ts'
import { type ObligationView, type WindowView, windowView } from '../domain/view.ts'
import { waitOutUnknown } from '../domain/weights.ts'
import { type LeaseRow, type StreamEvent, fleetStream } from '../ports.ts'
import { BreakGlassKeeper } from './break-glass-keeper.ts'
import { Engine } from './engine.ts'
import { FleetRecord } from './fleet-record.ts'
import { whatGitLabShows } from './gitlab-present.ts'
import type { LostWrite } from './hands.ts'
import { HiddenLosses } from './hidden-losses.ts'
import { type PreflightParts, gatherPreflight } from './gather-preflight.ts'
import { Journal } from './journal.ts'
import { PlanShelf } from './plan-shelf.ts'
import type { PlanRequest } from './planning.ts'
import { remembered } from './remembered-store.ts'
import { StoreWatch } from './store-watch.ts'
import type { Taken } from './take-over.ts'
import { type Hold, Tenure, type TenureParts } from './tenure.ts'

export interface CoordinatorParts extends PreflightParts, TenureParts {
  readonly fleet: string
  readonly inventory: Inventory
  readonly byHand: ByHand
  readonly writeBreakGlass: (text: string) => Promise<void>
}

export interface ReadyReport { readonly node: string, readonly orderId: string, readonly bootId: string, readonly status: Verdict['status'] }

/** @param stream hash of the plan, or `fleetStream`. */
export type EventListener = (recorded: Recorded<Event | FleetEvent>, stream: string) => void

interface Open { readonly journal: Journal, readonly engine: Engine }

export class Coordinator {
  readonly #parts: CoordinatorParts
  readonly #plans: PlanShelf
  readonly #tenure: Tenure
  readonly #glass: BreakGlassKeeper
  readonly #fleet: FleetRecord
  readonly #hidden: HiddenLosses
  #hold: Hold | null = null
  readonly #lostWrite: LostWrite = { mayLandUntil: 0 }
  #open: Open | null = null
  #opening: Promise<unknown> = Promise.resolve()
  readonly #listeners = new Set<EventListener>()

  constructor(given: CoordinatorParts) {
    const watch = new StoreWatch()
    const parts = { ...given, store: remembered(given.store, (seq) => {
      watch.note(seq)
      given.recollection?.note(seq)
    }) }
    this.#parts = parts
    this.#plans = new PlanShelf(parts)
    this.#glass = new BreakGlassKeeper(parts)
    this.#fleet = new FleetRecord({ ...parts, acting: () => this.acting, onEvent: (recorded) => { this.#tellListeners(recorded, fleetStream) } })
    this.#hidden = new HiddenLosses({ ...parts, fleet: this.#fleet, plans: this.#plans, tell: (found) => this.#tellFound(found) })
    this.#tenure = new Tenure(parts, {
      begin: (taken, hold) => { this.#begin(taken, hold) },
      standBy: (holder) => { this.#glass.standBy(holder) },
      end: async () => {
        const ended = this.#open?.engine.stop()
        this.#open = null
        this.#hold = null
        this.#fleet.end()
        await ended
      }
    }, watch)
  }

  /**
   * Takes the lease and goes on with whatever window is open; or stands by and keeps looking.
   * @throws Fault STORE_*: nothing was started. On a shared store what may pass by itself, or with another release, is waited for instead.
   */
  start(): Promise<void> { return this.#tenure.start() }

  /** Stops acting in good order and gives the lease back. The window stays open and goes on with the next start, or elsewhere at once. */
  stop(): Promise<void> { return this.#tenure.stop() }

  get acting(): boolean { return this.#tenure.acting }
  /** Who holds the lease, as far as is known here. */
  get holder(): LeaseRow | null { return this.#tenure.holder }
  /** Why this coordinator does not act; null = it does. */
  get standing(): Reason | null { return this.#tenure.standing }
  /** What holds for us while we act. */
  get frozen(): FleetState['frozen'] { return this.#fleet.state.frozen }
  /** Promises that a restored store had lost; a person settles them. */
  async lostPromises(): Promise<ObligationView[]> { return lostPromiseViews(await this.#fleet.read(), this.#parts.byHand) }
  /** Also right at a standby: by whoever acts, as the store has it. */
  async readFrozen(): Promise<FleetState['frozen']> { return (await this.#fleet.read()).frozen }

  /** When the store was last found not to be what it was, and why; null = never. */
  readRestored(): Promise<Restored | null> { return this.#fleet.readRestored() }

  onEvent(listener: EventListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  makePlan(request: PlanRequest): Promise<StoredPlan> { return this.#plans.make(request) }
  /** A plan that is looked at and not kept. */
  draftPlan(request: PlanRequest): Promise<StoredPlan> { return this.#plans.draft(request) }
  /** A plan by its hash or an unambiguous beginning of it. */
  findPlan(hash: string): Promise<StoredPlan> { return this.#plans.find(hash) }
  listPlans(): Promise<StoredPlan[]> { return this.#plans.list() }

  /** A whole copy of the store, of this moment. @throws Fault NOT_NOW when the store's own server makes its backups. */
  async backup(): Promise<Uint8Array> {
    const { store } = this.#parts
    if (store.backup === undefined) throw new Fault('NOT_NOW', 'this store is a PostgreSQL database: its own tools copy it', { hint: 'pg_dump --format=custom --file=FILE DATABASE; see docs/backup-and-restore.md' })
    return await store.backup()
  }

  /** @throws Fault WINDOW_OPEN with holder and reason, STANDBY: asked before work that only a new window needs. */
  requireNoWindow(): void {
    this.#tenure.requireActing()
    this.#requireNoWindow()
  }

  async preflight(plan: Pick<Plan, 'nodes' | 'policy' | 'opensAt' | 'closesAt'>): Promise<Preflight> {
    const facts = await gatherPreflight(this.#parts, plan, this.#tenure.epoch)
    return preflight(plan, { ...facts, assignerOwed: this.#open?.journal.state.obligations.get(assignerObligation)?.status === 'open' })
  }

  /** @param confirm the plan's hash as the person typed it. @throws Fault PREFLIGHT_FAILED with every problem, OUTSIDE_WINDOW, WINDOW_OPEN, FROZEN, CONFIRMATION_MISMATCH, STANDBY */
  openWindow(hash: string, said: { readonly by: string, readonly reason: string, readonly confirm: string }): Promise<void> {
    // One opening at a time: a second one finds the first one's window, or its refusal.
    const turn = this.#opening.then(() => this.#openWindow(hash, said))
    this.#opening = turn.catch(() => undefined)
    return turn
  }

  async #openWindow(hash: string, { by, reason: why, confirm }: { readonly by: string, readonly reason: string, readonly confirm: string }): Promise<void> {
    const epoch = this.#tenure.requireActing()
    if (by.trim() === '' || why.trim() === '') throw new Fault('INVALID_INPUT', 'opening a window needs a name and a reason', { hint: 'add --reason "change issue …"' })
    const stored = await this.findPlan(hash)
    requireConfirmed(stored, confirm)
    this.#requireNoWindow()
    requireThawed(this.frozen)
    requireNothingLost(this.#fleet.state, 'a window is opened')
    requireItsTime(stored, this.#parts.clock.now())
    const { plan } = stored
    const state = await this.#plans.load(stored)
    requireWorkLeft(state)
    await this.#hidden.requireNoneBeforeOpening()
    const facts = await gatherPreflight(this.#parts, plan, epoch)
    const { gitlab } = facts
    const { problems } = preflight(plan, facts)
    if (problems.length > 0 || 'code' in gitlab) throw new Fault('PREFLIGHT_FAILED', `not opened:\n${problems.map(({ text }) => `- ${text}`).join('\n')}`, { reasons: problems })
    this.#requireNoWindow()
    const number = state.window.number + 1
    const open = this.#prepareWindow(state, epoch)
    await open.journal.append(() => [{
      type: 'window-opened', window: number, by, reason: why, closesAt: plan.closesAt, weights: gitlab.weights, assignerActive: gitlab.scheduleActive
    }], { open: number })
    this.#run(open)
  }

  /** @throws Fault as command() does, and STANDBY */
  async command(said: Command): Promise<void> {
    const epoch = this.#tenure.requireActing()
    if (said.kind === 'hand-over') return void await this.handOver(said)
    if (said.kind === 'resume' || said.kind === 'abort') {
      await this.#hidden.requireNoneBefore(said.kind, this.#open?.journal.state)
      this.#requireStill(epoch)
    }
    if (this.#open === null) throw new Fault('NO_WINDOW', 'no window is open')
    await this.#open.journal.append((state) => command(state, said, this.#parts.clock.now()))
  }

  /** @returns what GitLab shows of the promise now: whoever takes it over should know. @throws Fault as command() does */
  async handOver(said: Extract<Command, { kind: 'hand-over' }>): Promise<string> {
    const epoch = this.#tenure.requireActing()
    const { obligation: id } = said
    const promise = this.#fleet.state.found.get(id) ?? this.#open?.journal.state.obligations.get(id)
    // What lands behind a hand-over would be told to nobody.
    if (isFoundId(id) && promise?.kind === 'weight') this.#hidden.requireLanded()
    const shown = promise === undefined ? { now: null, text: '' } : await whatGitLabShows(this.#parts.gitlab, promise)
    this.#requireStill(epoch)
    if (isFoundId(id)) await this.#clear(epoch, id, said, shown.text)
    else if (this.#open === null) throw new Fault('NO_WINDOW', 'no window is open')
    else await this.#open.journal.append((state) => command(state, { ...said, shown }, this.#parts.clock.now()))
    return shown.text
  }

  async freeze(by: string, why: string): Promise<void> { await this.#setFrozen({ by, reason: why }, by, why) }
  async unfreeze(by: string, why: string): Promise<void> { await this.#setFrozen(null, by, why) }

  /** "I am back." A report frees nothing by itself; it makes the coordinator look. Acknowledged only once it is journaled. */
  async ready(report: ReadyReport): Promise<{ readonly result: 'accepted' | 'observed' | 'outdated', readonly epoch: number }> {
    const epoch = this.#tenure.requireActing()
    const { store, clock } = this.#parts
    const node = this.#open?.journal.state.nodes.get(report.node)
    const expected = node?.steps.reboot
    if (this.#open !== null && node !== undefined && expected !== undefined && expected.facts.orderId === report.orderId) {
      if (expected.facts.bootId === report.bootId && expected.status === 'intended') return { result: 'outdated', epoch }
      // Ahead of the entry: the look that this report brings must not be given up with those from before.
      const place = this.#open.journal.state.stored.plan.nodes.find((each) => each.node === report.node)
      if (place !== undefined) this.#parts.agents.reconnect(place)
      await this.#open.journal.append(() => [{ type: 'node-reported', ...report }])
      return { result: 'accepted', epoch }
    }
    const outdated = node?.phase === 'down' && report.orderId !== ''
    if (outdated) return { result: 'outdated', epoch }
    await store.append<FleetEvent>(epoch, fleetStream, clock.now(), [{ type: 'report-observed', ...report }])
    return { result: 'observed', epoch }
  }

  /** The open window, or the latest of the plan named. Null: there never was one. */
  async view(hash?: string): Promise<WindowView | null> {
    const { byHand } = this.#parts
    if (this.#open !== null && (hash === undefined || this.#open.journal.state.stored.hash.startsWith(hash))) {
      const { journal, engine } = this.#open
      return windowView(journal.state, engine.observed, engine.report, byHand)
    }
    const state = hash === undefined ? await this.#plans.latest() : await this.#plans.load(await this.findPlan(hash))
    return state === null || state.window.number === 0 ? null : windowView(state, null, emptyReport, byHand)
  }

  /** Journal of a plan after a seq, for followers. */
  async journal(hash: string, afterSeq: number): Promise<Recorded<Event>[]> {
    return this.#parts.store.read<Event>((await this.findPlan(hash)).hash, afterSeq)
  }

  /** The fleet's own journal after a seq. */
  fleetJournal(afterSeq: number): Promise<Recorded<FleetEvent>[]> { return this.#parts.store.read<FleetEvent>(fleetStream, afterSeq) }

  /** Every stream's events after a seq, whoever wrote them. */
  journalAfter(afterSeq: number): Promise<StreamEvent[]> { return this.#parts.store.readAll(afterSeq) }

  async lease(): Promise<LeaseRow | null> { return this.#parts.store.readLease() }

  #prepareWindow(known: State, epoch: number): Open {
    const { store, clock, gitlab, agents, alerts = null, landsWithinMs, log } = this.#parts
    const { restoredAt } = this.#fleet.state
    const state = restoredAt === null ? known : waitOutUnknown(known, restoredAt + gitlab.requestTimeoutMs + landsWithinMs)
    const hold = this.#hold
    if (hold === null) throw new Fault('LEASE_LOST', 'the lease was lost meanwhile')
    // Once the lease is lost no effect begins, and the file belongs to whatever we are by then.
    const writeBreakGlass = async (now: State): Promise<void> => { if (this.#hold === hold) await this.#glass.write(epoch, this.#fleet.state, now) }
    const journal = new Journal({ store, clock, writeBreakGlass }, state, epoch)
    const engine = new Engine({
      journal, gitlab, agents, alerts, clock, landsWithinMs, lost: this.#lostWrite, takenOver: () => this.#fleet.state.takenOver,
      lostWeights: () => lostWeights(this.#fleet.state),
      guard: hold.guard,
      onTrouble: (effect: Effect, fault) => { log('error', `unexpected trouble with ${effect.kind}: ${fault.message}`, { code: fault.code, stack: fault.stack }) },
      onStopped: hold.lost
    })
    journal.onEvent((recorded) => {
      this.#tellListeners(recorded, state.stored.hash)
      if (recorded.event.type === 'window-closed') this.#closed(engine)
    })
    return { journal, engine }
  }

  #run(open: Open): void {
    this.#open = open
    open.engine.setFrozen(this.frozen)
  }

  #closed(engine: Engine): void {
    if (this.#open?.engine !== engine) return
    this.#open = null
    void engine.stop()
  }

  #begin({ row, fleet, state }: Taken, hold: Hold): void {
    this.#hold = hold
    this.#hidden.begin()
    this.#fleet.begin(fleet, hold)
    this.#tellBreakGlass(row.epoch, state)
    if (state === null) return
    this.#parts.log('info', `going on with window ${state.window.number} of plan ${state.stored.hash.slice(0, 12)}`)
    this.#run(this.#prepareWindow(state, row.epoch))
  }

  async #clear(epoch: number, id: string, { by, reason: why }: { readonly by: string, readonly reason: string }, shown: string): Promise<void> {
    if (!this.#fleet.state.found.has(id)) throw new Fault('NOT_FOUND', `there is no obligation ${id}`, { hint: 'pitstop obligations' })
    if (by.trim() === '' || why.trim() === '') throw new Fault('INVALID_INPUT', 'handing over needs a name and a reason', { hint: 'add --reason "why"' })
    await this.#fleet.tell(epoch, { type: 'obligation-cleared', id, by, reason: why, text: shown })
    this.#tellBreakGlass(epoch, this.#open?.journal.state ?? null)
    this.#open?.engine.wake()
  }

  async #tellFound(found: Omit<FoundObligation, 'foundAt'>): Promise<void> {
    const epoch = this.#tenure.requireActing()
    await this.#fleet.tell(epoch, { type: 'obligation-found', ...found })
    this.#tellBreakGlass(epoch, this.#open?.journal.state ?? null)
  }

  /** So that it is true also when nothing is journaled for long. No effect rests on it: whatever is promised is written by the journal first. */
  #tellBreakGlass(epoch: number, state: State | null): void {
    this.#glass.write(epoch, this.#fleet.state, state).catch((error: unknown) => { this.#parts.log('warn', `the break-glass file may be out of date: ${asFault(error).message}`) })
  }

  #tellListeners(recorded: Recorded<Event | FleetEvent>, stream: string): void {
    for (const listener of this.#listeners) listener(recorded, stream)
  }

  async #setFrozen(frozen: FleetState['frozen'], by: string, why: string): Promise<void> {
    const epoch = this.#tenure.requireActing()
    if (by.trim() === '' || why.trim() === '') throw new Fault('INVALID_INPUT', 'freezing needs a name and a reason', { hint: 'add --reason "why"' })
    await this.#fleet.tell(epoch, { type: frozen === null ? 'unfrozen' : 'frozen', by, reason: why })
    this.#open?.engine.setFrozen(frozen)
  }

  /** While something was asked the lease may have gone, or been taken anew: of a store that was put back then, this word was not said. */
  #requireStill(epoch: number): void {
    if (this.#tenure.requireActing() !== epoch) throw new Fault('STALE_VIEW', 'the lease was taken anew while this was looked into', { hint: 'look again, then decide again: pitstop window show' })
  }

  #requireNoWindow(): void {
    if (this.#open !== null) throw alreadyOpen(this.#open.journal.state)
  }
}
