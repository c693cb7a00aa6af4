// What was promised and stands in no journal any more, once a store was found restored: told by whoever still knows, the
// break-glass file, the agents' orders and GitLab. Pure; a person settles each.
import type { Event } from './event.ts'
import type { FleetState, FoundObligation } from './fleet-state.ts'
import { type PromiseLine, foundId, idOfFound, isUnknownWeight, unknownWeight, wordedPrevious } from './break-glass-lines.ts'
import { planNodeOf } from './plan.ts'
import type { StrangeOrder } from './restored.ts'
import { type Obligation, type State, assignerObligation, openObligations } from './state.ts'

export interface LostFacts {
  /** Of the open window's plan. */
  readonly state: State | null
  /** Of the break-glass file, for which the journal does not account. */
  readonly lines: readonly PromiseLine[]
  /** Where the file does not say from which entry it was written: the plan that it is about, its window open or closed. Else null: what the journal calls settled was an earlier promise. */
  readonly known: State | null
  readonly strange: readonly StrangeOrder[]
  /** Those about which agents were asked: they say which storages are a node's, and perhaps what its weight was. */
  readonly plans?: readonly State[]
  /** Those that are told already, by the same ids. */
  readonly found?: FleetState['found']
  /** Where the lines stand. */
  readonly from: string
  readonly present: Present | null
}

/** What GitLab says now; null = it could not be read, and then everything may be owed. */
export interface Present { readonly weights: Readonly<Record<string, number>>, readonly scheduleActive: boolean | null }

/**
 * What was promised and is in no journal any more: by the break-glass file, by orders that nobody knows having given, of whichever
 * plan, and by weights of the open window that are 0 for no reason that the journal has. A promise of which the journal knows nothing is
 * told even if GitLab shows the old value: the write that was promised may be under way. One that it may know to be settled is told
 * only if GitLab shows otherwise. Where the file and the journal do not agree on what was before, both are told: see `disputed`.
 */
export function lostPromises({ state, lines, known, strange, plans = [], found = new Map(), from, present }: LostFacts): Omit<FoundObligation, 'foundAt'>[] {
  const isOwed = ({ kind, subject, previous }: Pick<PromiseLine, 'kind' | 'subject' | 'previous'>): boolean => {
    if (present === null) return true
    return kind === 'assigner' ? present.scheduleActive !== previous : (present.weights[subject] ?? 0) === 0 && previous !== 0
  }
  const open = new Map(state === null ? [] : openObligations(state).map((each) => [each.id, each]))
  const settledAs = ({ id }: PromiseLine): Obligation | undefined => known?.obligations.get(id)
  const isKnown = (line: PromiseLine): boolean => [open.get(line.id), found.get(foundId(line.id))].some((each) => each !== undefined && (isUnknownWeight(line) || each.previous === line.previous))
  const told = lines.filter((line) => !isKnown(line) && (open.has(line.id) || isOwed(line) || settledAs(line) === undefined))
    .map((line) => {
      const settled = settledAs(line)
      const other = open.get(line.id) ?? found.get(foundId(line.id))
      const journal = settled === undefined ? 'not in the restored journal' : `the journal calls it ${settled.status}${settled.settledBy === null ? '' : ` by ${settled.settledBy}`}`
      if (other !== undefined) return { ...line, id: foundId(line.id), text: `stands unpaid in ${from} with ${wordedPrevious(line)}, and the restored journal has ${wordedPrevious(other)}: pitstop writes neither` }
      return { ...line, id: foundId(line.id), text: `stands unpaid in ${from} and ${journal}${isOwed(line) ? '' : '; GitLab shows it as it was, unless a write of that time is still under way'}` }
    })
  const covered = new Set([...open.keys(), ...[...found.keys()].map(idOfFound), ...lines.map(({ id }) => id)])
  const unexplained = state === null ? [] : state.stored.plan.nodes.flatMap(({ node, storages }) => {
    const orders = strange.filter((order) => order.node === node && order.step !== 'stage')
    const why = orders.length > 0 ? strangeOrders(node, orders)
      : present === null ? null : `GitLab shows it at 0, and the restored journal does not say why`
    return why === null ? [] : storages.flatMap((storage) => {
      const previous = state.window.weightsAtOpening[storage] ?? 0
      const id = `weight:${storage}`
      if (covered.has(id) || !isOwed({ kind: 'weight', subject: storage, previous })) return []
      // A person took it over, or somebody else set it: the journal does say why.
      const ended = state.obligations.get(id)?.status
      if (orders.length === 0 && (ended === 'void' || ended === 'superseded')) return []
      return [{ id: foundId(id), kind: 'weight' as const, subject: storage, node, previous, text: `${why}; its weight was ${previous} at opening` }]
    })
  })
  // Of a window that the store has lost with its opening: an order tells that the weight had gone before, once prepared for it.
  const hosts = new Set(state === null ? [] : state.stored.plan.nodes.map(({ node }) => node))
  const elsewhere = [...Map.groupBy(strange.filter(({ node, step }) => !hosts.has(node) && (present !== null || step !== 'stage')), ({ node }) => node)].flatMap(([node, orders]) =>
    [...new Set([...plans.flatMap(({ stored }) => planNodeOf(stored.plan, node)?.storages ?? []), ...orders.flatMap(({ storages = [] }) => storages)])].flatMap((storage) => {
      const { previous, text } = lastKnown(plans, storage, orders)
      const id = `weight:${storage}`
      if (covered.has(id) || !isOwed({ kind: 'weight', subject: storage, previous })) return []
      return [{ id: foundId(id), kind: 'weight' as const, subject: storage, node, previous, text: `${strangeOrders(node, orders)}; ${text}` }]
    }))
  // Without a window in the journal nobody knows whether the lost one had switched it off, or found it so.
  const assigner = state !== null || strange.length === 0 || covered.has(assignerObligation) || present?.scheduleActive !== false ? []
    : [{ id: foundId(assignerObligation), kind: 'assigner' as const, subject: 'weight assigner', node: null, previous: true, text: 'it is off, and a window of which the restored journal does not know may have switched it off' }]
  return [...told, ...unexplained, ...elsewhere, ...assigner]
}

