// The agent of a simulated host: epochs, order ids, one order at a time, cancel against fire. What it persists survives it;
// what it was about to do does not. It may die at any of its writes: `dies` is asked before and after each.
import { Fault, reason, type Reason } from '@pitstop/shared/fault'
import { mostOrdersAsked } from '@pitstop/shared/order-id'
import type { HostView, OrderView, Verdict } from '@pitstop/coordinator/domain/observed'
import type { OrderPayload } from '@pitstop/coordinator/ports'
import type { SimulatedHost } from './simulated-host.ts'
import type { VirtualClock } from './virtual-clock.ts'

interface StoredOrder {
  readonly id: string
  readonly digest: string
  readonly step: 'stage' | 'upgrade' | 'reboot'
  readonly plan: string
  readonly bootId: string
  view: OrderView
  /** Renewed whenever the same order comes again. */
  epoch: number
  notBefore: number
  notAfter: number
  readonly delayMs: number
  /** Host's clock. */
  readonly acceptedAt: number
  /** Its unit was started; a unit outlives the agent. */
  unit: object | null
  begun: boolean
  /** Calls that wait for its end. */
  readonly waiting: { readonly ended: (view: OrderView) => void, readonly broken: () => void }[]
}

export type CancelAnswer = { readonly result: 'cancelled' | 'too-late' | 'not-found', readonly order: OrderView | null }

const changes = [{ name: 'openssl', from: '1', to: '2', security: true }]

export class SimulatedAgent {
  /** Does it die at this write of its state? */
  dies: () => 'before' | 'after' | null = () => null
  up = true
  /** As the release before did: what was overtaken before it began is refused for good. */
  refusesOvertaken = false
  highestEpoch = 0
  readonly orders = new Map<string, StoredOrder>()
  readonly #cancelled = new Set<string>()
  /** As the release before: it does not tell which order it took in last. */
  tellsLatest = true
  readonly #host: SimulatedHost
  readonly #clock: VirtualClock

  constructor(host: SimulatedHost, clock: VirtualClock) {
    this.#host = host
    this.#clock = clock
  }

