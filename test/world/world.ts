// The whole of pitstop's coordinator, real engine and all, in a simulated world: hosts, GitLab, virtual time, and a kill
// that leaves nothing of the process but what it had journaled.
import { Coordinator } from '@pitstop/coordinator/engine/coordinator'
import type { Command } from '@pitstop/coordinator/domain/command'
import { apply, emptyState } from '@pitstop/coordinator/domain/fold'
import { type NodePhase, type NodeState, type State, nodeOf } from '@pitstop/coordinator/domain/state'
import type { Event, Recorded } from '@pitstop/coordinator/domain/event'
import type { Policy, StoredPlan } from '@pitstop/coordinator/domain/plan'
import type { WindowView } from '@pitstop/coordinator/domain/view'
import type { Agents, Clock, Store } from '@pitstop/coordinator/ports'
import { Fault } from '@pitstop/shared/fault'
import type { Evidence } from './check-history.ts'
import { History } from './history.ts'
import { MemoryStore } from './memory-store.ts'
import { SimulatedGitLab } from './simulated-gitlab.ts'
import { SimulatedHost } from './simulated-host.ts'
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
}

/** Says whether the coordinator dies at this append, before or after it is stored. */
export type Killer = (append: number) => 'before' | 'after' | null

type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

export class Killed extends Error {}

export class World {
  readonly start = Date.UTC(2026, 10, 22, 2)
  readonly clock = new VirtualClock(this.start)
  readonly history = new History()
  readonly store = new MemoryStore('lab', () => this.clock.now())
  readonly gitlab: SimulatedGitLab
  readonly hosts = new Map<string, SimulatedHost>()
  readonly policy: Policy
  readonly troubles: string[] = []
  readonly initialWeights: Readonly<Record<string, number>>
  breakGlass = ''
  glassFails = false
  appends = 0
  killAt: Killer = () => null
  coordinator!: Coordinator
  plan!: StoredPlan
  #generation = 0
  /** Generation of the process that was started last; another one means that it was killed. */
  #booted = 0
  readonly #closesInMs: number

