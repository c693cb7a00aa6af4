// `status`: boot, epoch and the orders of this host as they stand on disk. Asks no coordinator.
import type { Settings } from '../config.ts'
import { OrderStore } from '../adapters/order-store.ts'
import { deriveState } from '../domain/order-state.ts'
import { unitName } from '../domain/order-record.ts'
import { buildHost } from '../host.ts'
import { systemClock } from '../main.ts'

export async function status(settings: Settings, json: boolean): Promise<number> {
  const host = buildHost(settings.host, systemClock)
  host.gitaly.close()
  const store = new OrderStore(settings.state)
  const bootId = host.files.bootId()
  const orders = await Promise.all(store.readAll().map(async (files) => {
    const unit = files.outcome === undefined && files.accepted !== undefined && files.accepted.step !== 'stage' ? await host.units.state(unitName(files.id)) : 'gone'
    const state = deriveState(files, { bootId, nowMs: systemClock.now(), unit, busy: false })
    return { id: files.id, status: state.status, acceptedAtMs: files.accepted?.acceptedAtMs ?? 0, reasons: state.reasons }
  }))
  orders.sort((a, b) => a.acceptedAtMs - b.acceptedAtMs)
  const epoch = store.highestEpoch()
  const boot = store.lastBoot()
  if (json) process.stdout.write(`${JSON.stringify({ node: settings.node, fleet: settings.fleet, bootId, epoch, boot: boot ?? null, orders })}\n`)
  else {
    process.stdout.write(`node ${settings.node} of fleet ${settings.fleet}\nboot ${bootId}${boot === undefined ? '' : ` (${boot.acknowledged === '' ? 'not yet acknowledged by a coordinator' : `a coordinator knows: ${boot.acknowledged.replace('REPORT_RESULT_', '').toLowerCase()}`})`}\nhighest epoch ${epoch}\n`)
    for (const order of orders.slice(-20)) {
      process.stdout.write(`${order.id}  ${order.status}${order.reasons.map(({ code, text }) => `\n    ${code}: ${text}`).join('')}\n`)
    }
  }
  return 0
}
