// One Gitaly host in memory: boots, Gitaly, apt. A disk that survives and processes that do not. Its agent is in
// simulated-agent.ts; both are deliberately written apart from the agent's own code.
import { reason, type Reason } from '@pitstop/shared/fault'
import type { HostPromise, HostView, Verdict } from '@pitstop/coordinator/domain/observed'
import type { History, What } from './history.ts'
import { SimulatedAgent } from './simulated-agent.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface HostFaults {
  vetoes?: readonly Reason[]
  /** What it says it has not put back yet. */
  promises?: readonly HostPromise[]
  /** The next upgrade ends so. */
  upgrade?: 'fails' | 'restarts-gitaly' | 'stops-gitaly' | undefined
  /** The next boot (never: after an ordered reboot only). unwell: this check is not as it should be. */
  boot?: 'never' | 'startup-error' | 'no-gitaly' | { readonly slowMs: number } | 'again' | { readonly unwell: 'kernel' | 'storage' } | undefined
  /** The host goes down by itself this long after it began an order of that step; boot: how it comes back then. */
  crash?: { readonly during: 'stage' | 'upgrade' | 'reboot', readonly afterMs: number, readonly boot: 'well' | 'startup-error' | 'no-gitaly' }
  /** Gitaly is not well any more this long after it served again. */
  relapseAfterMs?: number
  /** The agent cannot be reached though the host is up. */
  unreachable?: boolean
  /** The next reboot order (or its answer) is lost on the way. */
  loseOrder?: 'request' | 'answer'
  /** The scheduled reboot is refused when it fires; the host is untouched. */
  firingVeto?: Reason
  /** The next request (or answer) is lost on the way. */
  lose?: 'request' | 'answer'
}

/** What a run of the simulator draws afresh for each host. */
export interface HostTimes { readonly rebootMs: number, readonly gitalyStartMs: number, readonly aptMs: number, readonly stageMs: number, /** Of what runs ahead of a reboot. */ readonly hooksMs: number }

/** What the one hook of a host that has any is given. */
const hooksDeadlineMs = 60_000
const usualTimes: HostTimes = { rebootMs: 30_000, gitalyStartMs: 1500, aptMs: 20_000, stageMs: 5000, hooksMs: 0 }

export class SimulatedHost {
  readonly node: string
  readonly platform: string
  readonly agent: SimulatedAgent
  faults: HostFaults = {}
  times: HostTimes = usualTimes
  bootId: string
  up = true
  gitalyPid = 100
  /** True time; 0 = does not serve. */
  servingSince: number
  startupError = false
  unwell: 'kernel' | 'storage' | null = null
  installed = false
  /** Its clock minus true time. */
  clockOffMs = 0
  rebootOrder: string | null = null
  bootsSinceOrder = 0
  stoppedAt = 0
  onReady: ((orderId: string, bootId: string) => void) | null = null
  /** Told of each fault that came to something. */
  onFault: (fault: 'veto' | 'upgrade' | 'boot' | 'crash' | 'relapse' | 'firingVeto') => void = () => undefined
  #boots = 1
  readonly #clock: VirtualClock
  readonly #history: History

  constructor(node: string, clock: VirtualClock, history: History, platform = 'debian-12-amd64') {
    this.node = node
    this.platform = platform
    this.#clock = clock
    this.#history = history
    this.bootId = `${node}-boot-1`
    this.servingSince = clock.now() - 3_600_000
    this.agent = new SimulatedAgent(this, clock)
  }

  get orders(): SimulatedAgent['orders'] { return this.agent.orders }
  set highestEpoch(epoch: number) { this.agent.highestEpoch = epoch }

  /** Up, and Gitaly serves. */
  get serves(): boolean { return this.up && this.servingSince > 0 }

