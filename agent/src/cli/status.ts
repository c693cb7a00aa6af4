// `status`: boot, epoch, orders and unpaid promises of this host as they stand on disk. Asks no coordinator and no agent.
import { formatDuration } from '@pitstop/shared/duration'
import { type BootRecord, OrderStore } from '../adapters/order-store.ts'
import { ObligationStore, type UnreadableObligation, unreadableHint } from '../adapters/obligation-store.ts'
import { LogHistoryFile } from '../adapters/log-history-file.ts'
import type { Settings } from '../config.ts'
import { byHand } from '../domain/obligation.ts'
import { observedFile } from '../domain/observing.ts'
import { deriveState, type OrderStatus } from '../domain/order-state.ts'
import { unitName } from '../domain/order-record.ts'
import { typed } from '../domain/typed.ts'
import { buildHost } from '../host.ts'
import type { Logger } from '../ports.ts'
import { systemClock } from '../system-clock.ts'

const ordersShown = 20

const say = (fields: object, text: string): void => { process.stderr.write(`${text} ${JSON.stringify(fields)}\n`) }
const toStandardError: Logger = { info: say, warn: say, error: say }

export async function status(settings: Settings, json: boolean): Promise<number> {
  const host = buildHost(settings.host, systemClock)
  host.gitaly.close()
  const store = new OrderStore(settings.state)
  const promises = new ObligationStore(settings.state)
  const bootId = host.files.bootId()
  const nowMs = systemClock.now()
  const { orders: known, damage } = store.sift()
  const orders = await Promise.all(known.map(async (files) => {
    const unit = files.outcome === undefined && files.accepted !== undefined && files.accepted.step !== 'stage' ? await host.units.state(unitName(files.id)) : 'gone'
    const state = deriveState(files, { bootId, nowMs, unit, busy: false })
    return {
      id: files.id, status: state.status, acceptedAtMs: files.accepted?.acceptedAtMs ?? 0,
      endedAtMs: files.outcome?.atMs ?? (files.decision?.kind === 'cancelled' ? files.decision.atMs : 0), reasons: state.reasons
    }
  }))
  orders.sort((a, b) => a.acceptedAtMs - b.acceptedAtMs)
  const unreadable: UnreadableObligation[] = []
  const obligations = promises.unpaid((each) => { unreadable.push(each) }).map((each) => ({ ...each, byHand: byHand(each), failure: promises.failure(each.id) ?? null }))
  const boot = store.lastBoot()
  const epoch = store.highestEpoch()
  const { known: knownErrors } = new LogHistoryFile(settings.state, toStandardError).history
  const acceptedLogErrors = knownErrors.flatMap(({ pattern, accepted }) => accepted === undefined ? [] : [{ pattern, ...accepted }])
  if (json) {
    process.stdout.write(`${JSON.stringify({ node: settings.node, fleet: settings.fleet, mode: settings.host.mode, bootId, uptimeMs: host.files.uptimeMs(), epoch, boot: boot ?? null, orders, unreadableOrders: damage.map(({ message, hint }) => ({ text: message, hint })), obligations, unreadable, acceptedLogErrors })}\n`)
    return 0
  }
  const ago = (ms: number): string => `${formatDuration(Math.max(0, nowMs - ms))} ago`
  process.stdout.write(`${[
    `node ${settings.node} of fleet ${settings.fleet}`,
    ...settings.host.mode === 'observe' ? [`observes only: no order is carried out; what they would do is in ${observedFile(settings.state)}`] : [],
    `boot ${bootId}, up ${formatDuration(host.files.uptimeMs())}${boot === undefined ? '' : `; ${heard(boot, bootId)}`}`,
    `highest epoch ${epoch}`,
    orders.length === 0 ? 'orders: none yet' : `orders${orders.length > ordersShown ? ` (the last ${ordersShown} of ${orders.length})` : ''}:`,
    ...orders.slice(-ordersShown).flatMap((order) => [
      `  ${order.id}  ${order.status}${when(order, ago)}`,
      ...order.reasons.map(({ code, text }) => `    ${code}: ${text}`)
    ]),
    ...damage.flatMap(({ message, hint }) => [message, `    do: ${hint}`]),
    ...acceptedLogErrors.map(({ pattern, by, atMs, reason }) => `error in Gitaly's log accepted ${ago(atMs)} by ${by}: ${pattern}\n    because: ${reason}`),
    ...unreadable.flatMap(({ path, text }) => [`a promise cannot be read: ${text}`, `    do: ${unreadableHint(path)}`]),
    ...obligations.length === 0 ? unreadable.length > 0 ? [] : ['nothing has to be put back'] : ['has to be put back (the agent does it by itself):'],
    ...obligations.flatMap(({ id, what, dueAtMs, byHand: command, failure }) => [
      `  ${what}, ${dueAtMs > nowMs ? `in ${formatDuration(dueAtMs - nowMs)} at the latest` : `OVERDUE since ${formatDuration(nowMs - dueAtMs)}`}`,
      ...failure === null ? [] : [failure.waiting === true ? `    waits: ${failure.text}` : `    attempt ${failure.attempts} failed ${ago(failure.atMs)}: ${failure.text}`],
      `    now: ${typed(['pitstop-agent', 'pay', id])}   by hand: ${command}`
    ])
  ].join('\n')}\n`)
  return 0
}

function when({ status: state, acceptedAtMs, endedAtMs }: { readonly status: OrderStatus, readonly acceptedAtMs: number, readonly endedAtMs: number }, ago: (ms: number) => string): string {
  if (endedAtMs > 0) return `, ${ago(endedAtMs)}${acceptedAtMs > 0 && endedAtMs > acceptedAtMs ? ` after ${formatDuration(endedAtMs - acceptedAtMs)}` : ''}`
  return acceptedAtMs > 0 ? `, ${state === 'running' ? 'since' : 'accepted'} ${ago(acceptedAtMs)}` : ''
}

/** The record is the running agent's; before its first start in this boot it is of another one. */
function heard(boot: BootRecord, bootId: string): string {
  if (boot.bootId !== bootId) return 'the agent has not run in this boot yet'
  const why = boot.orderId === '' ? 'nobody ordered this boot' : `after ${boot.orderId}`
  if (boot.acknowledged === 'first-start') return why
  return `${why}; ${boot.acknowledged === '' ? 'no coordinator has acknowledged it yet' : `a coordinator knows: ${boot.acknowledged.replace('REPORT_RESULT_', '').toLowerCase()}`}`
}
