// Is this the store that it was? A backup, a fail-over that lost the last commits and a fresh database all look like a
// store that simply knows less. Whoever knows more than the store proves it: this machine's memory, an agent, the server.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { Event } from './event.ts'
import type { FleetState, FoundObligation } from './fleet-state.ts'
import { type PromiseLine, foundId } from './break-glass-lines.ts'
import { type State, openObligations } from './state.ts'

/** What a coordinator's machine remembers of the store, in a file of its own. */
export interface StoreMemory { readonly incarnation: string, readonly epoch: number }

export interface StoreFacts {
  /** The store's present id, and its epoch before we take the lease. */
  readonly incarnation: string
  readonly epoch: number
  /** The server's own words for having been failed over or restored. */
  readonly moved: string | null
  readonly past: FleetState['past']
  /** Null: nothing is remembered here. */
  readonly memory: StoreMemory | null
  /** The highest epoch that an agent has seen, and whose it is; null = nobody was asked or answered. */
  readonly agents: { readonly node: string, readonly epoch: number } | null
}

const advice = 'compare journal, hosts and GitLab (pitstop obligations), then resume or abort the window'

/** Why the store is not what it was; none = nothing speaks against it. */
export function whyRestored({ incarnation, epoch, moved, past, memory, agents }: StoreFacts): Reason[] {
  const reasons: Reason[] = []
  const say = (text: string): void => { reasons.push(reason('STORE_RESTORED', text, advice)) }
  if (moved !== null) say(`the database was failed over or restored: ${moved}`)
  if (memory !== null && memory.incarnation !== incarnation && !past.has(memory.incarnation)) say(`this machine knew the store ${memory.incarnation.slice(0, 8)} with epoch ${memory.epoch}; this is ${incarnation.slice(0, 8)} with epoch ${epoch}`)
  else if (memory !== null && memory.epoch > epoch) say(`this machine has seen epoch ${memory.epoch}, the store knows ${epoch}`)
  if (agents !== null && agents.epoch > epoch) say(`${agents.node} has seen epoch ${agents.epoch}, the store knows ${epoch}`)
  return reasons
}

/** An order that an agent has and the restored journal has not. */
export interface StrangeOrder { readonly node: string, readonly step: string, readonly id: string, readonly status: string }

/** What GitLab says now; null = it could not be read, and then everything may be owed. */
export interface Present { readonly weights: Readonly<Record<string, number>>, readonly scheduleActive: boolean | null }

/**
 * What was promised and is in no journal any more: by the break-glass file, and by orders that nobody knows having given.
 * What GitLab shows as put back already is not owed.
 */
export function lostPromises(state: State | null, lines: readonly PromiseLine[], strange: readonly StrangeOrder[], from: string, present: Present | null): Omit<FoundObligation, 'foundAt'>[] {
  const isOwed = ({ kind, subject, previous }: Pick<PromiseLine, 'kind' | 'subject' | 'previous'>): boolean => {
    if (present === null) return true
    return kind === 'assigner' ? present.scheduleActive !== previous : (present.weights[subject] ?? 0) === 0 && previous !== 0
  }
  const open = new Set(state === null ? [] : openObligations(state).map(({ id }) => id))
  const told = lines.filter((line) => !open.has(line.id) && isOwed(line)).map((line) => ({ ...line, id: foundId(line.id), text: `stands unpaid in ${from} and not in the restored journal` }))
  const covered = new Set([...open, ...lines.map(({ id }) => id)])
  const byOrder = state === null ? [] : state.stored.plan.nodes.flatMap(({ node, storages }) => {
    const orders = strange.filter((order) => order.node === node && order.step !== 'stage')
    return orders.length === 0 ? [] : storages.flatMap((storage) => {
      const previous = state.window.weightsAtOpening[storage] ?? 0
      const id = `weight:${storage}`
      if (covered.has(id) || !isOwed({ kind: 'weight', subject: storage, previous })) return []
      return [{ id: foundId(id), kind: 'weight' as const, subject: storage, node, previous, text: `${node} has ${orders.map((order) => `${order.step} ${order.id} (${order.status})`).join(', ')}, of which the restored journal does not know; its weight was ${previous} at opening` }]
    })
  })
  return [...told, ...byOrder]
}

export const strangeReason = ({ node, step, id, status }: StrangeOrder): Reason =>
  reason('STORE_RESTORED', `${node} has ${step} ${id} (${status}), of which the restored journal does not know`, `look at ${node}: pitstop-agent status`)

/** A window of a store that knows less than the world does not roll on by itself: a person decides. */
export const pauseRestored = ({ window }: State, reasons: readonly Reason[]): Event[] =>
  (window.phase === 'rolling' || window.phase === 'opening') && window.pause === null && reasons.length > 0 ? [{ type: 'window-paused', by: 'pitstop', reasons }] : []