  get reachable(): boolean { return this.up && this.#host.up && this.#host.faults.unreachable !== true }

  describe(epoch: number, orderIds: readonly string[]): HostView {
    if (orderIds.length > mostOrdersAsked) throw new Fault('INVALID_INPUT', `${orderIds.length} order ids are asked about`)
    this.#acknowledge(epoch)
    return { ...this.#host.facts(), orders: orderIds.flatMap((id) => this.orders.get(id)?.view ?? []), currentOrder: this.#running()?.id ?? null, latestOrder: this.#latest, highestEpoch: this.highestEpoch }
  }

  get #latest(): HostView['latestOrder'] {
    const latest = [...this.orders.values()].at(-1)
    return latest === undefined || !this.tellsLatest ? null : { id: latest.id, step: latest.step, plan: latest.plan }
  }

  health(epoch: number, rebootOrderId: string, sinceLastStart: boolean): Verdict {
    this.#acknowledge(epoch)
    return this.#host.judge(rebootOrderId, sinceLastStart)
  }

  cancel(epoch: number, id: string): CancelAnswer {
    this.#acknowledge(epoch)
    const known = this.orders.get(id)
    if (known === undefined) {
      this.#persist(() => { this.#cancelled.add(id) })
      return { result: 'not-found', order: null }
    }
    if (known.view.status === 'vetoed' || known.view.status === 'cancelled') return { result: 'cancelled', order: known.view }
    if (known.begun || (known.view.status !== 'running' && known.view.status !== 'accepted')) return { result: 'too-late', order: known.view }
    this.#end(known, 'cancelled', [reason('ORDER_CANCELLED', 'taken back')])
    this.#host.tell({ what: 'order-cancelled', node: this.#host.node, id })
    return { result: 'cancelled', order: known.view }
  }

  /** Ends with the order, or breaks with the agent; a reboot is answered once it is scheduled. */
  async order(payload: OrderPayload): Promise<OrderView> {
    const { order } = payload
    this.#acknowledge(payload.epoch)
    const digest = JSON.stringify([order.id, order.step, payload.planHash, order.manifestHash, order.bootId, payload.manifest])
    const known = this.orders.get(order.id)
    if (known !== undefined && known.digest !== digest) throw new Fault('ORDER_REUSED', `${order.id} was seen with other content`)
    if (known === undefined) {
      const other = this.#running()
      if (other !== undefined) throw new Fault('ORDER_RUNNING', `${other.id} is running`)
      const against = this.#against(order.step, order.bootId, order.notAfter)
      if (this.#cancelled.has(order.id)) against.push(reason('ORDER_CANCELLED', 'taken back before it came'))
      const view: OrderView = { id: order.id, status: 'accepted', reasons: [], changes: [], notes: [], rebootRequired: this.#host.installed, gitalyStoppedAt: 0 }
      if (against.length > 0) {
        // A refusal changes nothing and is not kept.
        if ((this.#host.faults.vetoes ?? []).length > 0) this.#host.onFault('veto')
        this.#host.tell({ what: 'order-refused', node: this.#host.node, id: order.id, code: against[0]?.code ?? 'INTERNAL' })
        return { ...view, status: 'vetoed', reasons: against }
      }
      const accepted: StoredOrder = {
        id: order.id, digest, step: order.step, plan: payload.planHash, bootId: this.#host.bootId, view, epoch: payload.epoch, notBefore: order.notBefore, notAfter: order.notAfter, delayMs: payload.delayMs, acceptedAt: this.#host.now(), unit: null, begun: false, waiting: []
      }
      this.#persist(() => {
        this.orders.set(order.id, accepted)
        this.#host.tell({ what: 'order-accepted', node: this.#host.node, step: order.step, id: order.id, epoch: payload.epoch, clockOffMs: this.#host.clockOffMs })
      })
    }
    const stored = known ?? this.orders.get(order.id)
    if (stored === undefined) throw new Fault('INTERNAL', 'an order that was persisted is gone')
    if (!stored.begun) {
      stored.epoch = payload.epoch
      stored.notBefore = order.notBefore
      stored.notAfter = order.notAfter
    }
    if (stored.view.status === 'accepted') this.#start(stored)
    if (stored.view.status !== 'running' || stored.step === 'reboot') return stored.view
    return new Promise((resolve, reject) => {
      stored.waiting.push({ ended: resolve, broken: () => { reject(new Fault('AGENT_UNREACHABLE', `the stream of ${order.id} broke`)) } })
    })
  }

  /** The process ends; units go on. */
  died(): void {
    this.up = false
    for (const order of this.orders.values()) {
      // Staging lives inside the agent: it waits to be asked again.
      if (order.step === 'stage' && order.view.status === 'running') {
        order.unit = null
        order.view = { ...order.view, status: 'accepted' }
      }
    }
    this.breakStreams()
  }

  /** Whoever waits for an order's end waits no longer. */
  breakStreams(): void {
    for (const { waiting } of this.orders.values()) for (const { broken } of waiting.splice(0)) broken()
  }

  restarted(): void { this.up = true }

  /** The host is up under another boot id: what had begun has ended one way or the other. */
  booted(id: string | null): void {
    this.up = true
    for (const order of this.orders.values()) {
      if (order.view.status !== 'running' && order.view.status !== 'accepted') continue
      if (order.id === id) this.#end(order, 'succeeded', [])
      else if (order.step === 'upgrade' && order.begun) {
        this.#host.faults.vetoes = [...this.#host.faults.vetoes ?? [], reason('DPKG_BROKEN', 'dpkg was interrupted')]
        this.#end(order, 'failed', [reason('INTERRUPTED', 'the host rebooted while the upgrade had no outcome')])
      } else if (order.step !== 'stage') this.#end(order, 'cancelled', [reason('OTHER_BOOT', 'the host rebooted by itself before the order began')])
    }
  }

  /** Refuses an overtaken epoch; durable before anything is answered. */
  #acknowledge(epoch: number): void {
    if (epoch > 0 && epoch < this.highestEpoch) throw new Fault('STALE_EPOCH', `epoch ${epoch} is older than ${this.highestEpoch}`)
    if (epoch <= this.highestEpoch) return
    this.#persist(() => {
      this.highestEpoch = epoch
      this.#host.tell({ what: 'epoch-seen', node: this.#host.node, epoch })
    })
  }

