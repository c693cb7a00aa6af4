// Is this host through with the plan that a promise belongs to? Pure. Orders and their states in, answer out. A plan of
// which no reboot order ever came says nothing: then the promise waits for its due time.
import { attemptOf, type OrderFiles } from './order-record.ts'
import type { OrderStatus } from './order-state.ts'

export interface KnownOrder {
  readonly files: OrderFiles
  readonly status: OrderStatus
}

const ended: ReadonlySet<OrderStatus> = new Set(['succeeded', 'failed', 'vetoed', 'cancelled'])

export const orderEnded = (orderId: string, orders: readonly KnownOrder[]): boolean =>
  orders.some(({ files, status }) => files.id === orderId && ended.has(status))

/**
 * `healthy`: the plan's reboot happened and this boot was found healthy, its hooks included.
 * `if-gitaly-runs`: the plan's reboot was refused, taken back or did not come about; the host was left as it was if Gitaly runs.
 */
export function nodeDone(planHash: string, orders: readonly KnownOrder[], bootId: string): 'no' | 'healthy' | 'if-gitaly-runs' {
  const latest = orders.filter(({ files: { accepted } }) => accepted?.step === 'reboot' && accepted.planHash === planHash && planHash !== '')
    .sort((a, b) => attemptOf(a.files.id) - attemptOf(b.files.id) || (a.files.accepted?.acceptedAtMs ?? 0) - (b.files.accepted?.acceptedAtMs ?? 0)).at(-1)
  if (latest === undefined) return 'no'
  const { files, status } = latest
  switch (status) {
    case 'succeeded': return files.ready?.bootId === bootId && files.ready.hooks === 'passed' ? 'healthy' : 'no'
    case 'vetoed': case 'cancelled': case 'failed': return files.boots.length === 0 ? 'if-gitaly-runs' : 'no'
    case 'accepted': case 'running': case 'in-doubt': return 'no'
    default: return status satisfies never
  }
}
