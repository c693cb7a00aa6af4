// "I am back": after a boot the agent judges the host by itself and tells a coordinator, again and again until one
// acknowledges, also one that comes up later. Once per boot id. Frees nothing: the coordinator looks again.
import { backOff } from './domain/back-off.ts'
import type { OrderStore, BootRecord } from './adapters/order-store.ts'
import type { HealthWatcher, Verdict } from './health/health-watcher.ts'
import type { Clock, Logger } from './ports.ts'

export interface Report {
  readonly orderId: string
  readonly bootId: string
  readonly verdict: Verdict
}

/** Acknowledged with a result; or not, and where the acting coordinator may be found. */
export type ReportAnswer = { readonly result: string } | { readonly holder: string | undefined, readonly error: string }

export interface CoordinatorLink {
  readonly report: (address: string, report: Report) => Promise<ReportAnswer>
  readonly close: () => void
}

export interface ReadinessParts {
  readonly boot: BootRecord
  readonly store: OrderStore
  readonly watcher: HealthWatcher
  readonly link: CoordinatorLink
  readonly coordinators: readonly string[]
  readonly startDeadlineMs: number
  readonly firstDelayMs: number
  readonly maximumDelayMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
  readonly log: Logger
}

/** How long the agent goes on looking often after it was heard, so that "healthy for" stays exact through soak and watch. */
const keepWatchingMs = 120_000

export async function announce(parts: ReadinessParts, signal: AbortSignal): Promise<void> {
  const { boot, watcher, store, clock, log } = parts
  if (boot.acknowledged !== '') return
  if (parts.coordinators.length === 0) { await watchUnheard(parts, signal); return }
  let last: Verdict | undefined
  let decided: (verdict: Verdict) => void = () => undefined
  const firstDecision = new Promise<Verdict>((resolve) => { decided = resolve })
  const began = clock.monotonic()
  let heardAt = 0
  const watching = watcher.watchEagerly(boot.orderId, [], (verdict) => {
    last = verdict
    // Undecided for ever is told too, once a start may no longer be slow.
    if (verdict.status !== 'unknown' || clock.monotonic() - began >= parts.startDeadlineMs) decided(verdict)
    return signal.aborted || (heardAt !== 0 && clock.monotonic() - heardAt > keepWatchingMs)
  })
  const verdict = await Promise.race([firstDecision, watching])
  if (verdict === undefined || signal.aborted) return
  if (parts.firstDelayMs > 0) await parts.pause(parts.firstDelayMs, signal)
  const result = await reportUntilHeard(parts, () => last ?? verdict, signal)
  if (result === undefined) return
  heardAt = clock.monotonic()
  store.recordBoot({ ...boot, acknowledged: result })
  log.info({ order: boot.orderId, boot: boot.bootId, status: verdict.status, result }, 'readiness acknowledged')
  await watching
}

/** Nobody is told, but the hooks of after-ready and the host's promises wait for the first healthy look at an ordered boot. */
async function watchUnheard({ boot, watcher, startDeadlineMs, clock }: ReadinessParts, signal: AbortSignal): Promise<void> {
  if (boot.answers !== true) return
  const began = clock.monotonic()
  await watcher.watchEagerly(boot.orderId, [], ({ status }) => signal.aborted || status === 'healthy' || clock.monotonic() - began > startDeadlineMs + keepWatchingMs)
}

async function reportUntilHeard(parts: ReadinessParts, verdict: () => Verdict, signal: AbortSignal): Promise<string | undefined> {
  const { boot, link, coordinators, maximumDelayMs, random, pause, log } = parts
  let holder: string | undefined
  let turn = 0
  for (let attempt = 0; !signal.aborted; attempt++) {
    const address = holder ?? coordinators[turn++ % coordinators.length] ?? ''
    const answer = await link.report(address, { orderId: boot.orderId, bootId: boot.bootId, verdict: verdict() })
    if ('result' in answer) return answer.result
    log.warn({ coordinator: address, attempt, error: answer.error }, 'readiness not acknowledged')
    // A standby named the acting coordinator: ask that one at once, but only once in a row.
    const follow = holder === undefined && answer.holder !== undefined && answer.holder !== address
    holder = follow ? answer.holder : undefined
    if (!follow) await pause(backOff(attempt, maximumDelayMs, random()), signal)
  }
  return undefined
}
