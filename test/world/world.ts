// The whole of pitstop's coordinator, real engine and all, in a simulated world: hosts, GitLab, virtual time, and a kill
// that leaves nothing of the process but what it had journaled.
import type { Coordinator } from '@pitstop/coordinator/engine/coordinator'
import type { Command } from '@pitstop/coordinator/domain/command'
import { applyAll, emptyState } from '@pitstop/coordinator/domain/fold'
import { type NodePhase, type NodeState, type State, nodeOf } from '@pitstop/coordinator/domain/state'
import type { Event, FleetEvent, Recorded } from '@pitstop/coordinator/domain/event'
import type { Policy, StoredPlan } from '@pitstop/coordinator/domain/plan'
import type { StoreMemory } from '@pitstop/coordinator/domain/restored'
import type { WindowView } from '@pitstop/coordinator/domain/view'
import { fleetStream } from '@pitstop/coordinator/ports'
import type { Evidence } from './check-history.ts'
import { coordinatorIn } from './coordinator-in-world.ts'
import { History } from './history.ts'
import { MemoryStore, type StoreCopy } from './memory-store.ts'
import { type Transit, SteadyTransit } from './network.ts'
import { Process } from './process.ts'
import { SimulatedAlerts } from './simulated-alerts.ts'
import { SimulatedGitLab } from './simulated-gitlab.ts'
import { SimulatedHost } from './simulated-host.ts'
import { SqliteStore } from './sqlite-store.ts'
import type { Killer, StoreGoes } from './store-port.ts'
import { VirtualClock } from './virtual-clock.ts'

export const minutes = 60_000

export const standardPolicy: Policy = {
  groupSize: 2, strictBatches: false, prepareAhead: 2, failureBudget: 1, canaryFirst: true, drain: 'zero-weight', activeStorageFloor: 2,
  settleMs: 10_000, soakMs: 10_000, watchMs: 60_000, rebootDelayMs: 0, reboot: 'always', prepareEstimateMs: 2 * minutes, downEstimateMs: 2 * minutes,
  allowanceMs: minutes, deadlines: { stageMs: 10 * minutes, upgradeMs: 20 * minutes, returnMs: 5 * minutes }, assigner: 'pause', livePipelines: 'wait'
}

export interface WorldOptions {
  readonly nodes?: number
  readonly policy?: Partial<Policy>
  readonly closesInMs?: number
  readonly reports?: boolean
  readonly storagesPerNode?: number
  readonly platforms?: number
  readonly leaseMs?: number
  readonly start?: number
  /** On the real SQLite store instead of one in memory; it is closed by whoever asks for it. */
  readonly onSqlite?: boolean
  /** A gate on alerts is configured. */
  readonly alerts?: boolean
}

type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

export class Killed extends Error {}

export class World {
  readonly start: number
  readonly clock: VirtualClock
  readonly history = new History()
  readonly store: MemoryStore
  readonly gitlab: SimulatedGitLab
  /** Null: no gate on alerts is configured. */
  readonly alerts: SimulatedAlerts | null
  readonly hosts = new Map<string, SimulatedHost>()
  readonly storages = new Map<string, readonly string[]>()
  readonly policy: Policy
  readonly troubles: string[] = []
  /** What a coordinator warned of. */
  readonly warnings: string[] = []
  /** Troubles that only a developer can explain. */
  readonly defects: string[] = []
  readonly initialWeights: Readonly<Record<string, number>>
  /** The break-glass file of each machine. */
  readonly glass = new Map<string, string>()
  glassFails = false
  /** What each machine remembers of the store beside its break-glass file; null = machines remember nothing, only agents do. */
  memories: Map<string, StoreMemory> | null = null
  /** By machine: the newest row that a coordinator there wrote and knows to be stored. */
  readonly heard = new Map<string, number>()
  /** When the store was put back last. */
  putBackAt: number | null = null
  appends = 0
  killAt: Killer = () => null
  embeddedStore = true
  /** What a shared store's own clock is ahead. */
  storeClockOffMs = 0
  storeGoes: () => StoreGoes = () => 'well'
  transit: Transit
  /** Told of each process that is killed. */
  onKilled: (process: Process) => void = () => undefined
  coordinator!: Coordinator
  plan!: StoredPlan
  /** True time of each row. */
  readonly #journaledAt: number[] = []
  #started = 0
  #process: Process | null = null
  readonly closesAt: number
  readonly leaseMs: number

