// One decision in the making: collects what the steps say, and why. Lives for one call of decide().
import { reason, type Reason } from '@pitstop/shared/fault'
import { type Effect, type WeightChange, effectKey } from '../domain/effect.ts'
import type { Event } from '../domain/event.ts'
import { closedGates } from '../domain/gates.ts'
import type { Observed } from '../domain/observed.ts'
import type { Report } from '../domain/report.ts'
import type { NodeState, State } from '../domain/state.ts'
import { pastTheHalt } from './point-of-no-return.ts'
import type { Next } from './step.ts'

export interface Decision {
  /** Journal these first and decide again; then `effects` is empty. */
  readonly record: readonly Event[]
  readonly effects: readonly Effect[]
  /** Epoch ms; null = only an event or an answer changes anything. */
  readonly wakeAt: number | null
  readonly report: Report
}

const changesGates: ReadonlySet<Event['type']> = new Set(['window-halted', 'window-paused', 'node-failed', 'node-overdue', 'node-healthy'])
const begins: ReadonlySet<Event['type']> = new Set(['node-admitted', 'slot-taken'])

/** Gates and slots were judged before: who would begin beside an event that may change them is decided upon again, with that known. */
const withoutBeginnings = (events: readonly Event[]): readonly Event[] =>
  events.some(({ type }) => changesGates.has(type)) ? events.filter(({ type }) => !begins.has(type)) : events

/** Whoever wants to be woken in the past is looked at again after so long. */
const againMs = 1000

/** What a freeze stops. Looking goes on, and taking back a reboot is always allowed. */
const mutating: ReadonlySet<Effect['kind']> = new Set(['order', 'write-weights', 'set-schedule', 'cancel-pipeline'])

export class Draft {
  readonly state: State
  readonly observed: Observed
  readonly now: number
  /** Why no further node may begin; empty = open. */
  readonly gates: readonly Reason[]
  /** A node that failed is to be drained anew, and nothing is known to speak against it: the window does not end before. */
  awaitsDrain = false
  readonly #events: Event[] = []
  readonly #effects = new Map<string, Effect>()
  readonly #changes: WeightChange[] = []
  readonly #why = new Map<string, readonly Reason[]>()
  #whyWaiting: readonly Reason[] | null = null
  readonly #windowWhy: Reason[] = []
  #wakeAt: number | null = null

  constructor(state: State, observed: Observed, now: number) {
    this.state = state
    this.observed = observed
    this.now = now
    this.gates = closedGates(state, observed, now)
  }

  /** A node that a person asked for by name goes through the halt that it caused itself, and through nothing else. */
  gatesFor(self: NodeState): readonly Reason[] {
    return self.askedFor ? closedGates(pastTheHalt(this.state), this.observed, this.now) : this.gates
  }

  record(...events: readonly Event[]): void { this.#events.push(...events) }

  /** How many events of a type this decision holds already. */
  count(type: Event['type']): number { return this.#events.filter((event) => event.type === type).length }

  change(...changes: readonly WeightChange[]): void { this.#changes.push(...changes) }

  /** Why a node, or the window itself, is not further along. */
  because(self: NodeState | null, reasons: readonly Reason[]): void {
    if (self === null) this.#windowWhy.push(...reasons)
    else this.#why.set(self.node, reasons)
  }

  /** Why nodes that have not begun wait, unless something else was said of one. */
  becauseAllWait(reasons: readonly Reason[]): void { this.#whyWaiting = reasons }

  wake(at: number): void {
    // An instant that is over was decided upon just now; to wake for it again and again would keep a processor busy.
    const next = at > this.now ? at : this.now + againMs
    this.#wakeAt = this.#wakeAt === null ? next : Math.min(this.#wakeAt, next)
  }

  halt(reasons: readonly Reason[]): void {
    const { window } = this.state
    if (window.halt === null && window.phase === 'rolling' && this.count('window-halted') === 0) this.record({ type: 'window-halted', reasons })
  }

  /** @param self null: what is said concerns the window itself. */
  take(next: Next, self: NodeState | null): void {
    switch (next.kind) {
      case 'done': return
      case 'record': this.record(...next.events); return
      case 'do':
        this.because(self, next.because ?? [reason('WAITING', `${next.effect.kind.replaceAll('-', ' ')} is under way`)])
        if (next.effect.kind === 'write-weights') this.change(...next.effect.changes)
        else this.#add(next.effect)
        return
      case 'wait':
        this.because(self, next.reasons)
        if (next.wakeAt !== undefined) this.wake(next.wakeAt)
        return
      default: next satisfies never
    }
  }

  /** In place of what has its key already. */
  takeInstead(next: Next): void {
    if (next.kind !== 'do') return
    this.#effects.delete(effectKey(next.effect))
    this.take(next, null)
  }

  decision(): Decision {
    const { frozen } = this.observed
    if (frozen !== null) this.#windowWhy.push(reason('FROZEN', `frozen by ${frozen.by}: ${frozen.reason}`))
    // All weights that are to change change in one write.
    if (this.#changes.length > 0) this.#add({ kind: 'write-weights', changes: this.#changes })
    const report = { gates: this.gates, nodes: this.#why, waiting: this.#whyWaiting, window: this.#windowWhy }
    if (this.#events.length > 0) return { record: withoutBeginnings(this.#events), effects: [], wakeAt: this.now, report }
    const effects = [...this.#effects.values()].filter(({ kind }) => frozen === null || !mutating.has(kind))
    return { record: [], effects, wakeAt: this.#wakeAt, report }
  }

  #add(effect: Effect): void {
    const key = effectKey(effect)
    if (!this.observed.inFlight.has(key) && !this.#effects.has(key)) this.#effects.set(key, effect)
  }
}
