// Watches Gitaly in the running boot and keeps, for each reboot order asked about and for "no order", how long it has
// been well. After a boot it looks often until the boot is acknowledged; afterwards Gitaly's own push is enough, and
// each Health call looks afresh. Holds no opinion: domain/health-verdict judges, domain/health-watch counts.
import type { OrderStore } from '../adapters/order-store.ts'
import { knownNow } from '../adapters/host-checks.ts'
import { type Expectation, judge, type Judgement } from '../domain/health-verdict.ts'
import { type HealthWatch, nothingSeen, watchHealth } from '../domain/health-watch.ts'
import { startPhaseMs } from '../domain/log-verdict.ts'
import type { OrderFiles } from '../domain/order-record.ts'
import { isKnown } from '../domain/veto.ts'
import type { Host } from '../host.ts'
import type { Clock, Logger } from '../ports.ts'
import { healthProbe, type Look } from './health-probe.ts'
import { LogScan } from './log-scan.ts'

export interface Verdict extends Judgement {
  readonly bootId: string
  readonly healthyForMs: number
  readonly pid: number
  readonly uptimeS: number
  readonly servingSinceMs: number
  readonly bootsSinceOrder: number
  readonly bootedAtMs: number
  /** Gitaly's stop for the order; 0 = none. */
  readonly stopBegunAtMs: number
}

interface Subject {
  /** Empty = the boot as such, without an order. */
  readonly orderId: string
  /** A person asked to be judged again: only the last start counts, however the boots before went. */
  readonly sinceLastStart: boolean
  readonly marked: boolean
  storages: readonly string[]
  watch: HealthWatch
  readonly scan: LogScan
}

/** Looking costs the host something: never more than a quarter of the time. */
const restPerLook = 3
const waitingPaceMs = 1000
/** The wall clock may drift this far from the uptime before it counts as stepped. */
const steadyMs = 1000

export class HealthWatcher {
  readonly #host: Host
  readonly #store: OrderStore
  readonly #clock: Clock
  readonly #log: Logger
  readonly #probe: () => Promise<Look>
  readonly #subjects = new Map<string, Subject>()
  #servingSinceMs = 0
  /** Wall clock minus uptime when the agent came up. */
  readonly #bootedAtMs: number
  #close: (() => void) | undefined
  #wake: () => void = () => undefined
  #stopped = false
  /** Gitaly said something new since the last look began: look again at once. */
  #pushed = false

  constructor(host: Host, store: OrderStore, clock: Clock, log: Logger) {
    this.#host = host
    this.#store = store
    this.#clock = clock
    this.#log = log
    this.#probe = healthProbe(host, clock)
    this.#bootedAtMs = clock.now() - host.files.uptimeMs()
  }

