// The whole of pitstop's coordinator, real engine and all, in a simulated world: hosts, GitLab, virtual time, and a kill
// that leaves nothing of the process but what it had journaled.
import { Coordinator } from '@pitstop/coordinator/engine/coordinator'
import type { Event, Recorded } from '@pitstop/coordinator/domain/event'
import type { Policy, StoredPlan } from '@pitstop/coordinator/domain/plan'
import type { WindowView } from '@pitstop/coordinator/domain/view'
import type { Agents, Clock, Store } from '@pitstop/coordinator/ports'
import { Fault } from '@pitstop/shared/fault'
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
  appends = 0
  killAt: Killer = () => null
  coordinator!: Coordinator
  plan!: StoredPlan
  #generation = 0
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
  async boot(): Promise<void> {
    const generation = ++this.#generation
    this.coordinator = this.newCoordinator(`process-${generation}`, () => generation === this.#generation)
    await this.settle(this.coordinator.start())
  }

  newCoordinator(holder: string, alive: () => boolean, store: Store = this.store, clock: Clock = this.clock): Coordinator {
    const guardedStore = this.#mortal(this.#killing(store, alive), alive)
    return new Coordinator({
      fleet: 'lab', store: guardedStore, gitlab: this.#mortal(this.gitlab.port(), alive), agents: this.#mortal(this.agents(), alive),
      inventory: { read: async () => ({ nodes: [...this.hosts.keys()].map((node) => ({ node, address: `${node}:7443`, storages: [node], zone: 'a' })), excluded: [] }) },
      clock: { now: () => clock.now(), monotonic: () => clock.monotonic(), after: (ms, call) => clock.after(ms, () => { if (alive()) call() }) },
      lease: { holder, address: `${holder}:1`, ttlMs: 30_000 }, byHand: { gitlab: 'https://gitlab.test', assigner: { url: 'https://ops.test', project: 'a/b', schedule: 7 } },
      writeBreakGlass: async (text) => { this.breakGlass = text }, checkOwnCertificate: async () => [], dependsOn: [], landsWithinMs: 20_000,
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

  has(type: Event['type']): boolean { return this.events().some(({ event }) => event.type === type) }

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
    if (!await this.clock.runUntil(() => settled, 10 * minutes)) throw new Error('the promise did not settle in virtual time')
    return promise
  }

  /** Runs until the condition; a coordinator that was killed is started again. */
  async until(condition: () => boolean, limitMs = 600 * minutes): Promise<void> {
    const deadline = this.clock.now() + limitMs
    while (this.clock.now() < deadline) {
      const generation = this.#generation
      const reached = await this.clock.runUntil(() => condition() || this.#generation !== generation, deadline - this.clock.now())
      if (this.#generation !== generation) await this.boot()
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

  /** Calls of a dead process never return. */
  #mortal<T extends object>(port: T, alive: () => boolean): T {
    return new Proxy(port, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => {
          if (!alive()) return new Promise(() => undefined)
          const result: unknown = Reflect.apply(value, target, args)
          return result instanceof Promise ? result.then((answer: unknown) => alive() ? answer : new Promise(() => undefined),
            (error: unknown) => { if (alive()) throw error; return new Promise(() => undefined) }) : result
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
