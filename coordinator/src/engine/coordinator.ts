// The acting coordinator of one fleet: holds the lease, keeps the one open window going, hears agents and obeys people.
// Standing by, it does nothing but say who acts.
import { Fault, asFault, reason } from '@pitstop/shared/fault'
import type { Inventory } from '../adapters/inventory/port.ts'
import { type Command, command } from '../domain/command.ts'
import type { Event, FleetEvent, Recorded } from '../domain/event.ts'
import type { Effect } from '../domain/effect.ts'
import { fold } from '../domain/fold.ts'
import type { ByHand } from '../domain/obligations.ts'
import type { Verdict } from '../domain/observed.ts'
import type { Plan, StoredPlan } from '../domain/plan.ts'
import { type Preflight, preflight } from '../domain/preflight.ts'
import { emptyReport } from '../domain/report.ts'
import { type State, labelOf } from '../domain/state.ts'
import { type WindowView, windowView } from '../domain/view.ts'
import { type LeaseRow, type Store, fleetStream } from '../ports.ts'
import { Engine } from './engine.ts'
import { type PreflightParts, gatherPreflight } from './gather-preflight.ts'
import { Journal } from './journal.ts'
import { LeaseKeeper, type LeaseSettings } from './lease-keeper.ts'
import { type PlanRequest, makePlan } from './planning.ts'

export interface CoordinatorParts extends PreflightParts {
  readonly fleet: string
  readonly store: Store
  readonly inventory: Inventory
  readonly lease: LeaseSettings
  readonly byHand: ByHand
  readonly writeBreakGlass: (text: string) => Promise<void>
  readonly landsWithinMs: number
  readonly log: (level: 'info' | 'warn' | 'error', text: string, facts?: Record<string, unknown>) => void
}

export interface ReadyReport { readonly node: string, readonly orderId: string, readonly bootId: string, readonly status: Verdict['status'] }

/** @param stream hash of the plan, or `fleetStream`. */
export type EventListener = (recorded: Recorded<Event | FleetEvent>, stream: string) => void

interface Open { readonly journal: Journal, readonly engine: Engine }
interface Frozen { readonly by: string, readonly reason: string }

/** How long a standby waits before it tries to take the lease again, and a coordinator that lost it likewise. */
const retakeMs = 1000

export class Coordinator {
  readonly #parts: CoordinatorParts
  #keeper: LeaseKeeper
  #holder: LeaseRow | null = null
  #acting = false
  #stopped = false
  #open: Open | null = null
  #frozen: Frozen | null = null
  #cancelRetake: () => void = () => undefined
  #opening: Promise<unknown> = Promise.resolve()
  /** An agent had seen a newer epoch than this store knows though its lease was ours: the store is not what it was. */
  #distrust: Fault | null = null
  readonly #listeners = new Set<EventListener>()

  constructor(parts: CoordinatorParts) {
    this.#parts = parts
    this.#keeper = this.#newKeeper()
  }

