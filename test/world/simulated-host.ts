// One Gitaly host with its agent, in memory: a disk that survives, a process that does not, and the agent's protocol rules
// (epochs, order ids, one order at a time, cancel against fire). Deliberately written apart from the agent's own code.
import { Fault, reason, type Reason } from '@pitstop/shared/fault'
import type { HostPromise, HostView, OrderView, Verdict } from '@pitstop/coordinator/domain/observed'
import type { OrderPayload } from '@pitstop/coordinator/ports'
import type { History } from './history.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface HostFaults {
  vetoes?: readonly Reason[]
  /** What it says it has not put back yet. */
  promises?: readonly HostPromise[]
  /** The next upgrade ends so. */
  upgrade?: 'fails' | 'restarts-gitaly'
  /** The boot after the next ordered reboot. */
  boot?: 'never' | 'startup-error' | 'no-gitaly' | { readonly slowMs: number } | 'again'
  /** Gitaly dies this long after it served again. */
  relapseAfterMs?: number
  /** The agent cannot be reached though the host is up. */
  unreachable?: boolean
  /** The next order (or its answer) is lost on the way. */
  loseOrder?: 'request' | 'answer'
  /** The scheduled reboot is refused when it fires; the host is untouched. */
  firingVeto?: Reason
  /** The next request (or answer) is lost on the way. */
  lose?: 'request' | 'answer'
}

interface StoredOrder { readonly digest: string, view: OrderView, readonly step: string, readonly bootId: string }

const rebootMs = 30_000
const gitalyStartMs = 1500
const aptMs = 20_000
const stageMs = 5000

export class SimulatedHost {
  readonly node: string
  faults: HostFaults = {}
  bootId: string
  up = true
  gitalyPid = 100
  servingSince: number
  startupError = false
  installed = false
  highestEpoch = 0
  readonly orders = new Map<string, StoredOrder>()
  readonly cancelled = new Set<string>()
  #boots = 1
  #bootsSinceOrder = 0
  #rebootOrder: string | null = null
  #stoppedAt = 0
  #current: string | null = null
  readonly #clock: VirtualClock
  readonly #history: History
  onReady: ((orderId: string, bootId: string) => void) | null = null

  constructor(node: string, clock: VirtualClock, history: History) {
    this.node = node
    this.#clock = clock
    this.#history = history
    this.bootId = `${node}-boot-1`
    this.servingSince = clock.now() - 3_600_000
  }

  async describe(epoch: number, orderIds: readonly string[]): Promise<HostView> {
    await this.#receive(epoch)
    const answer: HostView = {
      bootId: this.bootId, platform: 'debian-12-amd64', gitalyPid: this.gitalyPid, gitalyRuns: this.servingSince > 0, rebootRequired: this.installed,
      vetoes: this.faults.vetoes ?? [], promises: this.faults.promises ?? [], orders: orderIds.flatMap((id) => this.orders.get(id)?.view ?? []), currentOrder: this.#current,
      highestEpoch: this.highestEpoch, clockOffsetMs: 0, requestsInFlight: 0, pendingUpdates: [], certificateExpiresAt: 0, protocol: { min: 1, max: 1 }
    }
    return this.#answer(answer)
  }

  async order(payload: OrderPayload): Promise<OrderView> {
    const { loseOrder } = this.faults
    if (loseOrder !== undefined && payload.order.step === 'reboot') {
      this.faults = { ...this.faults }
      delete this.faults.loseOrder
      if (loseOrder === 'answer') await this.#order(payload)
      await this.#clock.sleep(5000)
      throw new Fault('AGENT_UNREACHABLE', `the ${loseOrder} was lost`)
    }
    return this.#order(payload)
  }

