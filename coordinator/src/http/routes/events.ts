// The journal as server-sent events: what was, then what comes. `id` is the event's seq, so a follower that lost its
// connection goes on with Last-Event-ID and misses nothing. A reader that does not read is dropped, never waited for.
// A standby hears of nothing by itself: for as long as somebody follows it, it reads what the acting one has stored.
import { PassThrough } from 'node:stream'
import { Type } from 'typebox'
import { Fault, asFault } from '@pitstop/shared/fault'
import type { Event, FleetEvent, Recorded } from '../../domain/event.ts'
import { fleetStream } from '../../ports.ts'
import type { Api, ApiSettings, Served } from '../ports.ts'
import { digits, planHash } from '../schema.ts'

type Any = Recorded<Event | FleetEvent>

/** Bytes that may wait for a reader before it is dropped; a whole campaign's journal fits. */
const waitingLimit = 8 * 1024 * 1024
/** A standby reads this often for each follower; the lease is looked at as often. */
const standbyReadMs = 500
/** Below the idle time-outs of usual proxies. */
const usualHeartbeatMs = 15_000

const query = Type.Object({ plan: Type.Optional(planHash), after: Type.Optional(digits) }, { additionalProperties: false })

export function eventRoutes(api: Api, coordinator: Served, { heartbeatMs = usualHeartbeatMs, standbyMs = standbyReadMs, log }: ApiSettings): void {
  const open = new Set<PassThrough>()
  // Streams never end by themselves; without this closing would wait for them.
  api.addHook('preClose', (done) => {
    for (const stream of open) stream.end()
    done()
  })

  api.get('/events', { schema: { tags: ['events'], summary: 'Journal events as server-sent events; go on with Last-Event-ID or ?after=', querystring: query } }, async (request, reply) => {
    const plan = request.query.plan === undefined ? undefined : (await coordinator.findPlan(request.query.plan)).hash
    const after = startOf(request.headers['last-event-id'], request.query.after)
    const out = new PassThrough({ highWaterMark: 64 * 1024 })
    let last = after
    /** What the store has may not have come by us; then it is read, and nothing is written past it. */
    let behind = !coordinator.acting
    let reading = false
    let missed = false
    let waiting: { recorded: Any, stream: string }[] | null = []

    const write = (recorded: Any, stream: string): void => {
      if (recorded.seq <= last || out.destroyed) return
      last = recorded.seq
      out.write(`id: ${recorded.seq}\ndata: ${JSON.stringify({ stream, ...recorded })}\n\n`)
    }
    // Listening begins before the past is read, so that nothing falls between the two.
    const unsubscribe = coordinator.onEvent((recorded, stream) => {
      if (plan !== undefined && stream !== plan && stream !== fleetStream) return
      if (waiting !== null) waiting.push({ recorded, stream })
      // Our own predecessor may have stored something that was not read yet: first things first.
      else if (behind) {
        missed = true
        void catchUp()
      }
      else if (out.writableLength > waitingLimit) out.destroy()
      else write(recorded, stream)
    })
    const catchUp = async (): Promise<void> => {
      if (reading) return
      reading = true
      try {
        for (let again = true; again && !out.destroyed;) {
          // Asked before the reading: what was stored until we act is in it.
          const acting = coordinator.acting
          const before = last
          missed = false
          for (const { recorded, stream } of await coordinator.journalAfter(last)) {
            if (plan === undefined || stream === plan || stream === fleetStream) write(recorded, stream)
            last = Math.max(last, recorded.seq)
          }
          again = missed || (acting && last > before)
          behind = again || !acting
        }
        if (out.writableLength > waitingLimit) out.destroy()
      } catch (error) {
        // The follower tries again, and is then told why it cannot be served.
        log('warn', `a follower of the journal is let go: ${asFault(error).message}`)
        out.end()
      } finally {
        reading = false
      }
    }
    const reader = setInterval(() => {
      behind ||= !coordinator.acting
      if (behind && waiting === null && !out.destroyed) void catchUp()
    }, standbyMs)
    const heartbeat = setInterval(() => { if (!out.destroyed) out.write(':\n\n') }, heartbeatMs)
    open.add(out)
    out.on('close', () => {
      unsubscribe()
      clearInterval(heartbeat)
      clearInterval(reader)
      open.delete(out)
    })
    request.raw.on('close', () => { if (request.raw.socket.destroyed) out.destroy() })
    try {
      const past = plan ?? (await coordinator.view())?.plan
      // Two readings would leave a gap between them, which nobody fills at a standby.
      const events = behind ? (await coordinator.journalAfter(after)).filter(({ stream }) => stream === past || stream === fleetStream) : [
        ...(await coordinator.fleetJournal(after)).map((recorded) => ({ recorded, stream: fleetStream })),
        ...(past === undefined ? [] : (await coordinator.journal(past, after)).map((recorded) => ({ recorded, stream: past })))
      ]
      out.write('retry: 1000\n\n')
      for (const { recorded, stream } of events.sort((a, b) => a.recorded.seq - b.recorded.seq)) write(recorded, stream)
      for (const { recorded, stream } of waiting) write(recorded, stream)
      waiting = null
    } catch (error) {
      out.destroy()
      throw error
    }
    return reply.header('content-type', 'text/event-stream; charset=utf-8').header('cache-control', 'no-store').header('x-accel-buffering', 'no').send(out)
  })
}

function startOf(header: string | string[] | undefined, after: string | undefined): number {
  const given = (Array.isArray(header) ? header[0] : header) ?? after ?? '0'
  if (!/^\d{1,15}$/.test(given)) throw new Fault('INVALID_INPUT', `Last-Event-ID must be the number of an event, not ${JSON.stringify(given.slice(0, 40))}`)
  return Number(given)
}
