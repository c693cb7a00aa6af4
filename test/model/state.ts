// The world of the model: one store, two coordinators, one host with its agent, and whatever is under way between them.
// Small on purpose; a tick is half of what clocks may differ. What is written in `wrong` was seen to break a rule when it happened.
import type { Bounds } from './coordinator-steps.ts'

/** `expiresAt` by the store's clock. */
export interface LeaseRow { readonly holder: number, readonly epoch: number, readonly expiresAt: number }

export interface Entry {
  readonly epoch: number
  /** never: "it was not begun" is settled. failed: begun, and the host stayed up. retried: a person asked for another. */
  readonly kind: 'intended' | 'never' | 'done' | 'failed' | 'retried'
  readonly id: string
  readonly attempt: number
  readonly boot: number
  readonly notBefore: number
  readonly notAfter: number
}

export interface Coordinator {
  /** checked: the epoch was compared, the row is not written yet (only without the lock). renewing: done, and not heard yet. */
  readonly at: 'down' | 'acting' | 'renewing' | 'sending' | 'calling' | 'checked'
  readonly epoch: number
  readonly deadline: number
  /** When the renewal under way was sent. */
  readonly sentAt: number
  readonly askedAt: number
  /** Number of its latest call; an answer to another one is not heard. */
  readonly call: number
  readonly entry: Entry | null
  /** A standby: since when the lease's row is as it sees it; null = it has not looked since the row changed. */
  readonly since: number | null
}

export type Message = { readonly from: number, readonly call: number, readonly epoch: number, readonly id: string } & (
  | { readonly kind: 'order', readonly attempt: number, readonly boot: number, readonly notBefore: number, readonly notAfter: number }
  | { readonly kind: 'describe' }
)

export interface Reply {
  readonly to: number
  readonly call: number
  readonly about: 'order' | 'describe'
  readonly status: string
  /** Gitaly's stop was reached. */
  readonly stopped: boolean
}

export interface HostOrder {
  readonly id: string
  readonly attempt: number
  /** Boot under which it was accepted; it ends this one. */
  readonly boot: number
  readonly grant: { readonly epoch: number, readonly notBefore: number, readonly notAfter: number }
  readonly decision: '' | 'begun' | 'cancelled'
  readonly outcome: '' | 'succeeded' | 'failed' | 'vetoed'
  /** The order's process: cleared = it found nothing against it, begun = that is on disk, going = Gitaly is being stopped. */
  readonly unit: 'none' | 'waiting' | 'cleared' | 'begun' | 'going'
  readonly stopped: boolean
  /** Highest epoch in an answer before "begun" was on disk. */
  readonly acknowledgedBefore: number
}

export interface Host {
  readonly boot: number
  /** On disk. */
  readonly epoch: number
  readonly orders: readonly HostOrder[]
  /** Received and not yet worked off; lost when the agent ends. */
  readonly work: readonly Message[]
  /** Epoch that is told and not yet on disk (only without "persist before you answer"). */
  readonly unsaved: number
  readonly crashes: number
  readonly refusals: number
}

export interface World {
  readonly now: number
  /** The host's clock minus everybody else's. */
  readonly skew: number
  /** What the store's clock is behind everybody else's; less than 0: ahead of them. */
  readonly storeBehind: number
  readonly lease: LeaseRow
  readonly journal: readonly Entry[]
  readonly coordinators: readonly [Coordinator, Coordinator]
  readonly net: readonly Message[]
  readonly replies: readonly Reply[]
  readonly host: Host
  /** How often something went wrong so far, of what is bounded. */
  readonly duplicates: number
  readonly calls: number
  readonly crashes: number
  readonly renewals: number
  /** For the rules alone: nobody in the model reads these. */
  readonly acknowledged: number
  /** By order id: highest epoch under which the agent said that it was not begun. */
  readonly denied: Readonly<Record<string, number>>
  /** By attempt. */
  readonly reboots: readonly number[]
  readonly wrong: string
}

export const ttl = 3
/** The store's clock goes back by this much: farther than anybody waits. */
export const farBack = 1000
export const idle: Coordinator = { at: 'down', epoch: 0, deadline: 0, sentAt: 0, askedAt: 0, call: 0, entry: null, since: null }

/** The first coordinator acts already. @param skew ticks that the host's clock is ahead. */
export const beginning = (skew: number): World => ({
  now: 0, skew, storeBehind: 0, lease: { holder: 0, epoch: 1, expiresAt: ttl }, journal: [],
  coordinators: [{ ...idle, at: 'acting', epoch: 1, deadline: ttl }, idle], net: [], replies: [],
  host: { boot: 1, epoch: 0, orders: [], work: [], unsaved: 0, crashes: 0, refusals: 0 },
  duplicates: 0, calls: 0, crashes: 0, renewals: 0, acknowledged: 0, denied: {}, reboots: [0, 0, 0], wrong: ''
})

