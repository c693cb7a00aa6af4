// ScheduleReboot: answers once the unit is scheduled, or with every reason why not.
import type { wire } from '@pitstop/proto'
import type { OrderDesk } from '../orders/order-desk.ts'
import { scheduleReboot } from '../orders/reboot-order.ts'
import { orderFromWire, orderStateToWire } from './wire-order.ts'

export const scheduleRebootHandler = (desk: OrderDesk) => async (request: wire.ScheduleRebootRequest__Output): Promise<{ state: wire.OrderState }> => {
  const view = await scheduleReboot(desk, {
    order: orderFromWire(request.order),
    delayMs: request.delay_ms,
    reason: request.reason.slice(0, 500),
    storages: request.storages
  })
  return { state: orderStateToWire(view, 'reboot', desk.host.files.bootId()) }
}
