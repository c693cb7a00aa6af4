// CancelReboot: never blocked by a running order. CANCELLED is said only when the decision on disk says so.
import type { wire } from '@pitstop/proto'
import type { OrderDesk } from '../orders/order-desk.ts'
import { cancelReboot, type CancelResult, receiveCancel } from '../orders/reboot-order.ts'
import { orderFromWire, orderStateToWire } from './wire-order.ts'

const results = {
  'cancelled': 'CANCEL_RESULT_CANCELLED',
  'too-late': 'CANCEL_RESULT_TOO_LATE',
  'not-found': 'CANCEL_RESULT_NOT_FOUND'
} as const satisfies Record<CancelResult, string>

export const cancelRebootHandler = (desk: OrderDesk) => async (request: wire.CancelRebootRequest__Output): Promise<wire.CancelRebootResponse> => {
  const order = orderFromWire(request.order)
  receiveCancel(desk, order)
  const { result, view } = await cancelReboot(desk, request.reboot_order_id, `coordinator (epoch ${order.epoch})`, request.reason.slice(0, 500))
  return { result: results[result], reboot: view === undefined ? null : orderStateToWire(view, 'reboot', desk.host.files.bootId()) }
}
