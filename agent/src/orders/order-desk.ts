// Where orders are taken in, kept and looked up: epoch first, then same-id, then one at a time. What is persisted is
// persisted before anything is answered or done. The work itself is in stage, upgrade and reboot beside this file.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { asFault, Fault, reason, type Reason } from '@pitstop/shared/fault'
import type { OrderStore } from '../adapters/order-store.ts'
import { observing } from '../domain/observing.ts'
import { type OrderRequest, requireEpoch, requireIdle, requireSameContent, requireWellFormed } from '../domain/order-admission.ts'
import { type AcceptedOrder, type Grant, type OrderFiles, type Outcome, unitName } from '../domain/order-record.ts'
import { type DerivedState, deriveState, isFinal, type OrderStatus } from '../domain/order-state.ts'
import { rebootProperties, upgradeProperties } from '../domain/unit-properties.ts'
import { heldBy } from '../domain/file-lock.ts'
import { dpkgVetoes, isKnown, type Step } from '../domain/veto.ts'
import type { Host } from '../host.ts'
import type { Clock, Logger } from '../ports.ts'
import { known, knownNow } from '../adapters/host-checks.ts'
import { unitEntries } from '../units/entries.ts'
import { clockEnvironment } from '../system-clock.ts'
import { ArmedReboots } from './armed-reboot.ts'

export interface Self {
  readonly fleet: string
  readonly node: string
  readonly state: string
}

/** An order and how it stands. */
export interface OrderView {
  readonly files: OrderFiles
  readonly status: OrderStatus
  readonly reasons: readonly Reason[]
}

/** For a unit that has given up to be gone. */
const endingMs = 10_000

export class OrderDesk {
  readonly self: Self
  readonly host: Host
  readonly store: OrderStore
  readonly clock: Clock
  readonly log: Logger
  /** Orders without an outcome; only these can be running. */
  readonly #open = new Set<string>()
  /** Orders that this process is at work on: taking in, staging, starting a unit. One at a time. */
  readonly #claims = new Map<string, { readonly step: Step, readonly done: Promise<unknown> }>()
  readonly armed: ArmedReboots
  /** Taken in last, as far as it can be told. */
  #latest: AcceptedOrder | undefined
  /** As this process found it when it began; it watches over none of these orders, so a mended one needs a new start. */
  readonly #damage: readonly Reason[]

