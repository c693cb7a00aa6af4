// Keeps the host's promises, by itself: after a start, when an order ends, when the node is done, and at each due time.
// Looks when a file in the state directory says that something happened, and at one timer; never in between. Pays only
// what nobody else is about to pay and what disturbs nothing that still runs; a day past the due time, in any case. A payment that fails is tried again, ever less often.
import { join } from 'node:path'
import { asFault, chain } from '@pitstop/shared/fault'
import { watchFolders } from '../adapters/folder-watch.ts'
import { known } from '../adapters/host-checks.ts'
import { ObligationStore, unreadableHint } from '../adapters/obligation-store.ts'
import { backOff } from '../domain/back-off.ts'
import { type KnownOrder, nodeDone, orderEnded } from '../domain/node-done.ts'
import { inReverse, judgeObligation, longestWaitMs, mayWait, type Obligation, supersededBy } from '../domain/obligation.ts'
import { isKnown } from '../domain/veto.ts'
import type { OrderDesk } from '../orders/order-desk.ts'
import { obstacleTo } from './obstacle.ts'
import { pay } from './pay.ts'

/** Files change several at a time; one look is enough. */
const settleMs = 50
/** A timer that sleeps longer would not notice that the clock was set. */
const longestSleepMs = 10 * 60_000
const shortestPauseMs = 500
const longestPauseMs = 5 * 60_000

interface KnownPlan {
  /** Orders that may be of a promise's plan. */
  readonly ids: readonly string[]
  readonly orders: readonly KnownOrder[]
  /** Every order could be read. */
  readonly whole: boolean
}

