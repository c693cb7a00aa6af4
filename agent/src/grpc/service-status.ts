// ServiceStatus: the service manager's own words, parsed. Read-only.
import type { AgentServiceHandlers, wire } from '@pitstop/proto'
import type { OrderDesk } from '../orders/order-desk.ts'
import { serviceToWire } from './wire-health.ts'

type Request = Parameters<AgentServiceHandlers['ServiceStatus']>[0]['request']

export const serviceStatusHandler = (desk: OrderDesk) => async (request: Request): Promise<{ boot_id: string, services: wire.ServiceState[] }> => {
  desk.acknowledgeEpoch(request.epoch)
  const services = await desk.host.manager.statusOfAll()
  return { boot_id: desk.host.files.bootId(), services: services.map(serviceToWire) }
}