  now(): number { return this.#clock.now() + this.clockOffMs }

  facts(): Omit<HostView, 'orders' | 'latestOrder' | 'currentOrder' | 'highestEpoch'> {
    return {
      bootId: this.bootId, platform: this.platform, gitalyPid: this.gitalyPid, gitalyRuns: this.servingSince > 0, rebootRequired: this.installed,
      vetoes: this.faults.vetoes ?? [], promises: this.faults.promises ?? [], clockOffsetMs: this.clockOffMs, requestsInFlight: 0, pendingUpdates: [], certificateExpiresAt: 0, hooksMs: this.times.hooksMs > 0 ? hooksDeadlineMs : 0, protocol: { min: 1, max: 1 }
    }
  }

  judge(rebootOrderId: string, sinceLastStart: boolean): Verdict {
    const serving = this.servingSince > 0
    const ours = rebootOrderId !== '' && rebootOrderId === this.rebootOrder
    const dirty = this.startupError && !sinceLastStart
    const again = ours && this.bootsSinceOrder > 1
    const item = (check: string, good: boolean, bad: 'unhealthy' | 'unknown', text: string) => ({ check, status: good ? 'healthy' as const : bad, text })
    const evidence = [item('boot', !again, 'unhealthy', this.bootId), item('kernel', this.unwell !== 'kernel', 'unhealthy', '6.1'), item('service', serving, 'unknown', 'run'),
      item('grpc', serving, 'unknown', 'SERVING'), item('storage', serving && this.unwell !== 'storage', this.unwell === 'storage' ? 'unhealthy' : 'unknown', 'ok'),
      item('log', !dirty, 'unhealthy', dirty ? 'Unable to write gitaly metadata file' : 'clean')]
    const reasons: Reason[] = again ? [reason('REBOOTED_AGAIN', 'booted again')] : dirty ? [reason('STARTUP_ERROR', 'Unable to write gitaly metadata file')]
      : this.unwell === null ? [] : [reason(this.unwell === 'kernel' ? 'WRONG_KERNEL' : 'STORAGE_CHANGED', `${this.unwell} is not as it was`)]
    const status = reasons.length > 0 ? 'unhealthy' : serving ? 'healthy' : 'unknown'
    return {
      status, bootId: this.bootId, evidence, reasons, healthyForMs: status === 'healthy' ? this.#clock.now() - this.servingSince : 0, gitalyPid: this.gitalyPid,
      servingSince: serving ? this.servingSince + this.clockOffMs : 0, bootsSinceOrder: ours ? this.bootsSinceOrder : 0, stoppedAt: ours ? this.stoppedAt : 0
    }
  }

  /** A boot that nobody ordered. */
  rebootBySelf(): void { if (this.up) this.#goDown(null) }

  /** Its agent has started the unit of an order; that of a reboot waits and runs hooks before it begins. */
  started(step: 'stage' | 'upgrade' | 'reboot'): void {
    const { crash, ...rest } = this.faults
    if (crash?.during !== step) return
    this.faults = rest
    this.#clock.after(crash.afterMs, () => {
      if (!this.up) return
      this.onFault('crash')
      if (crash.boot !== 'well') this.faults = { ...this.faults, boot: crash.boot }
      this.rebootBySelf()
    })
  }

  /** What an order's unit does, once it has begun. */
  rebootFor(id: string): void {
    this.rebootOrder = id
    this.bootsSinceOrder = 0
    this.stoppedAt = this.now()
    this.#goDown(id)
  }

  /** Gitaly ends for a while, or for good, and the host stays up. */
  restartGitaly(downMs: number): void {
    this.tell({ what: 'gitaly-stopped', node: this.node, id: null })
    this.servingSince = 0
    if (downMs < Infinity) this.#serveAfter(downMs)
  }

  /** Somebody sees to the host: whatever was wrong is mended, and Gitaly started afresh. */
  mend(): void {
    const sick = this.startupError || this.unwell !== null || this.servingSince === 0
    this.faults = {}
    this.startupError = false
    this.unwell = null
    this.tell({ what: 'gitaly-mended', node: this.node })
    if (!this.up) this.powerOn(this.rebootOrder)
    else if (sick) this.restartGitaly(this.times.gitalyStartMs)
  }

  breakGitaly(why: 'startup-error' | 'kernel' | 'storage'): void {
    if (why === 'startup-error') this.startupError = true
    else this.unwell = why
    this.tell({ what: 'gitaly-broken', node: this.node, why })
  }

  powerOn(id: string | null): void {
    const { boot } = this.faults
    if (boot !== undefined && boot !== 'never') this.onFault('boot')
    this.up = true
    this.bootId = `${this.node}-boot-${++this.#boots}`
    this.bootsSinceOrder++
    this.startupError = false
    this.unwell = null
    this.tell({ what: 'booted', node: this.node, bootId: this.bootId, id })
    this.agent.booted(id)
    this.faults = { ...this.faults }
    delete this.faults.boot
    if (boot === 'startup-error') this.breakGitaly('startup-error')
    if (typeof boot === 'object' && 'unwell' in boot) this.breakGitaly(boot.unwell)
    if (boot === 'again') this.#clock.after(3000, () => { this.rebootBySelf() })
    if (boot !== 'no-gitaly') this.#serveAfter(this.times.gitalyStartMs)
  }

  tell(what: What): void { this.#history.add({ at: this.#clock.now(), ...what }) }

  #goDown(id: string | null): void {
    this.tell({ what: 'gitaly-stopped', node: this.node, id, clockOffMs: this.clockOffMs })
    this.servingSince = 0
    this.up = false
    this.agent.died()
    const { boot } = this.faults
    if (boot === 'never' && id !== null) return this.onFault('boot')
    const slow = typeof boot === 'object' && 'slowMs' in boot ? boot.slowMs : 0
    this.#clock.after(this.times.rebootMs + slow, () => { if (!this.up) this.powerOn(id) })
  }

  #serveAfter(ms: number): void {
    const booted = this.bootId
    this.#clock.after(ms, () => {
      if (this.bootId !== booted || !this.up || this.servingSince > 0) return
      this.servingSince = this.#clock.now()
      this.gitalyPid += 7
      this.tell({ what: 'gitaly-serving', node: this.node })
      this.onReady?.(this.rebootOrder ?? '', this.bootId)
      const { relapseAfterMs } = this.faults
      if (relapseAfterMs !== undefined) this.#clock.after(relapseAfterMs, () => {
        if (this.bootId !== booted || !this.up) return
        this.onFault('relapse')
        this.breakGitaly('startup-error')
      })
    })
  }
}
