// `cancel ORDER`: takes a scheduled reboot back on the host itself, without agent or coordinator. The decision on disk
// is the same one that the unit and CancelReboot race for.
import { userInfo } from 'node:os'
import { reason } from '@pitstop/shared/fault'
import { attemptOf } from '@pitstop/shared/order-id'
import { hostFiles } from '../adapters/host-files.ts'
import { ObligationStore } from '../adapters/obligation-store.ts'
import { OrderStore } from '../adapters/order-store.ts'
import type { Settings } from '../config.ts'
import { type OrderFiles, unitName } from '../domain/order-record.ts'
import { buildHost } from '../host.ts'
import { systemClock } from '../system-clock.ts'

export async function cancel(settings: Settings, order: string, why: string): Promise<number> {
  if (attemptOf(order) === undefined || !order.startsWith('reboot-')) {
    process.stderr.write(`${order} is no reboot order\n  do: take it from pitstop-agent status; it looks like reboot-1-0123456789abcdef01234567\n`)
    return 2
  }
  const store = new OrderStore(settings.state)
  const known = store.read(order)
  const by = `${userInfo().username} on ${settings.node}`
  const decision = store.decide(order, {
    kind: 'cancelled', atMs: systemClock.now(), by, reasons: [reason('ORDER_CANCELLED', `taken back by ${by}${why === '' ? '' : `: ${why}`}`)]
  })
  if (decision.kind === 'begun') {
    process.stdout.write(known?.outcome === undefined && !hasRebooted(known, settings)
      ? `too late: ${order} has begun and the node must be finished\n`
      : `too late: ${order} was carried out\n`)
    return 4
  }
  const host = buildHost(settings.host, systemClock)
  host.gitaly.close()
  if (known?.accepted !== undefined && known.outcome === undefined) await host.units.stop(unitName(order)).catch(() => undefined)
  process.stdout.write(known?.accepted === undefined ? `${order} is not known here; it will be refused if it comes\n` : `${order} is taken back\n`)
  const unpaid = new ObligationStore(settings.state).unpaid().filter(({ orderId }) => orderId === order)
  if (unpaid.length > 0) process.stdout.write(`still to be put back, by the agent or with pitstop-agent pay: ${unpaid.map(({ what }) => what).join(', ')}\n`)
  return 0
}

/** The host has booted since the order was accepted: it was carried out, whenever that was. */
function hasRebooted(known: OrderFiles | undefined, { host }: Settings): boolean {
  return known?.accepted !== undefined && known.accepted.bootId !== hostFiles(host).bootId()
}
