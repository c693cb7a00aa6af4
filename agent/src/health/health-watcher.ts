// Watches Gitaly in the running boot and keeps, for each reboot order asked about and for "no order", how long it has
// been well. After a boot it looks often until the boot is acknowledged; afterwards Gitaly's own push is enough, and
// each Health call looks afresh. Holds no opinion: domain/health-verdict judges, domain/health-watch counts.
import type { OrderStore } from '../adapters/order-store.ts'
import { knownNow } from '../adapters/host-checks.ts'
import { type Expectation, judge, type Judgement } from '../domain/health-verdict.ts'
import { type HealthWatch, nothingSeen, watchHealth } from '../domain/health-watch.ts'
import { startPhaseMs } from '../domain/log-verdict.ts'
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
}

interface Subject {
  /** Empty = the boot as such, without an order. */
  readonly orderId: string
  storages: readonly string[]
  watch: HealthWatch
  readonly scan: LogScan
}

/** Looking costs the host something: never more than a quarter of the time. */
const restPerLook = 3
const waitingPaceMs = 1000

export class HealthWatcher {
  readonly #host: Host
  readonly #store: OrderStore
  readonly #clock: Clock
  readonly #log: Logger
  readonly #probe: () => Promise<Look>
  readonly #subjects = new Map<string, Subject>()
  #servingSinceMs = 0
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
  async verdict(orderId: string, storages: readonly string[]): Promise<Verdict> {
    const subject = this.#subject(orderId, storages)
    const look = await this.#probe()
    for (const other of this.#subjects.values()) if (other !== subject) this.#judge(other, look)
    return this.#judge(subject, look)
  }

  #judge(subject: Subject, look: Look): Verdict {
    const { watch } = subject
    const startDeadlineMs = this.#host.settings.gitaly.startDeadlineMs
    const expectation = this.#expectation(subject.orderId)
    const over = look.uptimeMs > startDeadlineMs + startPhaseMs
    const testimony = over ? subject.scan.testimony : undefined
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
      log: testimony === undefined ? knownNow(() => subject.scan.look()) : { value: testimony },
      ...expectation === undefined ? {} : { expectation }
    })
    const serving = isKnown(look.grpc) && look.grpc.value === 'SERVING'
    if (serving) this.#servingSinceMs ||= look.atMs
    const running = isKnown(look.service) ? look.service.value : undefined
    subject.watch = watchHealth(watch, {
      atMs: look.atMs,
      status: judgement.status,
      serving,
      pid: running?.pid ?? 0,
      uptimeS: running?.uptimeS ?? 0
    })
    return {
      ...judgement,
      bootId: look.bootId,
      healthyForMs: judgement.status === 'healthy' ? Math.max(0, look.atMs - subject.watch.healthySinceMs) : 0,
      pid: running?.pid ?? 0,
      uptimeS: running?.uptimeS ?? 0,
      servingSinceMs: this.#servingSinceMs,
      bootsSinceOrder: expectation?.bootsSince ?? 0,
      bootedAtMs: look.atMs - look.uptimeMs
    }
  }

  #subject(orderId: string, storages: readonly string[]): Subject {
    const known = this.#subjects.get(orderId)
    if (known !== undefined) {
      if (storages.length > 0) known.storages = storages
      return known
    }
    const files = orderId === '' ? undefined : this.#store.read(orderId)
    const stopped = files?.mark !== undefined && files.mark.stoppedAtMs > 0
    const bootedAtMs = this.#clock.now() - this.#host.files.uptimeMs()
    const subject: Subject = {
      orderId,
      storages: storages.length > 0 ? storages : files?.accepted?.reboot?.storages ?? [],
      watch: { ...nothingSeen, servingSinceMs: this.#servingSinceMs },
      scan: stopped ? new LogScan(this.#host.files.logPath, files.mark?.log, undefined) : new LogScan(this.#host.files.logPath, undefined, { bootedAtMs })
    }
    // Kept only when the order has its mark: before that there is nothing lasting to remember.
    if (orderId === '' || stopped) this.#subjects.set(orderId, subject)
    return subject
  }

  #expectation(orderId: string): Expectation | undefined {
    if (orderId === '') return undefined
    const files = this.#store.read(orderId)
    return {
      orderId,
      bootsSince: files?.boots.length ?? 0,
      failed: files?.outcome?.status === 'failed',
      expectedKernel: files?.accepted?.reboot?.expectedKernel ?? '',
      filesystemIds: files?.accepted?.reboot?.filesystemIds ?? {}
    }
  }

  /** Gitaly's stream broke or said something else than SERVING: whatever was healthy until now is not any more. */
  #relapse(): void {
    for (const subject of this.#subjects.values()) {
      subject.watch = watchHealth(subject.watch, { atMs: this.#clock.now(), status: 'unknown', serving: false, pid: 0, uptimeS: 0 })
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
