// One thing that is judged: a boot as such, or a boot held against a reboot order, or that order again since Gitaly's last
// start because a person asked. Keeps what lasts from look to look: the log read so far, and how long it has been well.
import { known } from '../adapters/host-checks.ts'
import type { LogHistoryFile } from '../adapters/log-history-file.ts'
import type { OrderStore } from '../adapters/order-store.ts'
import { type Expectation, type HealthFacts, judge, type Judgement } from '../domain/health-verdict.ts'
import { type HealthWatch, nothingSeen, type Observation, watchHealth } from '../domain/health-watch.ts'
import { type Comparison, nothingExcused } from '../domain/log-finding.ts'
import { knownPatterns } from '../domain/log-history.ts'
import { type LogTestimony, startPhaseMs } from '../domain/log-verdict.ts'
import type { OrderFiles } from '../domain/order-record.ts'
import { expectedPackages } from '../domain/package-evidence.ts'
import { isKnown, type Known } from '../domain/veto.ts'
import type { Host } from '../host.ts'
import type { Clock } from '../ports.ts'
import type { Look } from './health-probe.ts'
import { LogComparison } from './log-comparison.ts'
import { LogScan } from './log-scan.ts'
import { PackageReading } from './package-reading.ts'

export interface SubjectParts {
  readonly host: Host
  readonly store: OrderStore
  readonly clock: Clock
  readonly history: LogHistoryFile
  /** There is something new to judge. */
  readonly changed: () => void
}

export class Subject {
  /** Empty = the boot as such, without an order. */
  readonly orderId: string
  /** The order has its mark: only then is there something lasting to remember. */
  readonly lasts: boolean
  storages: readonly string[]
  #watch: HealthWatch = nothingSeen
  /** The latest look: one that was under way for longer is no news. */
  #lookedMs = 0
  readonly #parts: SubjectParts
  readonly #sinceLastStart: boolean
  readonly #comparison: LogComparison | undefined
  readonly #packages: PackageReading | undefined
  readonly #scanAnew: () => LogScan
  #scan: LogScan
  /** The process whose start the scan reads; it is read anew for another one. */
  #scannedPid = 0

  constructor(parts: SubjectParts, orderId: string, storages: readonly string[], sinceLastStart: boolean) {
    const { host, store, clock, history, changed } = parts
    const files = orderId === '' ? undefined : store.read(orderId)
    const mark = files?.mark !== undefined && files.mark.stoppedAtMs > 0 ? files.mark : undefined
    this.#parts = parts
    this.orderId = orderId
    this.#sinceLastStart = sinceLastStart
    this.lasts = orderId === '' || mark !== undefined
    this.storages = storages.length > 0 ? storages : files?.accepted?.reboot?.storages ?? []
    const path = host.files.logPath
    this.#scanAnew = () => new LogScan({ path, mark: mark?.log, markedAtMs: mark?.stoppedAtMs ?? 0, isNew: mark !== undefined && mark.log === undefined })
    this.#scan = this.#scanAnew()
    const bootId = host.files.bootId()
    // In the boot that the order ends there is nothing to compare yet, and what is said there is said about the stop.
    if (mark === undefined || files?.accepted?.bootId === bootId) return
    this.#comparison = new LogComparison({ file: history, bootId, path, mark: mark.log, markedAtMs: mark.stoppedAtMs, changed })
    this.#packages = new PackageReading({ apt: host.apt, clock, expected: expectedPackages(store.readAll(), files?.accepted?.planHash ?? ''), changed })
  }

  /** Otherwise only the last start counts, and nothing that is older than the boot or the process. */
  get #marked(): boolean { return this.orderId !== '' && this.lasts && !this.#sinceLastStart }

  /** The part of the log that counts, as it is now. */
  async log(look: Look): Promise<Known<LogTestimony>> {
    const { startDeadlineMs } = this.#parts.host.settings.gitaly
    // Only behind a mark does the start end for good; "since the last start" goes on with each start.
    if (this.#marked && look.uptimeMs > startDeadlineMs + startPhaseMs && this.#scan.testimony !== undefined) return { value: this.#scan.testimony }
    const bootedAtMs = look.atMs - look.uptimeMs
    const untilMs = bootedAtMs + startDeadlineMs + startPhaseMs
    if (this.#marked) return known(() => this.#scan.look({ untilMs }))
    const running = isKnown(look.service) && look.service.value.pid > 0 ? look.service.value : undefined
    if (running !== undefined && running.pid !== this.#scannedPid) {
      if (this.#scannedPid !== 0) this.#scan = this.#scanAnew()
      this.#scannedPid = running.pid
    }
    // With level warn no marker tells where the last start begins; the process's own age does.
    const startedAtMs = running === undefined || running.uptimeS === 0 ? 0 : look.atMs - (running.uptimeS + 1) * 1000
    return known(() => this.#scan.look({ sinceMs: Math.max(bootedAtMs, this.#sinceLastStart ? startedAtMs : 0) }))
  }

  judge(look: Look, log: Known<LogTestimony>, files: OrderFiles | undefined): Judgement {
    const remembered = { ...nothingExcused, excused: knownPatterns(this.#parts.history.history) }
    const compared: Comparison = isKnown(log) ? this.#comparison?.compare(log.value) ?? remembered : remembered
    const facts: HealthFacts = {
      atMs: look.atMs,
      bootId: look.bootId,
      uptimeMs: look.uptimeMs,
      startDeadlineMs: this.#parts.host.settings.gitaly.startDeadlineMs,
      wasHealthy: this.watch.wasHealthy,
      startsMs: this.watch.startsMs,
      kernel: look.kernel,
      service: look.service,
      grpc: look.grpc,
      storages: isKnown(look.info) ? { value: look.info.value.storages } : look.info,
      wanted: this.storages,
      log,
      compared,
      ...this.#packages === undefined ? {} : { packages: this.#packages.fact },
      ...files === undefined ? {} : { expectation: this.#expectationOf(files, look.bootId) }
    }
    const judgement = judge(facts)
    if (judgement.status === 'healthy' && isKnown(log)) this.#comparison?.learn(log.value, compared)
    return judgement
  }

  get watch(): HealthWatch { return this.#watch }

  observe(seen: Observation): void {
    if (seen.atMs < this.#lookedMs) return
    this.#lookedMs = seen.atMs
    this.#watch = watchHealth(this.#watch, seen)
  }

  /** Gitaly went away: whatever was healthy until now is not any more. */
  relapse(uptimeMs: number): void {
    this.#watch = watchHealth(this.#watch, { atMs: uptimeMs, status: 'unknown', serving: false, pid: 0, uptimeS: 0, startedMs: 0 })
  }

  #expectationOf(files: OrderFiles, bootId: string): Expectation {
    // A host that went down by itself ahead of its order has been booted since: it is judged as it is, though no boot answers the order.
    const byItself = files.decision?.kind !== 'begun' && files.accepted !== undefined && files.accepted.bootId !== bootId
    const boots = byItself ? 1 : files.boots.length
    return {
      orderId: this.orderId,
      bootsSince: this.#sinceLastStart ? Math.min(1, boots) : boots,
      failed: files.outcome?.status === 'failed' && !this.#sinceLastStart,
      expectedKernel: files.accepted?.reboot?.expectedKernel ?? '',
      filesystemIds: files.accepted?.reboot?.filesystemIds ?? {}
    }
  }
}
