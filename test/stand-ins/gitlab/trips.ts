// The way of every request through the stand-in: logged at arrival, bent by a planted fault, counted as in flight
// for as long as it can still land.
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { bend, type FaultBox, type PlantedFault } from './faults.ts'
import type { RequestLog } from './request-log.ts'

interface Trip { id: number, effect: PlantedFault['effect'] | undefined, landed: () => void }

interface TripTools {
  readonly log: RequestLog
  readonly faults: FaultBox
  readonly pause: (ms: number) => Promise<void>
  readonly tokenName: (request: FastifyRequest) => string | null
}

/** Every request's way through the stand-in: logged at arrival, bent by a planted fault, counted while it can still land. */
export function addTrips(app: FastifyInstance, { log, faults, pause, tokenName }: TripTools): void {
  const trips = new WeakMap<object, Trip>()
  const clientGone = (socket: Socket): Promise<void> => new Promise((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
  let lastId = 0
  app.addHook('preHandler', async (request, reply) => {
    if (request.url.startsWith('/-/')) return
    const isWeightWrite = request.method === 'PUT' && request.url.startsWith('/api/v4/application/settings')
    const token = tokenName(request)
    const trip: Trip = { id: ++lastId, effect: faults.take(request.method, request.url), landed: isWeightWrite ? log.weightWriteStarts(token ?? 'nobody') : () => {} }
    trips.set(request, trip)
    log.add({ kind: 'request', id: trip.id, method: request.method, path: request.url, token, ...(request.body === undefined ? {} : { body: request.body }) })
    const { effect } = trip
    const socket = request.raw.socket
    switch (effect?.kind) {
      case 'status':
        return reply.code(effect.status).headers(effect.headers ?? {}).type(effect.body?.startsWith('{') === true ? 'application/json' : 'text/plain').send(effect.body ?? '')
      case 'latency': return await pause(effect.ms)
      case 'reset':
        trip.landed()
        socket.resetAndDestroy()
        return reply.hijack()
      case 'hang':
        void clientGone(socket).then(trip.landed)
        return reply.hijack()
      case 'land-late':
        await clientGone(socket)
        return await pause(effect.ms)
      default: return undefined
    }
  })
  app.addHook('onSend', async (request, reply, payload) => {
    const trip = trips.get(request)
    if (trip === undefined) return payload
    const { effect } = trip
    trip.landed()
    const text = typeof payload === 'string' ? payload : ''
    if (effect?.kind === 'reset-after') request.raw.socket.resetAndDestroy()
    if (effect?.kind === 'cut') {
      request.raw.socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text.slice(0, 20)}`)
    }
    if (effect?.kind === 'hang-after' || effect?.kind === 'reset-after' || effect?.kind === 'cut') return await new Promise<never>(() => {})
    log.add({ kind: 'answer', id: trip.id, status: reply.statusCode })
    const bent = reply.statusCode < 300 ? bend(effect, text) : text
    if (bent !== text) void reply.header('content-length', Buffer.byteLength(bent))
    return bent
  })
}
