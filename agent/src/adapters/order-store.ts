// Orders, epoch and boots on disk. Layout under the state directory:
//   epoch.json                       highest epoch seen (agent)
//   boot.json                        boot last seen, and whether its readiness was acknowledged (agent)
//   orders/ID/accepted.json          created once (agent)      grant.json     rewritten on re-send (agent)
//   orders/ID/decision.json          created once by whoever is first: "begun" (unit) or "cancelled" (agent, operator)
//   orders/ID/mark.json              point of no return (unit) outcome.json   created once
//   orders/ID/boots.json             boots since (agent)       progress       apt's status lines (unit)
//   orders/ID/ready.json             the boot behind a reboot order was healthy (agent)
//   orders/ID/hook-STAGE-NAME.log    what a hook said (unit, agent)
//   orders/ID/going-down             the reboot was asked for, and it comes (unit)
//   orders/ID/settings.json          what the unit works with (agent)
// Used by agent and units alike: imports nothing heavy. Never deletes: an order id stays known for ever.
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asFault, Fault } from '@pitstop/shared/fault'
import { type AcceptedOrder, type Decision, type Grant, isOrderId, type OrderFiles, type Outcome, type ReadyMark, type StopMark } from '../domain/order-record.ts'
import { type StateFiles, stateFiles } from './state-file.ts'

export interface BootRecord {
  readonly bootId: string
  /** Reboot order that this boot ended; empty = nobody ordered it. */
  readonly orderId: string
  /** The coordinator's answer; empty = not yet acknowledged. */
  readonly acknowledged: string
  /** This boot is the first one behind its order: the hooks of after-ready belong to it. */
  readonly answers?: true
}

export class OrderStore {
  readonly directory: string
  readonly #files: StateFiles

  constructor(directory: string, files: StateFiles = stateFiles()) {
    this.directory = directory
    this.#files = files
  }

  prepare(): void {
    this.#files.makeDirectory(join(this.directory, 'orders'))
    this.highestEpoch()
  }

  pathOf(id: string, name: string): string {
    if (!isOrderId(id)) throw new Fault('INVALID_INPUT', `the order id ${JSON.stringify(id.slice(0, 130))} is not usable`)
    return join(this.directory, 'orders', id, name)
  }

