// What went wrong in a run, by kind: how often it was drawn, and how often it really came to something. A fault that never
// fires proves nothing. What can be drawn stands in odds.ts; what can only come together by chance is read from the history.
import type { Happening } from '../world/history.ts'
import * as odds from './odds.ts'

type Named<Group extends string, Odds> = `${Group} ${Extract<keyof Odds, string>}`
export type Drawable = Named<'call', typeof odds.calls> | Named<'gitlab', typeof odds.gitlab> | Named<'store', typeof odds.store> | Named<'crash', typeof odds.crashes> |
  Named<'node', typeof odds.nodes> | Named<'moment', typeof odds.troubles> | Named<'person', typeof odds.operator> | Named<'alert', typeof odds.alerts>

const coincidences = [
  'a weight write lands after a take-over', 'a weight write lands on what somebody else wrote since the reading', 'the assigner is enabled by hand while a node is down',
  'clocks change in a window', 'an order of an overtaken coordinator takes its node down', 'an order of a lost journal takes its node down', 'a promise is lost with the store'
] as const
type Coincidence = (typeof coincidences)[number]

const named = (group: string, group_: object): string[] => Object.keys(group_).map((name) => `${group} ${name}`)

/** Everything that must fire somewhere. */
export const kinds: readonly string[] = [
  ...named('call', odds.calls), ...named('gitlab', odds.gitlab), ...named('store', odds.store), ...named('crash', odds.crashes), ...named('node', odds.nodes),
  ...named('moment', odds.troubles), ...named('person', odds.operator), ...named('alert', odds.alerts), ...coincidences
]

export type Counts = Record<string, { drawn: number, fired: number }>

export class Tally {
  readonly counts: Counts = {}

  drawn(kind: Drawable): void { this.#of(kind).drawn++ }
  fired(kind: Drawable): void { this.#of(kind).fired++ }

  /** Drawn just when it happens. */
  struck(kind: Drawable): void {
    this.drawn(kind)
    this.fired(kind)
  }

  /** What nobody draws. */
  read(happenings: readonly Happening[], clockChanges: readonly number[]): void {
    for (const kind of coincidencesOf(happenings, clockChanges)) {
      const counted = this.#of(kind)
      counted.drawn++
      counted.fired++
    }
  }

  #of(kind: string): { drawn: number, fired: number } { return this.counts[kind] ??= { drawn: 0, fired: 0 } }
}

export function addCounts(to: Counts, counts: Counts): void {
  for (const [kind, { drawn, fired }] of Object.entries(counts)) {
    const sum = to[kind] ??= { drawn: 0, fired: 0 }
    sum.drawn += drawn
    sum.fired += fired
  }
}

/** One line a kind, in their order; those that never fired cannot be overlooked. */
export const coverage = (counts: Counts): string[] =>
  kinds.map((kind) => `${kind}: drawn ${counts[kind]?.drawn ?? 0}, fired ${counts[kind]?.fired ?? 0}${(counts[kind]?.fired ?? 0) === 0 ? '  NEVER FIRED' : ''}`)

function* coincidencesOf(happenings: readonly Happening[], clockChanges: readonly number[]): Generator<Coincidence> {
  const stops = happenings.filter(({ what }) => what === 'gitaly-stopped')
  if (clockChanges.some((at) => stops.some((stop) => stop.at < at) && stops.some((stop) => stop.at > at))) yield 'clocks change in a window'
  const sent = new Map<number, { readonly epoch: number, readonly read: Readonly<Record<string, number>> }>()
  const readings = new Map<string, Readonly<Record<string, number>>>()
  const epochs = new Map<string, number>()
  const down = new Set<string>()
  const lost = new Set<string>()
  let epoch = 0
  for (const happening of happenings) {
    switch (happening.what) {
      case 'lease-taken': epoch = happening.epoch; break
      case 'weights-read': readings.set(happening.by, happening.weights); break
      case 'weights-sent': sent.set(happening.write, { epoch, read: readings.get(happening.by) ?? {} }); break
      case 'weights-written': {
        const write = happening.write === undefined ? undefined : sent.get(happening.write)
        if (write === undefined) break
        if (write.epoch < epoch) yield 'a weight write lands after a take-over'
        if (Object.keys(write.read).some((storage) => write.read[storage] !== happening.before[storage])) yield 'a weight write lands on what somebody else wrote since the reading'
        break
      }
      case 'schedule-set': if (happening.by !== 'pitstop' && happening.active && down.size > 0) yield 'the assigner is enabled by hand while a node is down'; break
      case 'order-accepted': epochs.set(happening.id, happening.epoch); break
      case 'gitaly-stopped':
        if (happening.id === null) break
        down.add(happening.node)
        if (lost.has(happening.id)) yield 'an order of a lost journal takes its node down'
        else if ((epochs.get(happening.id) ?? epoch) < epoch) yield 'an order of an overtaken coordinator takes its node down'
        break
      case 'gitaly-serving': down.delete(happening.node); break
      case 'store-put-back':
        for (const { recorded } of happening.lost) {
          const event = recorded.event as { readonly type: string, readonly facts?: { readonly orderId?: string } }
          if (event.type === 'step-intended' && event.facts?.orderId !== undefined) lost.add(event.facts.orderId)
          if (event.type === 'obligation-opened') yield 'a promise is lost with the store'
        }
        break
      default:
    }
  }
}