  async #order(payload: OrderPayload): Promise<OrderView> {
    await this.#receive(payload.epoch)
    const { order } = payload
    const digest = JSON.stringify([order.id, order.step, payload.planHash, order.manifestHash, order.bootId, payload.manifest])
    const known = this.orders.get(order.id)
    if (known !== undefined) {
      if (known.digest !== digest) throw new Fault('ORDER_REUSED', `${order.id} was seen with other content`)
      if (known.view.status === 'running' && order.step !== 'reboot') await this.#finished(order.id)
      return this.#answer(this.orders.get(order.id)?.view ?? known.view)
    }
    const refusals = [...this.faults.vetoes ?? []]
    if (this.cancelled.has(order.id)) refusals.push(reason('ORDER_CANCELLED', 'taken back before it came'))
    if (this.#clock.now() >= order.notAfter) refusals.push(reason('EXPIRED', 'too late'))
    if (order.step === 'reboot' && order.bootId !== this.bootId) refusals.push(reason('OTHER_BOOT', 'another boot'))
    if (this.#current !== null) throw new Fault('ORDER_RUNNING', `${this.#current} is running`)
    const base: OrderView = { id: order.id, status: 'running', reasons: [], changes: [], notes: [], rebootRequired: this.installed, gitalyStoppedAt: 0 }
    const record: StoredOrder = { digest, step: order.step, bootId: this.bootId, view: refusals.length > 0 ? { ...base, status: 'vetoed', reasons: refusals } : base }
    this.orders.set(order.id, record)
    if (refusals.length > 0) {
      this.#history.add({ at: this.#clock.now(), what: 'order-refused', node: this.node, id: order.id, code: refusals[0]?.code ?? '' })
      return this.#answer(record.view)
    }
    this.#history.add({ at: this.#clock.now(), what: 'order-accepted', node: this.node, step: order.step, id: order.id, epoch: payload.epoch })
    if (order.step === 'reboot') {
      this.#clock.after(payload.delayMs + 40, () => { this.#fire(order.id, order.notAfter + payload.delayMs) })
      return this.#answer(record.view)
    }
    this.#current = order.id
    this.#clock.after(order.step === 'stage' ? stageMs : aptMs, () => { this.#endApt(order.id, order.step) })
    await this.#finished(order.id)
    return this.#answer(record.view)
  }

  async cancel(epoch: number, id: string): Promise<{ result: 'cancelled' | 'too-late' | 'not-found', order: OrderView | null }> {
    await this.#receive(epoch)
    const known = this.orders.get(id)
    if (known === undefined) {
      this.cancelled.add(id)
      return this.#answer({ result: 'not-found', order: null })
    }
    if (known.view.status !== 'running' || known.view.gitalyStoppedAt > 0) return this.#answer({ result: 'too-late', order: known.view })
    known.view = { ...known.view, status: 'cancelled' }
    return this.#answer({ result: 'cancelled', order: known.view })
  }

  async health(epoch: number, rebootOrderId: string, sinceLastStart: boolean): Promise<Verdict> {
    await this.#receive(epoch)
    const now = this.#clock.now()
    const serving = this.servingSince > 0
    const ours = rebootOrderId !== '' && rebootOrderId === this.#rebootOrder
    const dirty = this.startupError && !sinceLastStart
    const again = ours && this.#bootsSinceOrder > 1
    const item = (check: string, good: boolean, bad: 'unhealthy' | 'unknown', text: string) => ({ check, status: good ? 'healthy' as const : bad, text })
    const evidence = [item('boot', !again, 'unhealthy', this.bootId), item('kernel', true, 'unknown', '6.1'), item('service', serving, 'unknown', 'run'),
      item('grpc', serving, 'unknown', 'SERVING'), item('storage', serving, 'unknown', 'ok'), item('log', !dirty, 'unhealthy', dirty ? 'Unable to write gitaly metadata file' : 'clean')]
    const reasons: Reason[] = again ? [reason('REBOOTED_AGAIN', 'booted again')] : dirty ? [reason('STARTUP_ERROR', 'Unable to write gitaly metadata file')] : []
    const status = reasons.length > 0 ? 'unhealthy' : serving ? 'healthy' : 'unknown'
    return this.#answer({
      status, bootId: this.bootId, evidence, reasons, healthyForMs: status === 'healthy' ? now - this.servingSince : 0, gitalyPid: this.gitalyPid,
      servingSince: this.servingSince, bootsSinceOrder: ours ? this.#bootsSinceOrder : 0, stoppedAt: ours ? this.#stoppedAt : 0
    })
  }

  /** A boot that nobody ordered. */
  rebootBySelf(): void { this.#goDown(null) }

  async #receive(epoch: number): Promise<void> {
    await this.#clock.sleep(5)
    if (!this.up || this.faults.unreachable === true || this.#loses('request')) {
      await this.#clock.sleep(this.up ? 5000 : 1)
      throw new Fault('AGENT_UNREACHABLE', `the agent of ${this.node} cannot be reached`)
    }
    if (epoch > 0 && epoch < this.highestEpoch) throw new Fault('STALE_EPOCH', `epoch ${epoch} is older than ${this.highestEpoch}`)
    this.highestEpoch = Math.max(this.highestEpoch, epoch)
  }

  async #answer<T>(answer: T): Promise<T> {
    await this.#clock.sleep(5)
    if (!this.up || this.#loses('answer')) throw new Fault('AGENT_UNREACHABLE', `the answer of ${this.node} was lost`)
    return answer
  }

  #loses(what: 'request' | 'answer'): boolean {
    if (this.faults.lose !== what) return false
    this.faults = { ...this.faults }
    delete this.faults.lose
    return true
  }

  /** The stream of a running order: ends with the order, or breaks with the host. */
  async #finished(id: string): Promise<void> {
    while (this.orders.get(id)?.view.status === 'running') {
      await this.#clock.sleep(500)
      if (!this.up) throw new Fault('AGENT_UNREACHABLE', 'the stream broke')
    }
  }

  #endApt(id: string, step: string): void {
    const order = this.orders.get(id)
    this.#current = null
    if (order === undefined || order.view.status !== 'running') return
    const changes = this.installed ? [] : [{ name: 'openssl', from: '1', to: '2', security: true }]
    if (step === 'stage') order.view = { ...order.view, status: 'succeeded', changes }
    else if (this.faults.upgrade === 'fails') {
      this.faults = { ...this.faults }
      delete this.faults.upgrade
      order.view = { ...order.view, status: 'failed', reasons: [reason('APT_FAILED', 'post-install of openssl failed')] }
    } else {
      if (this.faults.upgrade === 'restarts-gitaly') this.gitalyPid++
      this.installed = true
      this.#history.add({ at: this.#clock.now(), what: 'apt-ran', node: this.node, id })
      order.view = { ...order.view, status: 'succeeded', changes, rebootRequired: true }
    }
  }

  #fire(id: string, notAfter: number): void {
    const order = this.orders.get(id)
    if (order === undefined || order.view.status !== 'running' || order.bootId !== this.bootId || !this.up) return
    if (this.#clock.now() >= notAfter) {
      order.view = { ...order.view, status: 'vetoed', reasons: [reason('EXPIRED', 'fired too late')] }
      return
    }
    if (this.faults.firingVeto !== undefined) {
      order.view = { ...order.view, status: 'vetoed', reasons: [this.faults.firingVeto] }
      return
    }
    order.view = { ...order.view, gitalyStoppedAt: this.#clock.now() }
    this.#rebootOrder = id
    this.#bootsSinceOrder = 0
    this.#stoppedAt = this.#clock.now()
    this.#goDown(id)
  }

  #goDown(id: string | null): void {
    this.#history.add({ at: this.#clock.now(), what: 'gitaly-stopped', node: this.node, id })
    this.servingSince = 0
    this.up = false
    const { boot } = this.faults
    if (boot === 'never' && id !== null) return
    const slow = typeof boot === 'object' ? boot.slowMs : 0
    this.#clock.after(rebootMs + slow, () => { this.powerOn(id) })
  }

  powerOn(id: string | null): void {
    const { boot } = this.faults
    this.up = true
    this.bootId = `${this.node}-boot-${++this.#boots}`
    this.#bootsSinceOrder++
    if (id !== null) {
      const order = this.orders.get(id)
      if (order !== undefined) order.view = { ...order.view, status: 'succeeded' }
    }
    this.#history.add({ at: this.#clock.now(), what: 'booted', node: this.node, bootId: this.bootId, id })
    this.faults = { ...this.faults }
    delete this.faults.boot
    this.startupError = boot === 'startup-error'
    if (boot === 'again') this.#clock.after(3000, () => { this.rebootBySelf() })
    if (boot === 'no-gitaly') return
    const booted = this.bootId
    this.#clock.after(gitalyStartMs, () => {
      if (this.bootId !== booted || !this.up) return
      this.servingSince = this.#clock.now()
      this.gitalyPid += 7
      this.#history.add({ at: this.#clock.now(), what: 'gitaly-serving', node: this.node })
      this.onReady?.(this.#rebootOrder ?? '', this.bootId)
      const { relapseAfterMs } = this.faults
      if (relapseAfterMs !== undefined) this.#clock.after(relapseAfterMs, () => { this.startupError = true })
    })
  }
}
