// Upgrade: streams progress, ends with the outcome. A caller that goes away leaves the unit at work; it asks again.
import type { ServerWritableStream } from '@grpc/grpc-js'
import type { wire } from '@pitstop/proto'
import type { OrderDesk } from '../orders/order-desk.ts'
import { upgrade } from '../orders/upgrade-order.ts'
import { orderFromWire, orderStateToWire, progressToWire } from './wire-order.ts'

export const upgradeHandler = (desk: OrderDesk) => async (call: ServerWritableStream<wire.UpgradeRequest__Output, wire.UpgradeProgress>, signal: AbortSignal): Promise<void> => {
  const view = await upgrade(desk, { order: orderFromWire(call.request.order), manifest: call.request.manifest },
    (progress) => { call.write(progressToWire(progress)) }, signal)
  // Without an end the last message would be no outcome: a caller that is cut off here re-attaches.
  if (!signal.aborted) call.write({ outcome: orderStateToWire(view, 'upgrade', desk.host.files.bootId()) })
}