const strangeOrders = (node: string, orders: readonly StrangeOrder[]): string =>
  `${node} has ${orders.map(({ step, id, status }) => `${step} ${id} (${status})`).join(', ')}, of which the restored journal does not know`

/** At the opening of the newest window that the store knows of. */
function lastKnown(plans: readonly State[], storage: string, orders: readonly StrangeOrder[]): { readonly previous: number | typeof unknownWeight, readonly text: string } {
  const [newest] = plans.filter(({ window }) => window.weightsAtOpening[storage] !== undefined).toSorted((a, b) => b.window.openedSeq - a.window.openedSeq)
  const previous = newest?.window.weightsAtOpening[storage]
  if (newest === undefined || previous === undefined) return { previous: unknownWeight, text: 'what its weight was, no journal says any more: a person decides it' }
  const when = `when window ${newest.window.number} of plan ${newest.stored.hash.slice(0, 12)} was opened`
  // That may be weeks ago. What was upgraded or rebooted since was drained before it.
  if (previous === 0 && orders.some(({ step }) => step !== 'stage')) return { previous: unknownWeight, text: `its weight was 0 ${when}, unless it was raised since: a person decides it` }
  return { previous, text: `its weight was ${previous} ${when}` }
}

/**
 * Open in the restored journal with another previous value than the file has: which one is right, nobody knows here. A person is told of
 * both by `lostPromises` and puts it back; the journal's own is not paid.
 */
export const disputed = (state: State, lines: readonly PromiseLine[], from: string): Event[] => openObligations(state).flatMap(({ id, kind, previous }): Event[] => {
  const line = lines.find((each) => each.id === id)
  if (line === undefined || line.previous === previous || isUnknownWeight(line)) return []
  const text = `the restored journal says that it was ${wordedPrevious({ kind, previous })}, ${from} that it was ${wordedPrevious(line)}: a person puts it back and settles ${foundId(id)}`
  return [{ type: 'obligation-settled', id, how: 'superseded', by: 'pitstop', text }]
})
