// `cancel ORDER`: takes a scheduled reboot back on the host itself, without agent or coordinator. The decision on disk
// is the same one that the unit and CancelReboot race for.
import { userInfo } from 'node:os'
import { reason } from '@pitstop/shared/fault'
import { OrderStore } from '../adapters/order-store.ts'
import type { Settings } from '../config.ts'
import { unitName } from '../domain/order-record.ts'
import { buildHost } from '../host.ts'
import { systemClock } from '../main.ts'

export async function cancel(settings: Settings, order: string, why: string): Promise<number> {
  const store = new OrderStore(settings.state)
  const known = store.read(order)
  const by = `${userInfo().username} on ${settings.node}`
  const decision = store.decide(order, {
    kind: 'cancelled', atMs: systemClock.now(), by, reasons: [reason('ORDER_CANCELLED', `taken back by ${by}${why === '' ? '' : `: ${why}`}`)]
  })
  if (decision.kind === 'begun') {
    process.stdout.write(`too late: ${order} has begun; finish the node: watch it come back with pitstop node show\n`)
    return 4
  }
  const host = buildHost(settings.host, systemClock)
  host.gitaly.close()
  if (known?.accepted !== undefined && known.outcome === undefined) await host.units.stop(unitName(order)).catch(() => undefined)
  process.stdout.write(known?.accepted === undefined ? `${order} is not known here; it will be refused if it comes\n` : `${order} is taken back\n`)
  return 0
}