  highestEpoch(): number {
    const file = this.#files.read(join(this.directory, 'epoch.json'))
    if (file === undefined) return 0
    const { epoch } = file as { epoch?: unknown }
    if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 0) throw new Fault('STATE_UNREADABLE', 'epoch.json holds no epoch')
    return epoch
  }

  /** Durable when this returns; lower or equal epochs change nothing. */
  raiseEpoch(epoch: number): void {
    if (epoch > this.highestEpoch()) this.#files.replace(join(this.directory, 'epoch.json'), { epoch })
  }

  ids(): readonly string[] {
    return this.#files.list(join(this.directory, 'orders')).filter(isOrderId)
  }

  /** undefined = never heard of. */
  read(id: string): OrderFiles | undefined {
    const accepted = this.#read(id, 'accepted.json', ['id', 'step', 'digest', 'bootId']) as AcceptedOrder | undefined
    const grant = this.#read(id, 'grant.json', ['epoch', 'notAfterMs']) as Grant | undefined
    const decision = this.#read(id, 'decision.json', ['kind', 'atMs']) as Decision | undefined
    const mark = this.#read(id, 'mark.json', ['stopBegunAtMs']) as StopMark | undefined
    const ready = this.#read(id, 'ready.json', ['bootId', 'hooks']) as ReadyMark | undefined
    const boots = this.#read(id, 'boots.json', ['boots']) as { boots: readonly string[] } | undefined
    // Read last: an outcome written while the others were read must not be missed in favour of "no outcome".
    const outcome = this.#read(id, 'outcome.json', ['status', 'atMs']) as Outcome | undefined
    if (accepted === undefined && decision === undefined) return undefined
    return {
      id,
      boots: boots?.boots ?? [],
      ...accepted && { accepted },
      ...grant && { grant },
      ...decision && { decision },
      ...mark && { mark },
      ...ready && { ready },
      ...outcome && { outcome }
    }
  }

  readAll(): readonly OrderFiles[] {
    return this.ids().flatMap((id) => this.read(id) ?? [])
  }

  /** For what must go on beside damage: the orders that can be told, and a fault for each that cannot. */
  sift(): { readonly orders: readonly OrderFiles[], readonly damage: readonly Fault[] } {
    const orders: OrderFiles[] = []
    const damage: Fault[] = []
    for (const id of this.ids()) {
      try {
        const files = this.read(id)
        if (files !== undefined) orders.push(files)
      } catch (error) { damage.push(asFault(error)) }
    }
    return { orders, damage }
  }

  /** Grant first: an acceptance on disk always has the right that it stands under. */
  accept(order: AcceptedOrder, grant: Grant): void {
    this.#makeDirectory(order.id)
    this.#files.replace(this.pathOf(order.id, 'grant.json'), grant)
    if (!this.#files.createOnce(this.pathOf(order.id, 'accepted.json'), order)) {
      throw new Fault('INTERNAL', `order ${order.id} was accepted twice`)
    }
  }

  /** What the order's unit works with, whatever becomes of the agent and its configuration meanwhile. */
  keepSettings(id: string, settings: object): void {
    this.#makeDirectory(id)
    this.#files.replace(this.pathOf(id, 'settings.json'), settings)
  }

  /** A successor sent the same order again under its own epoch and times. */
  regrant(id: string, grant: Grant): void {
    this.#files.replace(this.pathOf(id, 'grant.json'), grant)
  }

  /** The decision that holds: ours if we were first, else the other's. */
  decide(id: string, decision: Decision): Decision {
    this.#makeDirectory(id)
    if (this.#files.createOnce(this.pathOf(id, 'decision.json'), decision)) return decision
    return this.#read(id, 'decision.json', ['kind', 'atMs']) as Decision
  }

  markStop(id: string, mark: StopMark): void {
    this.#files.replace(this.pathOf(id, 'mark.json'), mark)
  }

  /** Not durable: it speaks to the end of the unit in this boot alone. */
  markGoingDown(id: string): void { writeFileSync(this.goingDownFile(id), '', { mode: 0o600 }) }

  unmarkGoingDown(id: string): void { rmSync(this.goingDownFile(id), { force: true }) }

  goingDownFile(id: string): string { return this.pathOf(id, 'going-down') }

  markReady(id: string, ready: ReadyMark): void {
    this.#files.replace(this.pathOf(id, 'ready.json'), ready)
  }

  /** The outcome that holds: the first one written. */
  finish(id: string, outcome: Outcome): Outcome {
    if (this.#files.createOnce(this.pathOf(id, 'outcome.json'), outcome)) return outcome
    return this.#read(id, 'outcome.json', ['status', 'atMs']) as Outcome
  }

  recordBoots(id: string, boots: readonly string[]): void {
    this.#files.replace(this.pathOf(id, 'boots.json'), { boots })
  }

  lastBoot(): BootRecord | undefined {
    return this.#files.read(join(this.directory, 'boot.json')) as BootRecord | undefined
  }

  recordBoot(boot: BootRecord): void {
    this.#files.replace(join(this.directory, 'boot.json'), boot)
  }

  #makeDirectory(id: string): void {
    this.#files.makeDirectory(join(this.pathOf(id, '.')))
  }

  #read(id: string, name: string, keys: readonly string[]): unknown {
    const path = this.pathOf(id, name)
    try {
      const value = this.#files.read(path)
      if (value === undefined) return undefined
      const missing = keys.filter((key) => !(key in (value as object)))
      if (missing.length > 0) throw new Fault('STATE_UNREADABLE', `${path} lacks ${missing.join(', ')}`)
      return value
    } catch (error) {
      throw new Fault('STATE_UNREADABLE', `order ${id} cannot be told: ${asFault(error).message}`, { cause: error, hint: unreadableOrder(dirname(path)) })
    }
  }
}

/** Out of the way it is an order that was never heard of: only a person can know that it will not come again. */
const unreadableOrder = (folder: string): string => 'no order is taken in on this host until every order of it can be read: look at the file; if it cannot be mended, and no window of its plan is open, '
  + `see how far it came (uptime, dpkg --audit), then: mv ${folder} ${folder}.unreadable; systemctl restart pitstop-agent`