  start(): void {
    let last: string | undefined
    this.#close = this.#host.gitaly.watch((status) => {
      if (status === 'SERVING') this.#servingSinceMs ||= this.#clock.now()
      else this.#relapse()
      if (status !== last) {
        this.#log.info({ status: status ?? 'gone' }, 'Gitaly says')
        this.#pushed = true
        this.#wake()
      }
      last = status
    })
  }

  close(): void {
    this.#stopped = true
    this.#close?.()
    this.#wake()
  }

  /** Looks again and again until `enough` says so. @param heard each verdict. */
  async watchEagerly(orderId: string, storages: readonly string[], enough: (verdict: Verdict) => boolean): Promise<void> {
    let told = ''
    while (!this.#stopped) {
      const started = this.#clock.monotonic()
      this.#pushed = false
      const verdict = await this.verdict(orderId, storages).catch((error: unknown) => {
        this.#log.error({ error: String(error) }, 'health cannot be judged')
      })
      if (verdict !== undefined && verdict.status !== told) {
        told = verdict.status
        this.#log.info({ order: orderId, status: told, reasons: verdict.reasons.map(({ code, text }) => `${code}: ${text}`) }, 'verdict')
      }
      if (verdict !== undefined && enough(verdict)) return
      // Until Gitaly serves its push wakes us; a look under way at that moment would only delay the one that counts.
      const pace = this.#servingSinceMs === 0 ? waitingPaceMs : this.#host.settings.gitaly.healthIntervalMs
      await this.#rest(Math.max(pace, restPerLook * (this.#clock.monotonic() - started)))
    }
  }

  /** A fresh look. @param orderId empty = judge the boot without a mark. */
  async verdict(orderId: string, storages: readonly string[], sinceLastStart = false): Promise<Verdict> {
    const subject = this.#subject(orderId, storages, sinceLastStart)
    const look = await this.#probe()
    for (const other of this.#subjects.values()) if (other !== subject) this.#judge(other, look)
    return this.#judge(subject, look)
  }

  #judge(subject: Subject, look: Look): Verdict {
    const { watch } = subject
    const startDeadlineMs = this.#host.settings.gitaly.startDeadlineMs
    const files = subject.orderId === '' ? undefined : this.#store.read(subject.orderId)
    const expectation = files === undefined ? undefined : expectationOf(files, subject)
    const over = look.uptimeMs > startDeadlineMs + startPhaseMs
    // Only behind a mark does the start end for good; "since the last start" goes on with each start.
    const testimony = over && subject.marked ? subject.scan.testimony : undefined
    const log = testimony === undefined ? knownNow(() => subject.scan.look()) : { value: testimony }
    const judgement = judge({
      bootId: look.bootId,
      uptimeMs: look.uptimeMs,
      startDeadlineMs,
      wasHealthy: watch.wasHealthy,
      kernel: look.kernel,
      service: look.service,
      grpc: look.grpc,
      storages: isKnown(look.info) ? { value: look.info.value.storages } : look.info,
      wanted: subject.storages,
      log,
      ...expectation === undefined ? {} : { expectation }
    })
    const serving = isKnown(look.grpc) && look.grpc.value === 'SERVING'
    const running = isKnown(look.service) ? look.service.value : undefined
    // Counted on the host's uptime, which no clock step moves. A clock that was stepped since the agent came up cannot date
    // Gitaly's marker either; then only looks count.
    const markerMs = isKnown(log) ? log.value.lastMarkerMs : 0
    const steady = Math.abs(look.atMs - look.uptimeMs - this.#bootedAtMs) < steadyMs
    subject.watch = watchHealth(watch, {
      atMs: look.uptimeMs,
      status: judgement.status,
      serving,
      pid: running?.pid ?? 0,
      uptimeS: running?.uptimeS ?? 0,
      startedMs: markerMs > 0 && steady ? Math.max(0, look.uptimeMs - (look.atMs - markerMs)) : 0
    })
    const servingSinceMs = subject.watch.servingSinceMs === 0 ? 0 : Math.round(look.atMs - (look.uptimeMs - subject.watch.servingSinceMs))
    this.#servingSinceMs ||= servingSinceMs
    return {
      ...judgement,
      bootId: look.bootId,
      healthyForMs: judgement.status === 'healthy' ? Math.max(0, Math.round(look.uptimeMs - subject.watch.healthySinceMs)) : 0,
      pid: running?.pid ?? 0,
      uptimeS: running?.uptimeS ?? 0,
      servingSinceMs: servingSinceMs || this.#servingSinceMs,
      bootsSinceOrder: files?.boots.length ?? 0,
      bootedAtMs: look.atMs - look.uptimeMs,
      stopBegunAtMs: files?.mark?.stopBegunAtMs ?? 0
    }
  }

  #subject(orderId: string, storages: readonly string[], sinceLastStart: boolean): Subject {
    const key = `${orderId} ${sinceLastStart ? 'last start' : ''}`
    const known = this.#subjects.get(key)
    if (known !== undefined) {
      if (storages.length > 0) known.storages = storages
      return known
    }
    const files = orderId === '' ? undefined : this.#store.read(orderId)
    const stopped = files?.mark !== undefined && files.mark.stoppedAtMs > 0
    const bootedAtMs = this.#clock.now() - this.#host.files.uptimeMs()
    const subject: Subject = {
      orderId,
      sinceLastStart,
      marked: stopped && !sinceLastStart,
      storages: storages.length > 0 ? storages : files?.accepted?.reboot?.storages ?? [],
      watch: nothingSeen,
      scan: stopped ? new LogScan(this.#host.files.logPath, files.mark?.log, sinceLastStart ? { bootedAtMs } : undefined) : new LogScan(this.#host.files.logPath, undefined, { bootedAtMs })
    }
    // Kept only when the order has its mark: before that there is nothing lasting to remember.
    if (orderId === '' || stopped) this.#subjects.set(key, subject)
    return subject
  }

  /** Gitaly's stream broke or said something else than SERVING: whatever was healthy until now is not any more. */
  #relapse(): void {
    for (const subject of this.#subjects.values()) {
      subject.watch = watchHealth(subject.watch, { atMs: this.#host.files.uptimeMs(), status: 'unknown', serving: false, pid: 0, uptimeS: 0, startedMs: 0 })
    }
  }

  #rest(ms: number): Promise<void> {
    if (this.#pushed || this.#stopped) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => { clearTimeout(timer); resolve() }
    })
  }

}

function expectationOf(files: OrderFiles, { orderId, sinceLastStart }: Subject): Expectation {
  return {
    orderId,
    bootsSince: sinceLastStart ? Math.min(1, files.boots.length) : files.boots.length,
    failed: files.outcome?.status === 'failed' && !sinceLastStart,
    expectedKernel: files.accepted?.reboot?.expectedKernel ?? '',
    filesystemIds: files.accepted?.reboot?.filesystemIds ?? {}
  }
}