  constructor({ nodes = 4, policy = {}, closesInMs = 300 * minutes, reports = true }: WorldOptions = {}) {
    this.policy = { ...standardPolicy, ...policy }
    this.#closesInMs = closesInMs
    const names = Array.from({ length: nodes }, (_, index) => `gitaly-${String(index + 1).padStart(2, '0')}.test`)
    this.initialWeights = Object.fromEntries([...names.map((name, index) => [name, index === 2 ? 0 : 100 - index]), ['spare-1', 50], ['spare-2', 50]])
    this.gitlab = new SimulatedGitLab(this.clock, this.history, this.initialWeights)
    for (const name of names) {
      const host = new SimulatedHost(name, this.clock, this.history)
      if (reports) host.onReady = (orderId, bootId) => { void this.#report(name, orderId, bootId) }
      this.hosts.set(name, host)
    }
  }

  host(index: number): SimulatedHost {
    const host = [...this.hosts.values()][index]
    if (host === undefined) throw new RangeError(`host ${index}`)
    return host
  }

  /** Start a coordinator process (again). */
  async boot({ keep = false } = {}): Promise<void> {
    if (keep) {
      const asleep = this.#asleep
      this.coordinator = this.newCoordinator(`process-${this.#generation}-beside`, () => true)
      this.#asleep = asleep
    } else {
      const generation = ++this.#generation
      this.#booted = generation
      this.coordinator = this.newCoordinator(`process-${generation}`, () => generation === this.#generation, () => this.#asleep())
    }
    await this.settle(this.coordinator.start())
  }

  /** SIGSTOP for the process booted first: whatever would reach it reaches it when it is awake again. */
  sleepUntil(awake: () => boolean): void { this.#asleep = () => !awake() }
  #asleep: () => boolean = () => false

  /** A person repeats a command until it is journaled, over kills of the coordinator. */
  async insist(command: () => Promise<void>, seen: () => boolean): Promise<void> {
    for (let tries = 0; tries < 5 && !seen(); tries++) {
      try {
        await command()
      } catch (error) {
        if (!(error instanceof Killed)) throw error
      }
      if (this.#generation !== this.#booted) await this.boot()
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

  newCoordinator(holder: string, alive: () => boolean, asleep: () => boolean = () => false, store: Store = this.store, clock: Clock = this.clock): Coordinator {
    const guardedStore = this.#mortal(this.#killing(store, alive), alive, asleep)
    return new Coordinator({
      fleet: 'lab', store: guardedStore, gitlab: this.#mortal(this.gitlab.port(), alive, asleep), agents: this.#mortal(this.agents(), alive, asleep),
      inventory: { read: async () => ({ nodes: [...this.hosts.keys()].map((node) => ({ node, address: `${node}:7443`, storages: [node], zone: 'a' })), excluded: [] }) },
      clock: { now: () => clock.now(), monotonic: () => clock.monotonic(), after: (ms, call) => {
        let cancel = (): void => undefined
        const fire = (): void => { if (asleep()) cancel = clock.after(1000, fire); else if (alive()) call() }
        cancel = clock.after(ms, fire)
        return () => { cancel() }
      } },
      lease: { holder, address: `${holder}:1`, ttlMs: 30_000 }, byHand: { gitlab: 'https://gitlab.test', assigner: { url: 'https://ops.test', project: 'a/b', schedule: 7 } },
      writeBreakGlass: async (text) => {
        if (this.glassFails) throw new Fault('STORE_UNAVAILABLE', 'cannot write the break-glass file: ENOSPC')
        this.breakGlass = text
      }, checkOwnCertificate: async () => [], dependsOn: [], landsWithinMs: 20_000,
      log: (level, text) => { if (level === 'error') this.troubles.push(text) }
    })
  }

  /** kill -9: whatever it was doing is never finished by it; what it had sent is on its way. */
  kill(): void {
    this.#generation++
    this.history.add({ at: this.clock.now(), what: 'coordinator-killed' })
    // The kernel drops the process's lock on an embedded store; its successor need not wait for the lease.
    if (this.store.lease !== null) this.store.lease = { ...this.store.lease, expiresAt: 0 }
  }

  get alive(): boolean { return this.coordinator.acting }

  async makePlan(): Promise<StoredPlan> {
    const now = this.clock.now()
    this.plan = await this.settle(this.coordinator.makePlan({ by: 'ada', reason: 'monthly', opensAt: now, closesAt: now + this.#closesInMs, policy: this.policy }))
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
    return this.store.rows.filter(({ stream }) => stream === this.plan.hash).map(({ recorded }) => recorded as Recorded<Event>)
  }

  /** For the history checker. */
  evidence(): Evidence {
    return {
      happenings: this.history.happenings, journal: this.events(), plan: this.plan.plan, initialWeights: this.initialWeights,
      finalWeights: this.gitlab.weights, assignerActive: this.gitlab.scheduleActive, mostWritesAtOnce: this.gitlab.mostWritesAtOnce, overtakenWrites: this.gitlab.overtaken
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
    for (const row of this.#rowsAfter(this.#folded.seq)) this.#folded = apply(this.#folded, row)
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
    const generation = this.#generation
    if (!await this.clock.runUntil(() => settled || this.#generation !== generation, 10 * minutes)) throw new Error('the promise did not settle in virtual time')
    if (!settled) throw new Killed('the coordinator was killed')
    return promise
  }

  /** Runs until the condition; a coordinator that was killed is started again. */
  async until(condition: () => boolean, limitMs = 600 * minutes): Promise<void> {
    const deadline = this.clock.now() + limitMs
    while (this.clock.now() < deadline) {
      const reached = await this.clock.runUntil(() => condition() || this.#generation !== this.#booted, deadline - this.clock.now())
      if (this.#generation !== this.#booted) await this.boot().catch((error: unknown) => { if (!(error instanceof Killed)) throw error })
      else if (reached) return
      else break
    }
    if (!condition()) throw new Error(`not reached in ${limitMs / minutes} virtual minutes; phase ${this.events().at(-1)?.event.type ?? 'none'}; ${this.troubles.join('; ')}`)
  }

  untilClosed(limitMs?: number): Promise<void> { return this.until(() => this.has('window-closed'), limitMs) }

  agents(): Agents {
    const hostOf = (node: string): SimulatedHost => {
      const host = this.hosts.get(node)
      if (host === undefined) throw new Fault('AGENT_UNREACHABLE', node)
      return host
    }
    return {
      describe: (node, epoch, ids) => hostOf(node.node).describe(epoch, ids),
      order: (node, payload) => hostOf(node.node).order(payload),
      cancelReboot: (node, payload, id) => hostOf(node.node).cancel(payload.epoch, id),
      health: (node, epoch, id, since) => hostOf(node.node).health(epoch, id, since),
      probeGitaly: async () => null,
      close: () => undefined
    }
  }

  async #report(node: string, orderId: string, bootId: string): Promise<void> {
    await this.clock.sleep(20)
    await this.coordinator.ready({ node, orderId, bootId, status: 'healthy' }).catch(() => undefined)
  }

  /** Calls of a dead process never return; answers reach a sleeping one when it wakes. */
  #mortal<T extends object>(port: T, alive: () => boolean, asleep: () => boolean): T {
    const reaches = async (): Promise<void> => {
      while (asleep()) await this.clock.sleep(1000)
      if (!alive()) await new Promise(() => undefined)
    }
    return new Proxy(port, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => {
          if (!alive()) return new Promise(() => undefined)
          const result: unknown = Reflect.apply(value, target, args)
          return result instanceof Promise
            ? result.then(async (answer: unknown) => { await reaches(); return answer }, async (error: unknown) => { await reaches(); throw error })
            : result
        }
      }
    })
  }

  #killing(store: Store, alive: () => boolean): Store {
    const append: Store['append'] = async (epoch, stream, at, events, window) => {
      const fate = this.killAt(++this.appends)
      if (fate === 'before' && alive()) {
        this.kill()
        return new Promise(() => undefined)
      }
      const recorded = await store.append(epoch, stream, at, events, window)
      if (fate === 'after' && alive()) this.kill()
      return recorded
    }
    return new Proxy(store, { get: (target, key) => key === 'append' ? append : typeof Reflect.get(target, key) === 'function' ? (Reflect.get(target, key) as (...args: unknown[]) => unknown).bind(target) : Reflect.get(target, key) })
  }
}
