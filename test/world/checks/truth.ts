// What is so, by what hosts, GitLab and store wrote down themselves, and what each coordinator process was last told.
import { fleetStream } from '@pitstop/coordinator/ports'
import type { Happening } from '../history.ts'
import type { Evidence } from './timeline.ts'

export interface HostTruth {
  readonly node: string
  up: boolean
  serving: boolean
  servingSince: number
  /** Since when Gitaly is down, for whatever reason; null = it serves. */
  stoppedAt: number | null
  broken: boolean
  /** Since when it is anything but well; null = it is well. */
  unwellSince: number | null
  bootId: string | null
  /** The order that it is down for. */
  downFor: string | null
  highestEpoch: number
}

export interface Told { weights: { readonly asked: number, readonly at: number, readonly weights: Readonly<Record<string, number>> } | null, schedule: { readonly asked: number, readonly seq: number, readonly active: boolean } | null, /** Since when it knows that the assigner is active, or that a weight is above 0. */ readonly knows: Map<string, number>, clockSetAt: number }

/** A look is at most this old when it is acted upon. */
export const lookAgeMs = 10_000

function learn(knows: Map<string, number>, what: string, is: boolean, at: number): void {
  if (!is) knows.delete(what)
  else if (!knows.has(what)) knows.set(what, at)
}

export class Truth {
  weights: Readonly<Record<string, number>>
  assignerActive: boolean
  leaseEpoch = 0
  leaseHolder = ''
  /** The highest epoch under which anything was done; a lease may be taken and its holder die before. */
  #actedEpoch = 0
  /** As far as coordinators' wall clocks have been apart, or have jumped. */
  clocksOffMs = 0
  /** The coordinator reaches nobody. */
  cutOffSince: number | null = null
  /** When a write of pitstop's landed last. */
  landedAt = 0
  /** Keys that somebody else changed, and when last. */
  readonly foreign = new Map<string, number>()
  assignerTouchedAt: number | null = null
  /** Also those that are not in the plan. */
  readonly hosts = new Map<string, HostTruth>()
  readonly #told = new Map<string, Told>()

  constructor({ initialWeights, journal }: Evidence) {
    this.weights = initialWeights
    const opened = journal.find(({ event }) => event.type === 'window-opened')?.event
    this.assignerActive = opened?.type === 'window-opened' && opened.assignerActive === true
  }

  of(node: string): HostTruth {
    let host = this.hosts.get(node)
    if (host === undefined) this.hosts.set(node, host = { node, up: true, serving: true, servingSince: 0, stoppedAt: null, broken: false, unwellSince: null, bootId: null, downFor: null, highestEpoch: 0 })
    return host
  }

  told(by: string): Told {
    let told = this.#told.get(by)
    if (told === undefined) this.#told.set(by, told = { weights: null, schedule: null, knows: new Map(), clockSetAt: 0 })
    return told
  }

  enter(happening: Happening): void {
    const { at } = happening
    switch (happening.what) {
      case 'lease-taken':
        this.leaseEpoch = happening.epoch
        this.leaseHolder = happening.by
        return
      case 'weights-read': {
        const told = this.told(happening.by)
        if (told.weights?.weights !== happening.weights) for (const [storage, weight] of Object.entries(happening.weights)) learn(told.knows, storage, weight > 0, at)
        told.weights = { asked: happening.asked, at, weights: happening.weights }
        return
      }
      case 'schedule-read':
        learn(this.told(happening.by).knows, 'assigner', happening.active, at)
        this.told(happening.by).schedule = { asked: happening.asked, seq: happening.seq ?? 0, active: happening.active }
        return
      case 'coordinator-woke': {
        // It had no chance to act upon what it knew.
        const { knows } = this.told(happening.by)
        for (const what of knows.keys()) knows.set(what, at)
        return
      }
      case 'coordinator-clock':
        this.told(happening.by).clockSetAt = at
        this.clocksOffMs = Math.max(this.clocksOffMs, 2 * Math.abs(happening.offMs))
        return
      case 'weights-written':
        this.weights = happening.after
        if (happening.by === 'pitstop') this.landedAt = at
        else for (const storage of Object.keys(happening.after)) if (happening.after[storage] !== happening.before[storage]) this.foreign.set(storage, at)
        return
      case 'schedule-set':
        this.assignerActive = happening.active
        if (happening.by !== 'pitstop') this.assignerTouchedAt = at
        return
      case 'cut-off': this.cutOffSince = happening.cut ? at : null; return
      case 'order-sent': this.#actedEpoch = Math.max(this.#actedEpoch, happening.epoch); return
      case 'epoch-seen':
        this.#actedEpoch = Math.max(this.#actedEpoch, happening.epoch)
        this.of(happening.node).highestEpoch = happening.epoch
        return
      case 'store-put-back':
        this.leaseEpoch = Math.max(this.#actedEpoch, ...happening.lost.filter(({ stream }) => stream !== fleetStream).map(({ recorded }) => recorded.epoch))
        return
      case 'booted': this.#change(happening.node, at, { up: true, bootId: happening.bootId, broken: false }); return
      case 'gitaly-stopped': this.#change(happening.node, at, { serving: false, stoppedAt: this.of(happening.node).stoppedAt ?? at, downFor: happening.id, ...(happening.id === null ? {} : { up: false }) }); return
      case 'gitaly-serving': this.#change(happening.node, at, { serving: true, servingSince: at, stoppedAt: null, downFor: null }); return
      case 'gitaly-broken': this.#change(happening.node, at, { broken: true }); return
      case 'gitaly-mended': this.#change(happening.node, at, { broken: false }); return
      default:
    }
  }

  /** Gitaly of the node has been down for longer than the oldest look that may be acted upon: who says something else has not looked. */
  isKnownDown(node: string, at: number): boolean {
    const { stoppedAt } = this.of(node)
    return stoppedAt !== null && at - stoppedAt > lookAgeMs
  }

  #change(node: string, at: number, change: Partial<HostTruth>): void {
    const host = this.of(node)
    Object.assign(host, change)
    const well = host.up && host.serving && !host.broken
    if (well) host.unwellSince = null
    else host.unwellSince ??= at
  }
}