export class Keeper {
  readonly #desk: OrderDesk
  readonly #promises: ObligationStore
  readonly #random: () => number
  readonly #watch
  /** Failed payments and questions without an answer, by obligation: when to try again, on the monotonic clock. */
  readonly #retries = new Map<string, { readonly attempts: number, readonly at: number }>()
  /** What cannot be read, said once and not at each look. */
  readonly #told = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(desk: OrderDesk, random: () => number) {
    this.#desk = desk
    this.#promises = new ObligationStore(desk.self.state)
    this.#random = random
    this.#watch = watchFolders(() => { this.#wakeIn(settleMs) }, (folder, why) => {
      desk.log.error({ folder, error: why }, 'promises are paid at their due time only: the folder cannot be watched')
    })
  }

  start(): void {
    this.#watch.set([this.#promises.prepare()])
    this.#wakeIn(0)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#watch.close()
    await this.#looking
  }

  #wakeIn(ms: number): void {
    if (this.#closed) return
    if (this.#looking !== undefined) { this.#again = true; return }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#looking = this.#look()
        .catch((error: unknown) => { this.#desk.log.error({ error: chain(asFault(error)) }, 'promises cannot be looked at'); return longestPauseMs })
        .then((sleepMs) => {
          this.#looking = undefined
          if (this.#again) { this.#again = false; this.#wakeIn(settleMs) }
          else if (sleepMs !== undefined) this.#wakeIn(sleepMs)
        })
    }, ms)
  }

  /** @returns when to look again without being told; undefined = nothing is promised. */
  async #look(): Promise<number | undefined> {
    const { self, store, clock } = this.#desk
    const unpaid = this.#promises.unpaid(({ path, text }) => { this.#tellOnce({ file: path, error: text, hint: unreadableHint(path) }, 'a promise cannot be read and is not kept') })
    const own = unpaid.map(({ orderId, planHash }) => ({ orderId, planHash }))
    const unreadable: string[] = []
    const cannotRead = (id: string, error: unknown): void => {
      unreadable.push(id)
      this.#tellOnce({ order: id, error: chain(asFault(error)) }, 'an order cannot be read; promises that may depend on it are paid at their due time')
    }
    const ids = unpaid.length === 0 ? [] : store.ids().filter((id) => {
      try {
        const accepted = store.read(id)?.accepted
        // A folder without an acceptance is of an order that may still come: its unit was started ahead of it.
        return accepted === undefined || own.some(({ orderId, planHash }) => id === orderId || (planHash !== '' && accepted.planHash === planHash))
      } catch (error) { cannotRead(id, error); return false }
    })
    // Before anything is judged: what changes from here on is seen.
    this.#watch.set([this.#promises.prepare(), ...unpaid.length === 0 ? [] : [join(self.state, 'orders')], ...ids.map((id) => store.pathOf(id, '.'))])
    for (const id of this.#retries.keys()) if (!unpaid.some((each) => each.id === id)) this.#retries.delete(id)
    if (unpaid.length === 0) return undefined
    const orders: KnownOrder[] = []
    for (const id of ids) {
      try {
        const view = await this.#desk.view(id)
        if (view !== undefined) orders.push(view)
      } catch (error) { cannotRead(id, error) }
    }
    const known: KnownPlan = { ids, orders, whole: unreadable.length === 0 }
    for (const obligation of inReverse(unpaid)) if (!this.#closed) await this.#settle(obligation, unpaid, known)
    const left = this.#promises.unpaid(() => undefined)
    return left.length === 0 ? undefined : Math.max(settleMs, Math.min(longestSleepMs, ...left.map(({ id, dueAtMs }) => {
      const retry = this.#retries.get(id)
      return retry === undefined ? dueAtMs - clock.now() : retry.at - clock.monotonic()
    })))
  }

  async #settle(obligation: Obligation, unpaid: readonly Obligation[], { ids, orders, whole }: KnownPlan): Promise<void> {
    const { host, clock, log } = this.#desk
    const { id, what, orderId, planHash } = obligation
    const bootId = host.files.bootId()
    const done = nodeDone(planHash, orders, bootId)
    // An order that cannot be read may be the latest one of this plan.
    const runs = whole && done === 'if-gitaly-runs' && obligation.payable === 'node-done' ? await known(() => host.manager.status()) : undefined
    const left = runs !== undefined && isKnown(runs) && runs.value.state === 'run'
    const answer = judgeObligation(obligation, { nowMs: clock.now(), bootId, orderEnded: orderEnded(orderId, orders), nodeDone: done === 'healthy' || left })
    const later = supersededBy(obligation, unpaid)
    if (answer === 'void' || later !== undefined) {
      this.#promises.settle(id)
      log.info({ obligation: id, what, by: later?.id ?? 'the reboot' }, 'promise void')
      return
    }
    if (answer === 'keep') {
      // Gitaly does not run: whoever starts it writes no file here.
      if (runs === undefined) this.#retries.delete(id)
      else this.#later(obligation)
      return
    }
    const retry = this.#retries.get(id)
    if (retry !== undefined && clock.monotonic() < retry.at) return
    // Nothing tells of the end of what is in the way: it is looked for again, ever less often.
    const obstacle = mayWait(obligation, clock.now()) ? await obstacleTo(obligation, ids, host) : undefined
    if (obstacle !== undefined) {
      this.#later(obligation)
      // The order's own unit is about to pay: that is no news before the due time.
      if (obstacle.kind !== 'own-unit' || clock.now() >= obligation.dueAtMs) this.#waits(obligation, obstacle.text)
      return
    }
    const text = await pay({ run: host.runOutside, hooks: host.hooks, promises: this.#promises, now: clock.now }, obligation)
    if (text === '') log.info({ obligation: id, what }, 'promise paid')
    else {
      this.#later(obligation)
      log.error({ obligation: id, what, error: text }, 'promise not paid')
    }
  }

  /** For whoever asks; written when there is something new to say. */
  #waits({ id, what, dueAtMs }: Obligation, obstacle: string): void {
    const before = this.#promises.failure(id)
    const text = `put back once that has ended, by ${new Date(dueAtMs + longestWaitMs).toISOString()} at the latest: ${obstacle}`
    if (before?.text === text) return
    this.#desk.log.warn({ obligation: id, what, because: obstacle }, 'promise waits')
    try { this.#promises.recordFailure(id, { atMs: this.#desk.clock.now(), attempts: before?.attempts ?? 0, text, waiting: true }) } catch (error) {
      this.#desk.log.error({ obligation: id, error: chain(asFault(error)) }, 'why a promise waits cannot be written down')
    }
  }

  #tellOnce(fields: object, text: string): void {
    const key = JSON.stringify(fields)
    if (this.#told.has(key)) return
    this.#told.add(key)
    this.#desk.log.error(fields, text)
  }

  /** Looks again at the due time at the latest. */
  #later({ id, dueAtMs }: Obligation): void {
    const { clock } = this.#desk
    const attempts = this.#retries.get(id)?.attempts ?? 0
    const pauseMs = Math.max(shortestPauseMs, backOff(attempts, longestPauseMs, this.#random()))
    const untilDueMs = dueAtMs - clock.now()
    this.#retries.set(id, { attempts: attempts + 1, at: clock.monotonic() + (untilDueMs > 0 ? Math.min(pauseMs, untilDueMs) : pauseMs) })
  }
}
