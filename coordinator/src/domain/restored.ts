// Is this the store that it was? A backup, a fail-over that lost the last commits and a fresh database all look like a
// store that simply knows less. Whoever knows more than the store proves it: this machine's memory, an agent, the server.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { Event } from './event.ts'
import type { FleetState } from './fleet-state.ts'
import type { State } from './state.ts'

/** What a coordinator's machine remembers of the store, in a file of its own. */
export interface StoreMemory {
  readonly incarnation: string
  readonly epoch: number
  /** The newest row that it journaled or saw; 0 = not known. A copy made under the present epoch is told by this alone. */
  readonly seq: number
}

export interface StoreFacts {
  /** The store's present id, and its epoch before we take the lease. */
  readonly incarnation: string
  readonly epoch: number
  /** Its newest row. */
  readonly seq: number
  /** The server's own words for having been failed over or restored. */
  readonly moved: string | null
  readonly past: FleetState['past']
  /** Null: nothing is remembered here. */
  readonly memory: StoreMemory | null
  /** What this process has seen itself, of each store that it met under this address. */
  readonly watched: readonly StoreMemory[]
  /** The highest epoch that an agent has seen, and whose it is; null = nobody was asked or answered. */
  readonly agents: { readonly node: string, readonly epoch: number } | null
  /** An intent is journaled before its order leaves: each is a proof. */
  readonly strange: readonly StrangeOrder[]
}

export const gitlabNotRead: Reason = reason('STORE_RESTORED', 'GitLab could not be read: whether a weight is 0 without a reason in the journal is told when the window is resumed or aborted', 'compare GitLab with pitstop obligations; then resume or abort the window')

export const restoredAdvice = 'compare journal, hosts and GitLab (pitstop obligations), then resume or abort the window'

/** Why the store is not what it was; none = nothing speaks against it. */
export function whyRestored({ incarnation, epoch, seq, moved, past, memory, watched, agents, strange }: StoreFacts): Reason[] {
  const reasons: Reason[] = []
  const say = (text: string): void => { reasons.push(reason('STORE_RESTORED', text, restoredAdvice)) }
  if (moved !== null) say(`the database was failed over or restored: ${moved}`)
  for (const known of furthest(memory === null ? watched : [memory, ...watched])) {
    if (known.incarnation !== incarnation && !past.has(known.incarnation)) say(`this machine knew the store ${known.incarnation.slice(0, 8)} with epoch ${known.epoch}; this is ${incarnation.slice(0, 8)} with epoch ${epoch}`)
    else if (known.epoch > epoch) say(`this machine has seen epoch ${known.epoch}, the store knows ${epoch}`)
    else if (known.incarnation === incarnation && known.seq > seq) say(`this machine has seen entry ${known.seq} of the journal, the store ends with ${seq}`)
  }
  if (agents !== null && agents.epoch > epoch) say(`${agents.node} has seen epoch ${agents.epoch}, the store knows ${epoch}`)
  return [...reasons, ...strange.filter(({ plan }) => plan === undefined).map(strangeReason), ...strangePlans(strange)]
}

/** Of each store what is known last: by epoch, and within one by its newest row. */
function furthest(memories: readonly StoreMemory[]): readonly StoreMemory[] {
  // A standby asks twice a second, about one.
  if (memories.length < 2) return memories
  const found = new Map<string, StoreMemory>()
  for (const each of memories) {
    const other = found.get(each.incarnation)
    if (other === undefined || each.epoch > other.epoch || (each.epoch === other.epoch && each.seq > other.seq)) found.set(each.incarnation, each)
  }
  return [...found.values()]
}

/** The same thing is often known to several, and told once. */
export const distinct = (reasons: readonly Reason[]): Reason[] => reasons.filter(({ text }, index) => reasons.findIndex((each) => each.text === text) === index)

/** Agents may have seen so many take-overs of which a restored store knows nothing, and no more: one a minute for two years. */
const takeOversAhead = 1_000_000

/** What no coordinator can have told an agent is a fault of that agent, or a lie; taken for the truth it would be the end of the store. */
export const isPlausibleEpoch = (epoch: number, known: number): boolean =>
  Number.isSafeInteger(epoch) && epoch >= 0 && epoch <= Number.MAX_SAFE_INTEGER / 2 && epoch <= known + takeOversAhead

/** Of this machine's own memory: damaged, and as good as none. @param beside the file that it lies beside. */
export const implausibleMemory = (beside: string, { epoch }: StoreMemory, known: number): Reason => reason('STORE_RESTORED',
  `store-memory.json beside ${beside} says that this machine has seen epoch ${epoch}, and the store is at ${known}: no coordinator can have had it, so it is not believed and made anew`,
  'look at the disk of this machine; whether the store was restored is known by the agents alone this once')

export const implausibleEpoch = (node: string, epoch: number, known: number): Reason => reason('AGENT_ANSWER_INVALID',
  `${node} says that it has seen epoch ${epoch}${known > 0 ? `, and the fleet is at ${known}` : ''}: no coordinator can have told it that, so it is not believed`,
  `on ${node}: look at pitstop-agent status; find out who wrote it, then stop pitstop-agent, move /var/lib/pitstop-agent/epoch.json aside and start it`)

/** An order that an agent has and the restored journal has not. */
export interface StrangeOrder {
  readonly node: string
  readonly step: string
  readonly id: string
  readonly status: string
  /** Hash of its plan, where the store does not hold even that; then other orders of it are not known here. */
  readonly plan?: string
  /** Of its node, where no plan says it. */
  readonly storages?: readonly string[]
}

/** One reason for each plan: its orders are on every host of it. */
function strangePlans(strange: readonly StrangeOrder[]): Reason[] {
  return [...Map.groupBy(strange.filter(({ plan }) => plan !== undefined), ({ plan = '' }) => plan)].flatMap(([plan, orders]) => {
    const [first] = orders
    if (first === undefined) return []
    const others = orders.length === 1 ? '' : ` (and ${orders.length - 1} more hosts)`
    return [reason('STORE_RESTORED', `${first.node} has ${first.step} ${first.id} of plan ${plan.slice(0, 12)}${others}, and the store does not hold that plan`, `look at ${first.node}: pitstop-agent status`)]
  })
}

const strangeReason = ({ node, step, id, status }: StrangeOrder): Reason =>
  reason('STORE_RESTORED', `${node} has ${step} ${id} (${status}), of which the restored journal does not know`, `look at ${node}: pitstop-agent status`)

/**
 * A window of a store that knows less than the world neither rolls on nor ends by itself: a person decides, and knows why, also if it was
 * paused before. Said again at every restore, also while it waits for that person: what was seen since the one before is doubted again.
 */
export function pauseRestored(state: State, reasons: readonly Reason[]): Event[] {
  const { phase, pause } = state.window
  if (phase === 'none' || phase === 'closed') return []
  return reasons.length > 0 ? [{ type: 'window-paused', by: 'pitstop', reasons: distinct([...reasons, ...pause?.reasons ?? []]) }] : []
}
