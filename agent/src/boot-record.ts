// Which boot is this, and which order does it answer? Looked at once when the agent starts: a new boot id is appended
// to the reboot order that it follows, and remembered until a coordinator has acknowledged it.
import type { BootRecord, OrderStore } from './adapters/order-store.ts'
import type { OrderFiles } from './domain/order-record.ts'
import { goingDownMs } from './domain/order-state.ts'

/** A boot so soon after an ordered one still belongs to the order: it means that the host went down again. */
const aftermathMs = 3_600_000

/** @param bootedAtMs when this boot began. */
export function recordBoot(store: OrderStore, bootId: string, nowMs: number, bootedAtMs: number = nowMs): BootRecord {
  const last = store.lastBoot()
  if (last?.bootId === bootId) return last
  const order = last === undefined ? undefined : answeredOrder(store.readAll(), bootId, last, { nowMs, bootedAtMs })
  // Boots first: if this process dies here, the next one finds them and adds nothing twice.
  if (order !== undefined && !order.boots.includes(bootId)) store.recordBoots(order.id, [...order.boots, bootId])
  // The very first start of the agent is no boot that anybody waits for.
  const record: BootRecord = {
    bootId, orderId: order?.id ?? '', acknowledged: last === undefined ? 'first-start' : '',
    ...order !== undefined && order.boots.every((each) => each === bootId) ? { answers: true } : {}
  }
  store.recordBoot(record)
  return record
}

function answeredOrder(orders: readonly OrderFiles[], bootId: string, last: BootRecord, { nowMs, bootedAtMs }: { readonly nowMs: number, readonly bootedAtMs: number }): OrderFiles | undefined {
  const latest = orders.filter(({ accepted, decision, outcome }) => accepted?.step === 'reboot' && accepted.bootId !== bootId
    && decision?.kind === 'begun' && outcome?.status !== 'vetoed')
    .sort((a, b) => (a.decision?.atMs ?? 0) - (b.decision?.atMs ?? 0)).at(-1)
  if (latest === undefined) return undefined
  const direct = latest.accepted?.bootId === last.bootId && latest.boots.length === 0 && mayFollow(latest, bootedAtMs)
  const again = latest.boots.length > 0 && nowMs - (latest.decision?.atMs ?? 0) < aftermathMs
  return direct || again || latest.boots.includes(bootId) ? latest : undefined
}

/** What was found not to have rebooted may still do it late; a boot long after that is nobody's order. */
function mayFollow({ outcome, mark }: OrderFiles, bootedAtMs: number): boolean {
  if (outcome?.status !== 'failed') return true
  // Gitaly was given back and the request taken off the mark: it was made right behind the stop.
  const askedAtMs = mark === undefined ? 0 : mark.rebootRequestedAtMs === 0 ? mark.stoppedAtMs : mark.rebootRequestedAtMs
  return askedAtMs > 0 && bootedAtMs - askedAtMs < goingDownMs
}
