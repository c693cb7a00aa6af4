// Stage: streams progress, ends with the outcome. A caller that goes away does not end the staging.
import type { ServerWritableStream } from '@grpc/grpc-js'
import type { wire } from '@pitstop/proto'
import type { OrderDesk } from '../orders/order-desk.ts'
import { stage } from '../orders/stage-order.ts'
import { orderFromWire, orderStateToWire, progressToWire } from './wire-order.ts'

export const stageHandler = (desk: OrderDesk) => async (call: ServerWritableStream<wire.StageRequest__Output, wire.StageProgress>): Promise<void> => {
  const view = await stage(desk, { order: orderFromWire(call.request.order), manifest: call.request.manifest },
    (progress) => { call.write(progressToWire(progress)) })
  call.write({ outcome: orderStateToWire(view, 'stage', desk.host.files.bootId()) })
}
