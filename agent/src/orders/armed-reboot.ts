// Ahead of the slot: the unit of the reboot order that most likely follows an upgrade is started and waits for that order,
// so that starting a process is no part of the time a slot is held. It is only a warm start: the unit does nothing
// without the accepted order on disk, and checks all that a cold one checks. Losing it costs milliseconds.
import { orderId, attemptOf } from '@pitstop/shared/order-id'
import type { AcceptedOrder } from '../domain/order-record.ts'
import type { Clock, Logger } from '../ports.ts'

/** How long an armed unit waits for its order. */
const armedMs = 15 * 60_000
/** A unit that may be about to give up is not relied upon. */
const marginMs = 10_000

export class ArmedReboots {
  readonly #until = new Map<string, number>()
  readonly #clock: Clock
  readonly #log: Logger
  readonly #start: (id: string, waitMs: number) => Promise<void>

  constructor(clock: Clock, log: Logger, start: (id: string, waitMs: number) => Promise<void>) {
    this.#clock = clock
    this.#log = log
    this.#start = start
  }

  /** Never fails: without it the unit is started when the order comes. */
  async arm({ id, planHash, node }: AcceptedOrder): Promise<void> {
    const attempt = attemptOf(id)
    if (attempt === undefined) return
    const reboot = orderId({ planHash, node, step: 'reboot', attempt })
    if (this.has(reboot)) return
    try {
      await this.#start(reboot, armedMs)
      this.#until.set(reboot, this.#clock.monotonic() + armedMs - marginMs)
    } catch (error) {
      this.#log.warn({ order: reboot, error: String(error) }, 'the reboot unit could not be started ahead of its order')
    }
  }

  has(id: string): boolean { return (this.#until.get(id) ?? 0) > this.#clock.monotonic() }

  forget(id: string): void { this.#until.delete(id) }
}
