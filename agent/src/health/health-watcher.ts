// Watches Gitaly in the running boot and keeps, for each reboot order asked about and for "no order", how long it has
// been well. After a boot it looks often until the boot is acknowledged; afterwards Gitaly's own push is enough, and
// each Health call looks afresh. Holds no opinion: domain/health-verdict judges, domain/health-watch counts.
import type { OrderStore } from '../adapters/order-store.ts'
import { LogHistoryFile } from '../adapters/log-history-file.ts'
import type { Judgement } from '../domain/health-verdict.ts'
import type { LogTestimony } from '../domain/log-verdict.ts'
import { isKnown, type Known } from '../domain/veto.ts'
import { AfterReady } from '../hooks/after-ready.ts'
import type { Host } from '../host.ts'
import type { Clock, Logger } from '../ports.ts'
import { healthProbe, type Look } from './health-probe.ts'
import { Subject, type SubjectParts } from './subject.ts'

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

/** Looking costs the host something: never more than a quarter of the time. */
const restPerLook = 3
const waitingPaceMs = 1000
/** The wall clock may drift this far from the uptime before it counts as stepped. */
const steadyMs = 1000
/** Looks made because Gitaly went away during the one before: then the last one stands. */
const mostLooks = 3

export class HealthWatcher {
  readonly #host: Host
  readonly #store: OrderStore
  readonly #clock: Clock
  readonly #log: Logger
  readonly #probe: () => Promise<Look>
  readonly #parts: SubjectParts
  readonly #afterReady: AfterReady
  readonly #subjects = new Map<string, Subject>()
  #servingSinceMs = 0
  /** Wall clock minus uptime when the agent came up. */
  readonly #bootedAtMs: number
  #close: (() => void) | undefined
  #wake: () => void = () => undefined
  #stopped = false
  /** Gitaly said something new since the last look began: look again at once. */
  #pushed = false
  /** How often Gitaly went away. */
  #relapses = 0

  constructor(host: Host, store: OrderStore, clock: Clock, log: Logger) {
    this.#host = host
    this.#store = store
    this.#clock = clock
    this.#log = log
    this.#probe = healthProbe(host, clock)
    const changed = (): void => { this.#pushed = true; this.#wake() }
    this.#parts = { host, store, clock, history: new LogHistoryFile(store.directory, log), changed }
    this.#afterReady = new AfterReady(host, store, clock, log, changed)
    this.#bootedAtMs = clock.now() - host.files.uptimeMs()
  }

  start(): void {
    let last: string | undefined
    this.#close = this.#host.gitaly.watch((status) => {
      if (status === 'SERVING') this.#servingSinceMs ||= this.#clock.now()
      else this.#relapse(last === 'SERVING')
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
    const others = [...this.#subjects.values()].filter((other) => other !== subject)
    for (let looks = 1; ; looks++) {
      const relapses = this.#relapses
      const look = await this.#probe()
      const logs = await Promise.all([...others, subject].map((each) => each.log(look)))
      // Gitaly went away while the log was read: what was seen before that is no news any more.
      if (relapses !== this.#relapses && looks < mostLooks) continue
      for (const [index, other] of others.entries()) this.#judge(other, look, logs[index] as Known<LogTestimony>)
      return this.#judge(subject, look, logs.at(-1) as Known<LogTestimony>)
    }
  }

  #judge(subject: Subject, look: Look, log: Known<LogTestimony>): Verdict {
    const files = subject.orderId === '' ? undefined : this.#store.read(subject.orderId)
    const judgement = this.#afterReady.judge(subject.judge(look, log, files), files, look.bootId)
    const serving = isKnown(look.grpc) && look.grpc.value === 'SERVING'
    const running = isKnown(look.service) ? look.service.value : undefined
    // Counted on the host's uptime, which no clock step moves. A clock that was stepped since the agent came up cannot date
    // Gitaly's marker either; then only looks count.
    const listenedMs = isKnown(log) ? log.value.listenedMs : 0
    const steady = Math.abs(look.atMs - look.uptimeMs - this.#bootedAtMs) < steadyMs
    subject.observe({
      atMs: look.uptimeMs,
      status: judgement.status,
      serving,
      pid: running?.pid ?? 0,
      uptimeS: running?.uptimeS ?? 0,
      startedMs: listenedMs > 0 && steady ? Math.max(0, look.uptimeMs - (look.atMs - listenedMs)) : 0
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
    const subject = new Subject(this.#parts, orderId, storages, sinceLastStart)
    if (subject.lasts) this.#subjects.set(key, subject)
    return subject
  }

  /** Gitaly's stream broke or said something else than SERVING: whatever was healthy until now is not any more. */
  #relapse(wasServing: boolean): void {
    if (wasServing) this.#relapses++
    for (const subject of this.#subjects.values()) subject.relapse(this.#host.files.uptimeMs())
  }

  #rest(ms: number): Promise<void> {
    if (this.#pushed || this.#stopped) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => { clearTimeout(timer); resolve() }
    })
  }
}