  constructor({ nodes = 4, policy = {}, closesInMs = 300 * minutes, reports = true, storagesPerNode = 1, platforms = 1, leaseMs = 30_000, start = Date.UTC(2026, 10, 22, 2), onSqlite = false, alerts = false }: WorldOptions = {}) {
    this.start = start
    this.clock = new VirtualClock(start)
    this.transit = new SteadyTransit(this.clock)
    this.store = new (onSqlite ? SqliteStore : MemoryStore)('lab', () => this.clock.now() + this.storeClockOffMs)
    this.policy = { ...standardPolicy, ...policy }
    this.closesAt = start + closesInMs
    this.leaseMs = leaseMs
    const names = Array.from({ length: nodes }, (_, index) => `gitaly-${String(index + 1).padStart(2, '0')}.test`)
    const storages = names.map((name) => Array.from({ length: storagesPerNode }, (_, index) => index === 0 ? name : `${name}-${index + 1}`))
    this.initialWeights = Object.fromEntries([...storages.flatMap((own, index) => own.map((storage) => [storage, index === 2 ? 0 : 100 - index])), ['spare-1', 50], ['spare-2', 50]])
    this.gitlab = new SimulatedGitLab(this.clock, this.history, this.initialWeights)
    this.alerts = alerts ? new SimulatedAlerts(this.clock, this.history) : null
    this.history.journaled = () => this.store.rows.length
    this.store.onAppended = (_stream, recorded) => { for (const _ of recorded) this.#journaledAt.push(this.clock.now()) }
    this.store.onTaken = ({ holder, epoch }) => { this.history.add({ at: this.clock.now(), what: 'lease-taken', by: holder, epoch }) }
    for (const [index, name] of names.entries()) {
      this.storages.set(name, storages[index] ?? [])
      const host = new SimulatedHost(name, this.clock, this.history, `debian-${12 + index % platforms}-amd64`)
      if (reports) host.onReady = (orderId, bootId) => { void this.#report(name, orderId, bootId) }
      this.hosts.set(name, host)
    }
  }

  host(index: number): SimulatedHost {
    const host = [...this.hosts.values()][index]
    if (host === undefined) throw new RangeError(`host ${index}`)
    return host
  }

  /** Start a coordinator process: again, or beside the one that runs. */
  async boot(): Promise<void> {
    const process = new Process(`process-${++this.#started}`, this.clock)
    this.#process = process
    this.coordinator = coordinatorIn(this, process)
    await this.settle(this.coordinator.start())
  }

  /** SIGSTOP for the process booted first: whatever would reach it reaches it when it is awake again. */
  sleepUntil(awake: () => boolean): void {
    const process = this.#process
    process?.sleep()
    const look = (): void => { if (awake()) process?.wake(); else this.clock.after(1000, look) }
    look()
  }

  /** The break-glass file where there is one machine. */
  get breakGlass(): string { return [...this.glass.values()].at(-1) ?? '' }

  /** A person repeats a command until it is journaled, over kills of the coordinator. */
  async insist(command: () => Promise<void>, seen: () => boolean): Promise<void> {
    for (let tries = 0; tries < 5 && !seen(); tries++) {
      try {
        await command()
      } catch (error) {
        if (!(error instanceof Killed)) throw error
      }
      if (this.killed) await this.boot()
    }
  }

  /** Up to an open window, whatever kills the coordinator on the way: the operator simply tries again. */
  async openDespiteKills(): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      try {
        await this.boot()
        if (this.plan === undefined) await this.makePlan()
        if (!this.has('window-opened')) await this.openWindow()
        return
      } catch (error) {
        if (!(error instanceof Killed)) throw error
      }
    }
    throw new Error('could not open the window')
  }

  /** kill -9: whatever it was doing is never finished by it; what it had sent is on its way. */
  kill(process: Process | null = this.#process): void {
    process?.kill()
    if (process !== null) this.onKilled(process)
    this.history.add({ at: this.clock.now(), what: 'coordinator-killed', by: process?.name ?? '' })
    // The kernel drops the process's lock on an embedded store; its successor need not wait for the lease.
    if (this.embeddedStore) this.store.crashed()
    if (this.embeddedStore && this.store.lease !== null) this.store.lease = { ...this.store.lease, expiresAt: 0 }
  }

  /** A backup is put back while no coordinator runs; hosts, GitLab and the coordinators' machines keep what happened. */
  putBackStore(copy: StoreCopy, machine = this.#process?.machine ?? ''): void {
    this.#folded = null
    this.putBackAt = this.clock.now()
    const happening = { at: this.clock.now(), seq: this.store.rows.length }
    const times = this.#journaledAt.splice(copy.rows)
    const lost = this.store.putBack(copy).map(({ stream, recorded }, index) => ({ stream, recorded, at: times[index] ?? 0 }))
    this.history.happenings.push({ ...happening, what: 'store-put-back', kept: copy.rows, lost, heard: this.heard.get(machine) ?? 0, glass: this.glass.get(machine) ?? '' })
    for (const [each, seq] of this.heard) this.heard.set(each, Math.min(seq, copy.rows))
  }