  #persist(write: () => void): void {
    const fate = this.dies()
    if (fate !== 'before') write()
    if (fate === null) return
    this.died()
    throw new Fault('AGENT_UNREACHABLE', `the agent of ${this.#host.node} died`)
  }

  #running(): StoredOrder | undefined {
    for (const order of this.orders.values()) if (order.view.status === 'running') return order
    return undefined
  }

  #against(step: string, bootId: string, notAfter: number): Reason[] {
    const host = this.#host
    const against = [...host.faults.vetoes ?? []]
    if (host.now() >= notAfter) against.push(reason('EXPIRED', 'too late'))
    if (step === 'reboot' && bootId !== host.bootId) against.push(reason('OTHER_BOOT', 'another boot'))
    if (step !== 'stage' && host.servingSince === 0) against.push(reason('SERVICE_NOT_RUNNING', 'Gitaly does not run'))
    return against
  }

  #start(order: StoredOrder): void {
    const unit = {}
    order.unit = unit
    order.view = { ...order.view, status: 'running' }
    const host = this.#host
    host.started(order.step)
    const { times, bootId } = host
    const alive = (): boolean => order.unit === unit && order.view.status === 'running' && host.up && host.bootId === bootId
    switch (order.step) {
      case 'stage': this.#clock.after(times.stageMs, () => { if (alive()) this.#end(order, 'succeeded', [], host.installed ? [] : changes) }); return
      case 'upgrade':
        order.begun = true
        this.#clock.after(times.aptMs, () => { if (alive()) this.#aptEnds(order) })
        return
      case 'reboot': {
        // From its acceptance: a unit that is started again waits for what is left of it, which may be nothing.
        const leftMs = Math.max(order.acceptedAt, order.notBefore) + order.delayMs - host.now()
        this.#clock.after(Math.max(0, Math.min(leftMs, order.delayMs)) + 40, () => { if (alive()) this.#fire(order, alive) })
        return
      }
      default: order.step satisfies never
    }
  }

  #aptEnds(order: StoredOrder): void {
    const host = this.#host
    const { upgrade } = host.faults
    host.faults = { ...host.faults }
    delete host.faults.upgrade
    if (upgrade !== undefined) host.onFault('upgrade')
    if (upgrade === 'fails') {
      this.#end(order, 'failed', [reason('APT_FAILED', 'post-install of openssl failed')])
      return
    }
    if (upgrade === 'restarts-gitaly') host.gitalyPid++
    if (upgrade === 'stops-gitaly') host.restartGitaly(Infinity)
    const installs = host.installed ? [] : changes
    host.installed = true
    host.tell({ what: 'apt-ran', node: host.node, id: order.id })
    this.#end(order, 'succeeded', [], installs)
  }

  /** Its moment has come: what may not begin anyway runs no hook, and behind the hooks everything is looked at again. */
  #fire(order: StoredOrder, alive: () => boolean): void {
    if (!this.#mayBegin(order)) return
    const { hooksMs } = this.#host.times
    if (hooksMs === 0) this.#begin(order)
    else this.#clock.after(hooksMs, () => { if (alive() && this.#mayBegin(order)) this.#begin(order) })
  }

  #mayBegin(order: StoredOrder): boolean {
    // Overtaken: its unit ends undecided, and it waits to be sent again.
    if (order.epoch < this.highestEpoch && this.refusesOvertaken) {
      this.#end(order, 'vetoed', [reason('STALE_EPOCH', `the order stands under epoch ${order.epoch}`)])
      return false
    }
    if (order.epoch < this.highestEpoch) {
      order.unit = null
      order.view = { ...order.view, status: 'accepted' }
      return false
    }
    const against = this.#against('reboot', order.bootId, order.notAfter)
    if (this.#host.faults.firingVeto !== undefined) {
      this.#host.onFault('firingVeto')
      against.push(this.#host.faults.firingVeto)
    }
    if (against.length > 0) this.#end(order, 'vetoed', against)
    return against.length === 0
  }

  #begin(order: StoredOrder): void {
    order.begun = true
    order.view = { ...order.view, gitalyStoppedAt: this.#host.now() }
    this.#host.rebootFor(order.id)
  }

  #end(order: StoredOrder, status: OrderView['status'], reasons: readonly Reason[], changed: OrderView['changes'] = []): void {
    order.view = { ...order.view, status, reasons, changes: changed, rebootRequired: this.#host.installed }
    for (const { ended } of order.waiting.splice(0)) ended(order.view)
  }
}