  /** Takes the lease and goes on with whatever window is open; or stands by and keeps trying. */
  async start(): Promise<void> {
    const { row, mine } = await this.#keeper.take()
    this.#holder = row
    if (!mine) {
      this.#parts.log('info', `standing by: ${row.holder} at ${row.address} holds the lease (epoch ${row.epoch})`)
      this.#retakeLater()
      return
    }
    const { store, clock, lease, log } = this.#parts
    const journal = await store.read<FleetEvent>(fleetStream)
    this.#frozen = journal.reduce<Frozen | null>((frozen, { event }) => event.type === 'frozen' ? event : event.type === 'unfrozen' ? null : frozen, null)
    await store.append<FleetEvent>(row.epoch, fleetStream, clock.now(), [{ type: 'lease-taken', holder: lease.holder, address: lease.address }])
    const window = await store.openWindow()
    if (window !== null) {
      const stored = await this.#storedPlan(window.plan)
      log('info', `going on with window ${window.number} of plan ${window.plan.slice(0, 12)}`)
      const open = this.#prepareWindow(await this.#load(stored), row.epoch)
      if (this.#distrust !== null) await this.#pauseInDistrust(open.journal, this.#distrust)
      this.#run(open)
    }
    this.#acting = true
    log('info', `acting with epoch ${row.epoch}`)
  }

  /** Stops acting in good order and gives the lease back. The window stays open and goes on with the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#acting = false
    this.#cancelRetake()
    await this.#open?.engine.stop()
    this.#open = null
    await this.#keeper.release()
  }

  get acting(): boolean { return this.#acting }
  get holder(): LeaseRow | null { return this.#holder }
  get frozen(): Frozen | null { return this.#frozen }

  onEvent(listener: EventListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async makePlan(request: PlanRequest): Promise<StoredPlan> {
    const { store, clock } = this.#parts
    const stored = await makePlan(this.#parts, request, clock.now())
    await store.savePlan(stored)
    return stored
  }

  /** A plan that is looked at and not kept. */
  draftPlan(request: PlanRequest): Promise<StoredPlan> { return makePlan(this.#parts, request, this.#parts.clock.now()) }

  /** @throws Fault WINDOW_OPEN with holder and reason, STANDBY: asked before work that only a new window needs. */
  requireNoWindow(): void {
    this.#requireActing()
    this.#requireNoWindow()
  }

  /** A plan by its hash or an unambiguous beginning of it. */
  async findPlan(hash: string): Promise<StoredPlan> {
    const found = (await this.#parts.store.listPlans()).filter((each) => each.hash.startsWith(hash))
    const [only, second] = found
    if (only === undefined || hash.length < 4) throw new Fault('NOT_FOUND', `there is no plan ${hash}`, { hint: 'make one with pitstop plan create; names need at least 4 characters' })
    if (second !== undefined) throw new Fault('INVALID_INPUT', `${hash} is the beginning of ${found.length} plans; type more of it`)
    return only
  }

  listPlans(): Promise<StoredPlan[]> { return this.#parts.store.listPlans() }

  async preflight(plan: Pick<Plan, 'nodes' | 'policy' | 'opensAt' | 'closesAt'>): Promise<Preflight> {
    return preflight(plan, await gatherPreflight(this.#parts, plan, this.#keeper.epoch ?? 0))
  }

  /** @param confirm the plan's hash as the person typed it. @throws Fault PREFLIGHT_FAILED with every problem, OUTSIDE_WINDOW, WINDOW_OPEN, FROZEN, CONFIRMATION_MISMATCH, STANDBY */
  openWindow(hash: string, said: { readonly by: string, readonly reason: string, readonly confirm: string }): Promise<void> {
    // One opening at a time: a second one finds the first one's window, or its refusal.
    const turn = this.#opening.then(() => this.#openWindow(hash, said))
    this.#opening = turn.catch(() => undefined)
    return turn
  }

  async #openWindow(hash: string, { by, reason: why, confirm }: { readonly by: string, readonly reason: string, readonly confirm: string }): Promise<void> {
    const epoch = this.#requireActing()
    if (by.trim() === '' || why.trim() === '') throw new Fault('INVALID_INPUT', 'opening a window needs a name and a reason', { hint: 'add --reason "change issue …"' })
    const stored = await this.#storedPlan((await this.findPlan(hash)).hash)
    if (confirm.length < 8 || !stored.hash.startsWith(confirm)) throw new Fault('CONFIRMATION_MISMATCH', `confirm with at least 8 characters of the plan's hash ${stored.hash.slice(0, 12)}`)
    this.#requireNoWindow()
    if (this.#frozen !== null) throw new Fault('FROZEN', `frozen by ${this.#frozen.by}: ${this.#frozen.reason}`)
    const { plan } = stored
    const now = this.#parts.clock.now()
    if (now < plan.opensAt || now >= plan.closesAt) throw new Fault('OUTSIDE_WINDOW', `plan ${stored.hash.slice(0, 12)} is for ${new Date(plan.opensAt).toISOString()} to ${new Date(plan.closesAt).toISOString()}; now is ${new Date(now).toISOString()}`)
    const facts = await gatherPreflight(this.#parts, plan, epoch)
    const { gitlab } = facts
    const { problems } = preflight(plan, facts)
    if (problems.length > 0 || 'code' in gitlab) throw new Fault('PREFLIGHT_FAILED', `not opened:\n${problems.map(({ text }) => `- ${text}`).join('\n')}`, { reasons: problems })
    this.#requireNoWindow()
    const state = await this.#load(stored)
    const number = state.window.number + 1
    const open = this.#prepareWindow(state, epoch)
    await open.journal.append(() => [{
      type: 'window-opened', window: number, by, reason: why, closesAt: plan.closesAt, weights: gitlab.weights, assignerActive: gitlab.scheduleActive
    }], { open: number })
    this.#run(open)
  }

  /** @throws Fault as command() does, and STANDBY */
  async command(said: Command): Promise<void> {
    this.#requireActing()
    if (this.#open === null) throw new Fault('NO_WINDOW', 'no window is open')
    await this.#open.journal.append((state) => command(state, said))
  }

  async freeze(by: string, why: string): Promise<void> { await this.#setFrozen({ by, reason: why }, by, why) }
  async unfreeze(by: string, why: string): Promise<void> { await this.#setFrozen(null, by, why) }

  /** "I am back." A report frees nothing by itself; it makes the coordinator look. Acknowledged only once it is journaled. */
  async ready(report: ReadyReport): Promise<{ readonly result: 'accepted' | 'observed' | 'outdated', readonly epoch: number }> {
    const epoch = this.#requireActing()
    const { store, clock } = this.#parts
    const node = this.#open?.journal.state.nodes.get(report.node)
    const expected = node?.steps.reboot
    if (this.#open !== null && node !== undefined && expected !== undefined && expected.facts.orderId === report.orderId) {
      if (expected.facts.bootId === report.bootId && expected.status === 'intended') return { result: 'outdated', epoch }
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
    const stored = hash === undefined ? await this.#latestPlan() : await this.findPlan(hash)
    if (stored === null) return null
    const state = await this.#load(stored)
    return state.window.number === 0 ? null : windowView(state, null, emptyReport, byHand)
  }

  /** Journal of a plan after a seq, for followers. */
  async journal(hash: string, afterSeq: number): Promise<Recorded<Event>[]> {
    return this.#parts.store.read<Event>((await this.findPlan(hash)).hash, afterSeq)
  }

  /** The fleet's own journal after a seq. */
  fleetJournal(afterSeq: number): Promise<Recorded<FleetEvent>[]> { return this.#parts.store.read<FleetEvent>(fleetStream, afterSeq) }

  async lease(): Promise<LeaseRow | null> { return this.#parts.store.readLease() }

  #prepareWindow(state: State, epoch: number): Open {
    const { store, clock, byHand, writeBreakGlass, gitlab, agents, landsWithinMs, log } = this.#parts
    const journal = new Journal({ store, clock, byHand, writeBreakGlass }, state, epoch)
    const keeper = this.#keeper
    const engine = new Engine({
      journal, gitlab, agents, clock, landsWithinMs,
      guard: (effectMs) => { keeper.guard(effectMs) },
      onTrouble: (effect: Effect, fault) => { log('error', `unexpected trouble with ${effect.kind}: ${fault.message}`, { code: fault.code, stack: fault.stack }) },
      onStopped: (why) => { void this.#lost(why, keeper) }
    })
    journal.onEvent((recorded) => {
      for (const listener of this.#listeners) listener(recorded, state.stored.hash)
      if (recorded.event.type === 'window-closed') this.#closed(engine)
    })
    return { journal, engine }
  }

  #run(open: Open): void {
    this.#open = open
    open.engine.setFrozen(this.#frozen)
  }

  /** A restored or failed-over store must not roll on by itself: a person decides. */
  async #pauseInDistrust(journal: Journal, why: Fault): Promise<void> {
    const text = `an agent has seen a newer epoch than this store (${why.message}): was it restored from a backup?`
    await journal.append(({ window }) => window.phase === 'rolling' && window.pause === null
      ? [{ type: 'window-paused', by: 'pitstop', reasons: [reason('STALE_EPOCH', text, 'compare journal and hosts, then: pitstop window resume')] }]
      : [])
    this.#distrust = null
  }

  #closed(engine: Engine): void {
    if (this.#open?.engine !== engine) return
    this.#open = null
    void engine.stop()
  }

  async #lost(why: Fault, keeper: LeaseKeeper): Promise<void> {
    // A keeper of an earlier try has nothing to say any more.
    if (this.#stopped || !this.#acting || keeper !== this.#keeper) return
    const { row } = keeper
    const held = await this.#parts.store.readLease().catch(() => null)
    if (why.code === 'STALE_EPOCH' && row !== null && held?.epoch === row.epoch && held.holder === row.holder) this.#distrust = why
    this.#acting = false
    this.#parts.log('error', `stopped acting: ${why.message}`, { code: why.code })
    this.#keeper.abandon()
    const open = this.#open
    this.#open = null
    await open?.engine.stop()
    this.#retakeLater()
  }

  #retakeLater(): void {
    this.#cancelRetake = this.#parts.clock.after(retakeMs, () => {
      if (this.#stopped) return
      this.#keeper.abandon()
      this.#keeper = this.#newKeeper()
      this.start().catch((error: unknown) => {
        this.#parts.log('warn', `cannot take the lease: ${asFault(error).message}`)
        this.#retakeLater()
      })
    })
  }

  #newKeeper(): LeaseKeeper {
    const { store, clock, lease } = this.#parts
    const keeper: LeaseKeeper = new LeaseKeeper(store, clock, lease, (why) => { void this.#lost(why, keeper) })
    return keeper
  }

  async #setFrozen(frozen: Frozen | null, by: string, why: string): Promise<void> {
    const epoch = this.#requireActing()
    if (by.trim() === '' || why.trim() === '') throw new Fault('INVALID_INPUT', 'freezing needs a name and a reason', { hint: 'add --reason "why"' })
    const { store, clock } = this.#parts
    const [recorded] = await store.append<FleetEvent>(epoch, fleetStream, clock.now(), [{ type: frozen === null ? 'unfrozen' : 'frozen', by, reason: why }])
    this.#frozen = frozen
    this.#open?.engine.setFrozen(frozen)
    if (recorded !== undefined) for (const listener of this.#listeners) listener(recorded, fleetStream)
  }

  #requireActing(): number {
    const { epoch } = this.#keeper
    if (!this.#acting || epoch === null) {
      throw new Fault('STANDBY', this.#holder === null ? 'this coordinator does not act' : `this coordinator stands by; ${this.#holder.holder} acts`,
        { hint: this.#holder === null ? 'try again shortly' : `ask ${this.#holder.address}` })
    }
    return epoch
  }

  #requireNoWindow(): void {
    if (this.#open === null) return
    const { window, stored, obligations } = this.#open.journal.state
    const debts = [...obligations.values()].filter(({ status }) => status === 'open').length
    const holds = [...this.#open.journal.state.nodes.values()].filter(({ holdsSlot }) => holdsSlot).map(({ node }) => node)
    throw new Fault('WINDOW_OPEN', `window ${window.number} of plan ${stored.hash.slice(0, 12)} is ${labelOf(this.#open.journal.state)}, opened by ${window.by} (${window.reason})${holds.length === 0 ? '' : `; down: ${holds.join(', ')}`}${debts === 0 ? '' : `; ${debts} promises unpaid`}`)
  }

  async #storedPlan(hash: string): Promise<StoredPlan> {
    const stored = await this.#parts.store.readPlan(hash)
    if (stored === null) throw new Fault('STORE_CORRUPT', `the store has a window for plan ${hash} and not the plan`)
    return stored
  }

  async #latestPlan(): Promise<StoredPlan | null> {
    const plans = await this.#parts.store.listPlans()
    const loaded = await Promise.all(plans.map(async (stored) => ({ stored, state: await this.#load(stored) })))
    return loaded.filter(({ state }) => state.window.number > 0).sort((a, b) => b.state.lastAt - a.state.lastAt)[0]?.stored ?? null
  }

  async #load(stored: StoredPlan): Promise<State> {
    return fold(stored, await this.#parts.store.read<Event>(stored.hash))
  }
}

