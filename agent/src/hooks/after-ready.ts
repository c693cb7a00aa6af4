// The hooks of after-ready: once per boot that a reboot order of ours caused, when everything else is healthy for the first
// time, and before anybody hears that it is. What was begun is on disk first, so that no restart of the agent repeats it.
import { reason } from '@pitstop/shared/fault'
import { ObligationStore } from '../adapters/obligation-store.ts'
import type { OrderStore } from '../adapters/order-store.ts'
import { mayLive, startOf } from '../adapters/process-start.ts'
import { failed, readyAnswer, runAgain, withHooks } from '../domain/hook-evidence.ts'
import type { Judgement } from '../domain/health-verdict.ts'
import type { AcceptedOrder, OrderFiles, ReadyMark } from '../domain/order-record.ts'
import type { Host } from '../host.ts'
import type { Clock, Logger, RunCommand } from '../ports.ts'
import { runHooks } from './run-hooks.ts'

export class AfterReady {
  readonly #host: Host
  readonly #store: OrderStore
  readonly #promises: ObligationStore
  readonly #clock: Clock
  readonly #log: Logger
  readonly #ended: () => void
  readonly #run: RunCommand
  /** The order whose hooks this process runs. */
  #underWay = ''

  /**
   * @param ended is told when hooks have ended: the verdict may be another one now.
   * @param run a person's command line is outside of the service already.
   */
  constructor(host: Host, store: OrderStore, clock: Clock, log: Logger, ended: () => void, run: RunCommand = host.runOutside) {
    this.#run = run
    this.#host = host
    this.#store = store
    this.#promises = new ObligationStore(store.directory)
    this.#clock = clock
    this.#log = log
    this.#ended = ended
  }

  /** The verdict with the hooks' part in it; begins them when their moment has come. */
  judge(others: Judgement, files: OrderFiles | undefined, bootId: string): Judgement {
    if (files?.accepted === undefined) return others
    const mark = files.ready?.bootId === bootId ? files.ready : undefined
    if (readyAnswer(others, mark, this.#isAnswer(files, bootId)) === 'nothing') return withHooks(others, mark, this.#underWay === files.id || runsElsewhere(mark))
    return this.#begin(others, files.accepted, bootId)
  }

  /** Runs them, whatever the mark says. @returns what it says then. */
  async run(order: AcceptedOrder, bootId: string): Promise<ReadyMark> {
    const { hooks } = this.#host.hooks.read('after-ready')
    const mark = (state: ReadyMark['hooks'], ran: readonly string[], reasons: ReadyMark['reasons']): ReadyMark => {
      const made: ReadyMark = { bootId, atMs: this.#clock.now(), hooks: state, ran, reasons, ...state === 'running' ? { by: { pid: process.pid, started: startOf(process.pid) ?? '' } } : {} }
      this.#store.markReady(order.id, made)
      return made
    }
    mark('running', hooks.map(({ name }) => `after-ready/${name}`), [])
    const { ran, reasons } = await runHooks({
      run: this.#run, hooks: this.#host.hooks, promises: this.#promises, store: this.#store, settings: this.#host.settings.hooks, bootId, now: this.#clock.now
    }, hooks, order, () => Number.POSITIVE_INFINITY)
    return mark(reasons.length === 0 ? 'passed' : 'failed', ran, reasons.map((each) => each.code === 'HOOK_FAILED' ? { ...each, hint: runAgain } : each))
  }

  #isAnswer(files: OrderFiles, bootId: string): boolean {
    if (files.ready !== undefined || files.boots.length !== 1 || files.boots[0] !== bootId) return false
    const boot = this.#store.lastBoot()
    // Boots that were recorded by a release without hooks, or before one, have had their moment.
    return boot?.bootId === bootId && boot.orderId === files.id && boot.answers === true
  }

  #begin(others: Judgement, order: AcceptedOrder, bootId: string): Judgement {
    const { hooks, problems } = this.#host.hooks.read('after-ready')
    if (problems.length > 0) return failed(others, problems)
    if (hooks.length === 0 || this.#host.settings.mode === 'observe') {
      // Only promises wait for this mark; a full disk must not make a healthy host unhealthy.
      try { this.#store.markReady(order.id, { bootId, atMs: this.#clock.now(), hooks: 'passed', ran: [], reasons: [] }) } catch (error) {
        this.#log.error({ order: order.id, error: String(error) }, 'that the boot was healthy cannot be written down')
      }
      return others
    }
    this.#underWay = order.id
    const end = (fields: object): void => {
      this.#underWay = ''
      this.#log.info({ order: order.id, boot: bootId, ...fields }, 'hooks of after-ready ended')
      this.#ended()
    }
    this.run(order, bootId).then(
      ({ hooks: result, ran, reasons }) => end({ result, ran, reasons: reasons.map(({ text }) => text) }),
      (error: unknown) => end({ error: String(error) })
    )
    const mark = this.#store.read(order.id)?.ready
    return mark === undefined ? failed(others, [reason('HOOK_FAILED', 'the hooks of after-ready cannot be begun: the state directory cannot be written')]) : withHooks(others, mark, true)
  }
}

/** A person's command line, or an agent that is just being replaced. Not this process: it knows what it runs. */
const runsElsewhere = (mark: ReadyMark | undefined): boolean =>
  mark?.hooks === 'running' && mark.by !== undefined && mark.by.pid !== process.pid && mayLive(mark.by)