  /** The wall clock of the coordinator's machine is set. */
  setClock(offMs: number): void {
    if (this.#process === null) return
    this.#process.wallOffMs = offMs
    this.history.add({ at: this.clock.now(), what: 'coordinator-clock', by: this.#process.name, offMs })
  }

  /** The coordinator that was started last is not there any more. */
  get killed(): boolean { return this.#process?.alive === false }

  async makePlan(): Promise<StoredPlan> {
    const now = this.clock.now()
    this.plan = await this.settle(this.coordinator.makePlan({ by: 'ada', reason: 'monthly', opensAt: now, closesAt: this.closesAt, policy: this.policy }))
    return this.plan
  }

  async openWindow(): Promise<void> {
    await this.settle(this.coordinator.openWindow(this.plan.hash, { by: 'ada', reason: 'monthly', confirm: this.plan.hash }))
  }

  /** Everything up to an open window. */
  static async opened(options?: WorldOptions): Promise<World> {
    const world = new World(options)
    await world.boot()
    await world.makePlan()
    await world.openWindow()
    return world
  }

  events(): Recorded<Event>[] {
    return this.#rowsOf<Event>(this.plan.hash)
  }

  #rowsOf<E>(of: string): Recorded<E>[] {
    return this.store.rows.flatMap(({ stream, recorded }) => stream === of ? [recorded as Recorded<E>] : [])
  }

  /** For the history checker. */
  evidence(): Evidence {
    return {
      happenings: this.history.happenings, journal: this.events(), fleet: this.#rowsOf<FleetEvent>(fleetStream), journaledAt: (seq) => this.#journaledAt[seq - 1] ?? 0, plan: this.plan.plan, planHash: this.plan.hash, initialWeights: this.initialWeights,
      finalWeights: this.gitlab.weights, assignerActive: this.gitlab.scheduleActive, alertsAreRead: this.alerts !== null, mostWritesAtOnce: this.gitlab.mostWritesAtOnce, overtakenWrites: this.gitlab.overtaken
    }
  }

  has(type: Event['type']): boolean { return this.store.rows.some(({ stream, recorded }) => stream === this.plan.hash && (recorded as Recorded<Event>).event.type === type) }

  /** What a person tells the window. */
  async say(said: DistributedOmit<Command, 'by' | 'reason'>): Promise<void> {
    await this.settle(this.coordinator.command({ by: 'ada', reason: 'because', ...said }))
  }

  node(index: number): NodeState {
    return nodeOf(this.state(), [...this.hosts.keys()][index] ?? '')
  }

  /** The state by the journal, folded on from where it was folded last. */
  state(): State {
    if (this.#folded?.stored !== this.plan) this.#folded = emptyState(this.plan)
    this.#folded = applyAll(this.#folded, this.#rowsAfter(this.#folded.seq))
    return this.#folded
  }

  #folded: State | null = null

  #rowsAfter(seq: number): Recorded<Event>[] {
    const rows = this.store.rows.slice(seq)
    return rows.filter(({ stream }) => stream === this.plan.hash).map(({ recorded }) => recorded as Recorded<Event>)
  }

  /** The node's phase, by the journal. */
  phase(index: number): NodePhase { return this.node(index).phase }

  async view(): Promise<WindowView> {
    const view = await this.settle(this.coordinator.view())
    if (view === null) throw new Error('no window')
    return view
  }

  /** Waits in virtual time for a promise of the coordinator. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const mark = (): void => { settled = true }
    promise.then(mark, mark)
    if (!await this.clock.runUntil(() => settled || this.killed, 10 * minutes)) throw new Error('the promise did not settle in virtual time')
    if (!settled) throw new Killed('the coordinator was killed')
    return promise
  }

  /** Runs until the condition; a coordinator that was killed is started again. */
  async until(condition: () => boolean, limitMs = 600 * minutes): Promise<void> {
    const deadline = this.clock.now() + limitMs
    while (this.clock.now() < deadline) {
      const reached = await this.clock.runUntil(() => condition() || this.killed, deadline - this.clock.now())
      if (this.killed) await this.boot().catch((error: unknown) => { if (!(error instanceof Killed)) throw error })
      else if (reached) return
      else break
    }
    if (!condition()) throw new Error(`not reached in ${limitMs / minutes} virtual minutes; phase ${this.events().at(-1)?.event.type ?? 'none'}; ${this.troubles.join('; ')}`)
  }

  untilClosed(limitMs?: number): Promise<void> { return this.until(() => this.has('window-closed'), limitMs) }

  async #report(node: string, orderId: string, bootId: string): Promise<void> {
    await this.clock.sleep(20)
    await this.coordinator.ready({ node, orderId, bootId, status: 'healthy' }).catch(() => undefined)
  }
}