  constructor(parts: { self: Self, host: Host, store: OrderStore, clock: Clock, log: Logger }) {
    this.self = parts.self
    this.host = parts.host
    this.store = parts.store
    this.clock = parts.clock
    this.log = parts.log
    this.armed = new ArmedReboots(parts.clock, parts.log, (id, waitMs) => this.#startUnit(id, 'reboot', waitMs))
    this.store.prepare()
    const { orders, damage } = this.store.sift()
    this.#damage = damage.map((fault) => fault.toReason())
    for (const { id, accepted, outcome } of orders) {
      if (accepted === undefined) continue
      if (outcome === undefined) this.#open.add(id)
      if (accepted.acceptedAtMs >= (this.#latest?.acceptedAtMs ?? 0)) this.#latest = accepted
    }
  }

  get latest(): AcceptedOrder | undefined { return this.#latest }

  /** Why orders on disk cannot be told. Nothing new begins beside one: it may be at work, or have been this plan's reboot. */
  damage(): readonly Reason[] {
    return this.#damage.length > 0 ? this.#damage : this.store.sift().damage.map((fault) => fault.toReason())
  }

  /** Refuses an overtaken epoch; durable before it returns. 0 claims nothing. */
  acknowledgeEpoch(epoch: number): void {
    if (!Number.isSafeInteger(epoch) || epoch < 0) throw new Fault('INVALID_INPUT', `${epoch} is no lease epoch`)
    requireEpoch(epoch, this.store.highestEpoch())
    this.store.raiseEpoch(epoch)
  }

  /**
   * The checks that every order passes before anything is looked at.
   * @returns what is known of the same order, with its right renewed.
   */
  receive(order: OrderRequest, digest: string): OrderFiles | undefined {
    requireWellFormed(order, this.self)
    this.acknowledgeEpoch(order.epoch)
    const files = this.store.read(order.id)
    if (files === undefined) return undefined
    requireSameContent(files, digest)
    if (files.accepted !== undefined && files.outcome === undefined && files.decision === undefined) this.store.regrant(order.id, grantOf(order))
    return files
  }

  /** Runs `work` as the only one; the same id joins the work under way instead (undefined). */
  async claim<T>(id: string, step: Step, work: () => Promise<T>): Promise<T | undefined> {
    const same = this.#claims.get(id)
    if (same !== undefined) { await same.done.catch(() => undefined); return undefined }
    requireIdle(id, [...this.#claims].map(([claimed, { step: claimedStep }]) => ({ id: claimed, step: claimedStep })))
    const done = (async () => {
      requireIdle(id, await this.running())
      return work()
    })()
    this.#claims.set(id, { step, done })
    try { return await done } finally { this.#claims.delete(id) }
  }

  isClaimed(id: string): boolean { return this.#claims.has(id) }

  accept(order: AcceptedOrder, grant: Grant): void {
    this.store.accept(order, grant)
    this.#open.add(order.id)
    this.#latest = order
    this.log.info({ order: order.id, step: order.step, epoch: grant.epoch }, 'order accepted')
  }

  /** Ahead of the slot: loads the reboot's unit once, so that its compiled form is on disk when it counts (50 ms of 100). */
  async warmUp(): Promise<void> {
    if (existsSync(this.#compileCache)) return
    await this.host.run({ argv: [process.execPath, unitEntries.reboot], deadlineMs: 10_000, env: { NODE_COMPILE_CACHE: this.#compileCache } })
      .catch((error: unknown) => { this.log.warn({ error: String(error) }, 'the unit\'s code could not be loaded ahead; its start will take a little longer') })
  }

  get #compileCache(): string { return join(this.self.state, 'compile-cache') }

  finish(id: string, outcome: Outcome): Outcome {
    const held = this.store.finish(id, outcome)
    this.#open.delete(id)
    this.log.info({ order: id, status: held.status, reasons: held.reasons.map(({ code }) => code) }, 'order ended')
    return held
  }

  /** Starts the order's unit. If that fails, the order is taken back on disk first: a unit that did start cannot begin. */
  async launch(id: string, step: 'upgrade' | 'reboot'): Promise<void> {
    // Accepted before the agent was told to observe only, or before another order was damaged.
    const against = [...observing(this.host.settings.mode, this.self.state), ...this.damage()]
    if (against.length > 0) { this.finish(id, { status: 'vetoed', atMs: this.clock.now(), begunAtMs: 0, reasons: against, changes: [], notes: [], rebootRequired: false }); return }
    try {
      const waits = step === 'reboot' && this.armed.has(id) && await this.host.units.state(unitName(id)) === 'active'
      this.armed.forget(id)
      // A unit that waits has seen the acceptance by now.
      if (!waits) await this.#startOnce(id, step)
    } catch (error) {
      const why = [reason('COMMAND_FAILED', `the unit of ${step} ${id} could not be started: ${error instanceof Error ? error.message : String(error)}`)]
      const decision = this.store.decide(id, { kind: 'cancelled', atMs: this.clock.now(), by: 'agent', reasons: why })
      if (decision.kind === 'cancelled') {
        this.finish(id, { status: 'failed', atMs: this.clock.now(), begunAtMs: 0, reasons: why, changes: [], notes: [], rebootRequired: false })
      }
    }
  }

  async #startOnce(id: string, step: 'upgrade' | 'reboot'): Promise<void> {
    try { await this.#startUnit(id, step, 0) } catch (error) {
      if (step !== 'reboot') throw error
      // One that was started ahead of its order: it gave up and is ending, and holds its name until it is gone.
      const until = this.clock.monotonic() + endingMs
      let state = await this.host.units.state(unitName(id))
      for (; state === 'ending' && this.clock.monotonic() < until; state = await this.host.units.state(unitName(id))) await sleep(100)
      // By an agent that has ended since: it waits, and needs no second one.
      if (state === 'active') return
      if (state !== 'gone') throw error
      await this.#startUnit(id, step, 0)
    }
  }

  /** @param waitMs how long it waits for its order to be accepted; 0 = it is. */
  async #startUnit(id: string, step: 'upgrade' | 'reboot', waitMs: number): Promise<void> {
    this.store.keepSettings(id, this.host.settings)
    const argv = [process.execPath, unitEntries[step], this.self.state, id]
    await this.host.units.start({
      name: unitName(id),
      argv: waitMs > 0 ? [...argv, String(waitMs)] : argv,
      environment: { NODE_COMPILE_CACHE: this.#compileCache, ...clockEnvironment },
      description: `pitstop ${step} ${id}`,
      properties: step === 'upgrade' ? upgradeProperties : rebootProperties(this.store.goingDownFile(id), [...argv, 'ended'])
    })
  }

  /** How the order stands, settled on disk where it can no longer change. undefined = never heard of. */
  async view(id: string): Promise<OrderView | undefined> {
    const before = this.store.read(id)
    if (before === undefined) return undefined
    const needsUnit = before.outcome === undefined && before.decision?.kind !== 'cancelled' && before.accepted !== undefined && before.accepted.step !== 'stage'
    const busy = this.isClaimed(id)
    const unit = needsUnit && !busy ? await this.host.units.state(unitName(id)) : 'gone'
    // Read again after the unit was asked: its last act is to write the outcome.
    const files = this.store.read(id) ?? before
    const state = deriveState(files, { bootId: this.host.files.bootId(), nowMs: this.clock.now(), unit, busy })
    const settled = await this.#settle(files, state)
    // "Not rebooted" is derived, not kept: the host may still go down, so it stays under observation.
    if (isFinal(settled.status) && (settled.files.outcome !== undefined || settled.status === 'cancelled')) this.#open.delete(id)
    return settled
  }

  async viewOf(files: OrderFiles): Promise<OrderView> {
    const view = await this.view(files.id)
    if (view === undefined) throw new Fault('INTERNAL', `order ${files.id} vanished from the state directory`)
    return view
  }

  /** What is being carried out, or may be, as far as it can be told: `damage` holds against the rest. */
  async running(): Promise<readonly { readonly id: string, readonly step: Step, readonly view: OrderView }[]> {
    const views = await Promise.all([...this.#open].map((id) => this.view(id).catch((error: unknown) => inDoubt(id, error))))
    return views.flatMap((view) => view !== undefined && (view.status === 'running' || view.status === 'in-doubt') && view.files.accepted !== undefined
      ? [{ id: view.files.id, step: view.files.accepted.step, view }] : [])
  }

  async #settle(files: OrderFiles, state: DerivedState): Promise<OrderView> {
    const { settle } = state
    if (settle === undefined) return { files, status: state.status, reasons: state.reasons }
    if ('decision' in settle) {
      const held = this.store.decide(files.id, settle.decision)
      return { files: { ...files, decision: held }, status: held.kind === 'cancelled' ? 'cancelled' : 'running', reasons: held.reasons }
    }
    const outcome = this.finish(files.id, files.accepted?.step === 'upgrade' ? await this.#interrupted(settle.outcome) : settle.outcome)
    return { files: { ...files, outcome }, status: outcome.status, reasons: outcome.reasons }
  }

  /** What an upgrade without an outcome left behind, by dpkg's own words. Its timers are the keeper's to put back. */
  async #interrupted(outcome: Outcome): Promise<Outcome> {
    const broken = dpkgVetoes(await known(() => this.host.apt.audit()))
    // The unit's process died and its apt did not.
    const holder = knownNow(() => this.host.files.dpkgLockHolder())
    const running = isKnown(holder) && holder.value !== undefined ? [reason('DPKG_LOCKED', `apt still runs: ${heldBy(holder.value)}`, 'wait until it has ended; then look at dpkg --audit on the host')] : []
    return { ...outcome, reasons: [...outcome.reasons, ...running, ...broken] }
  }
}

/** An order that cannot be told is not "never heard of": that would be proof that it did not happen. */
export const inDoubt = (id: string, error: unknown): OrderView => ({ files: { id, boots: [] }, status: 'in-doubt', reasons: [asFault(error).toReason()] })

export const grantOf = (order: OrderRequest): Grant => ({ epoch: order.epoch, notBeforeMs: order.notBeforeMs, notAfterMs: order.notAfterMs })
