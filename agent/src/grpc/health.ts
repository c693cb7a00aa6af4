// Health: a fresh look, judged. Read-only.
import type { wire } from '@pitstop/proto'
import type { HealthWatcher } from '../health/health-watcher.ts'
import type { OrderDesk } from '../orders/order-desk.ts'
import { verdictToWire } from './wire-health.ts'

export const healthHandler = (desk: OrderDesk, watcher: HealthWatcher) => async (request: wire.HealthRequest__Output): Promise<wire.HealthResponse> => {
  desk.acknowledgeEpoch(request.epoch)
  // Settles the reboot's own state first: "did not reboot" is part of the verdict.
  if (request.reboot_order_id !== '') await desk.view(request.reboot_order_id)
  return { verdict: verdictToWire(await watcher.verdict(request.reboot_order_id, request.storages, request.since_last_start)) }
}