/** The second coordinator has settled the first one's order as never begun, while it is still on its way; a person asked for another. */
export function retried(id: string): World {
  const world = beginning(0)
  const intended: Entry = { epoch: 1, kind: 'intended', id, attempt: 1, boot: 1, notBefore: 2, notAfter: 4 }
  const order: Message = { kind: 'order', from: 0, call: 1, epoch: 1, id, attempt: 1, boot: 1, notBefore: 2, notAfter: 4 }
  return {
    ...world, now: 3, lease: { holder: 1, epoch: 2, expiresAt: 3 + ttl }, net: [order], calls: 2, acknowledged: 2, denied: { [id]: 2 },
    coordinators: [{ ...idle, at: 'acting', epoch: 1, deadline: ttl }, { ...idle, at: 'acting', epoch: 2, deadline: 3 + ttl }],
    host: { ...world.host, epoch: 2 }, journal: [intended, { ...intended, epoch: 2, kind: 'never' }, { ...intended, epoch: 2, kind: 'retried', attempt: 2 }]
  }
}

/** The second coordinator has just taken over; the first one's order is on its way, with the id that it was `sent` under. */
export function overtaken(id: string, sent = id): World {
  const world = retried(id)
  return { ...world, net: world.net.map((each) => ({ ...each, id: sent })), calls: 1, acknowledged: 0, denied: {}, host: { ...world.host, epoch: 0 }, journal: world.journal.slice(0, 1) }
}

export const isAwaited = ({ coordinators }: World, { from, call }: Message): boolean => {
  const sender = coordinators[from as 0 | 1]
  return sender.at === 'calling' && sender.call === call
}

/** Far enough away that nothing compares it any more. */
const near = (tick: number, now: number): number => Math.max(-5, tick - now)
const away = (tick: number, now: number): number => Math.max(0, tick - now)

/** What can still be read of the journal: only an intent that stands last is ever sent, settled or compared with a clock. */
const told = ({ kind, epoch, id, attempt, boot, notBefore, notAfter }: Entry, isLast: boolean, now: number): string =>
  `${kind.slice(0, 2)}${epoch}${attempt}${isLast && kind === 'intended' ? `${id}${boot}${near(notBefore, now)}${near(notAfter, now)}` : ''}`

/** Once an order is decided nobody reads its times any more: what becomes of it hangs on its unit and on epochs alone. */
const kept = ({ id, attempt, boot, grant, decision, outcome, unit, stopped, acknowledgedBefore }: HostOrder, now: number): string =>
  `${id}${attempt}${boot}.${grant.epoch}.${decision === '' && outcome === '' ? `${near(grant.notBefore, now)}.${near(grant.notAfter, now)}` : ''}${decision}${outcome}${unit}${Number(stopped)}${acknowledgedBefore}`

/**
 * Two worlds with one key go on alike: instants count from now, what is under way has no order of its own, and what nobody
 * will read any more is left out. So time may pass without end and there is still an end of states.
 */
export function keyOf(world: World, { calls, epochs }: Pick<Bounds, 'calls' | 'epochs'>): string {
  const { lease, host, now, journal } = world
  const message = (each: Message): string => `${each.kind === 'order' ? `o${each.attempt}${each.boot}${near(each.notBefore, now)}${near(each.notAfter, now)}` : 'd'}${isAwaited(world, each) ? each.from : '-'}.${each.epoch}.${each.id}`
  // A deadline is read before an order is sent and never else; and when the lease ends only whoever may still take it asks.
  const deadline = (each: Coordinator): number | string => each.at === 'down' || world.calls >= calls ? '' : away(each.deadline, now)
  const parts = [
    world.skew, world.storeBehind, lease.epoch, lease.epoch >= epochs ? '' : Math.min(ttl + 1, away(lease.expiresAt, now - world.storeBehind)), world.duplicates, world.calls, world.crashes, world.renewals, world.acknowledged, world.reboots.join(), world.wrong,
    journal.map((each, index) => told(each, index === journal.length - 1, now)).join(),
    world.coordinators.map((each) => `${each.at}${each.epoch}.${deadline(each)}.${each.at === 'renewing' ? near(each.sentAt, now) : ''}.${each.at === 'calling' ? near(each.askedAt, now) : ''}.${each.entry === null ? '' : `${each.entry.kind}${each.entry.attempt}`}${each.since === null ? '' : `w${Math.max(-ttl - 1, each.since - now)}`}`).join(),
    world.net.map(message).sort().join(), world.replies.map((each) => `${each.to}${each.about}${each.status}${Number(each.stopped)}`).sort().join(),
    host.boot, host.epoch, host.unsaved, host.crashes, host.refusals, host.work.map(message).sort().join(),
    host.orders.map((each) => kept(each, now)).join(),
    Object.entries(world.denied).map(([id, epoch]) => `${id}${epoch}`).join()
  ]
  return parts.join('|')
}
