// Follows the journal across lost connections: goes on with the last seq seen, so a restarted coordinator costs nothing.
import { setTimeout as delay } from 'node:timers/promises'
import { Fault, asFault } from '@pitstop/shared/fault'
import type { Event, FleetEvent, Recorded } from '../../domain/event.ts'
import type { Client } from '../client.ts'

export type Followed = Recorded<Event | FleetEvent> & { readonly stream: string }

export interface FollowOptions {
  readonly plan: string
  readonly after: number
  readonly signal: AbortSignal
  /** The connection is lost; told once until it is back. */
  readonly onLost: (why: Fault) => void
  readonly retryMs?: number
  /** A coordinator that is restarted is back in seconds; after so long a person should look. */
  readonly giveUpMs?: number
}

/** Ends when `signal` does. @throws Fault COORDINATOR_UNREACHABLE after `giveUpMs` without an answer. */
export async function* follow(client: Client, { plan, after, signal, onLost, retryMs = 500, giveUpMs = 120_000 }: FollowOptions): AsyncGenerator<Followed> {
  let last = after
  let lostAt: number | null = null
  while (!signal.aborted) {
    let why: Fault
    try {
      for await (const { id, data } of client.events(`/events?plan=${plan}`, last, signal)) {
        lostAt = null
        last = id
        yield JSON.parse(data) as Followed
      }
      why = new Fault('COORDINATOR_UNREACHABLE', 'the coordinator ended the stream')
    } catch (error) {
      why = asFault(error)
      if (!why.retry) throw why
    }
    if (isOver(signal)) return
    const now = performance.now()
    if (lostAt === null) onLost(why)
    lostAt ??= now
    if (now - lostAt > giveUpMs) throw why
    await delay(retryMs, undefined, { signal }).catch(() => undefined)
  }
}

/** Asked anew after each wait. */
const isOver = (signal: AbortSignal): boolean => signal.aborted
