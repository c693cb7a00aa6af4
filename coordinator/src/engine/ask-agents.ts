// What the agents know of a store's past: the highest epoch they have seen and the orders they keep. Asked without a claim
// of our own (epoch 0), so that nothing changes anywhere. Agents that do not answer in time say nothing now: whoever has seen
// a newer epoch refuses ours later, at whatever it is asked.
import { type Reason, asFault } from '@pitstop/shared/fault'
import { mostOrdersAsked, orderId } from '@pitstop/shared/order-id'
import type { Inventory } from '../adapters/inventory/port.ts'
import type { HostView } from '../domain/observed.ts'
import type { PlanNode } from '../domain/plan.ts'
import { type StrangeOrder, distinct, implausibleEpoch, isPlausibleEpoch } from '../domain/restored.ts'
import type { State } from '../domain/state.ts'
import type { Agents, Clock } from '../ports.ts'

export interface AgentsMemory {
  readonly highest: { readonly node: string, readonly epoch: number } | null
  /** Orders of the plans asked about that their journal does not know. */
  readonly strange: readonly StrangeOrder[]
  /** Answers that are not taken for the truth, and refusals to give one. */
  readonly disbelieved: readonly Reason[]
}

interface AskedParts { readonly agents: Agents, readonly inventory: Inventory, readonly clock: Clock }

/** What the store knows: whatever agents know beyond it is told. */
export interface KnownByStore {
  readonly epoch: number
  /** Plans of which agents may have orders, the most likely first. */
  readonly plans: readonly State[]
  /** Orders whose intent is journaled, and such as were told when they were found. */
  readonly orders: ReadonlySet<string>
  /** Does the store hold the plan with this hash? */
  readonly holdsPlan: (hash: string) => Promise<boolean>
}

/** Nobody acts meanwhile, and a host that is just rebooting needs longer than anybody may wait. */
const patienceMs = 2000
const steps = ['stage', 'upgrade', 'reboot'] as const
/** Attempts beyond the journal's that are asked for: a person raises them one at a time. */
const attemptsAhead = 2

export async function askAgents(parts: AskedParts, { epoch, plans, orders, holdsPlan }: KnownByStore): Promise<AgentsMemory> {
  const heard: { readonly node: string, readonly epoch: number }[] = []
  const strange: StrangeOrder[] = []
  const disbelieved: Reason[] = []
  await withEach(parts, plans, async (node) => {
    const asked = unknownOrders(plans, node.node, orders)
    let latest: HostView['latestOrder'] = null
    try {
      for (const ids of inParts([...asked.keys()])) {
        const answer = await parts.agents.describe(node, 0, ids)
        latest = answer.latestOrder
        if (isPlausibleEpoch(answer.highestEpoch, epoch)) heard.push({ node: node.node, epoch: answer.highestEpoch })
        else disbelieved.push(implausibleEpoch(node.node, answer.highestEpoch, epoch))
        for (const { id, status } of answer.orders) {
          const step = asked.get(id)
          if (step !== undefined && status !== 'absent') strange.push({ node: node.node, step, id, status })
        }
      }
      if (latest !== null && !orders.has(latest.id) && isPlanHash(latest.plan) && !await holdsPlan(latest.plan)) {
        strange.push({ node: node.node, step: latest.step, id: latest.id, status: 'taken in', plan: latest.plan, storages: node.storages })
      }
    } catch (error) {
      const fault = asFault(error)
      // Silence says nothing; whoever refuses may know what nobody else does.
      if (fault.code !== 'AGENT_UNREACHABLE') disbelieved.push(fault.toReason())
    }
  })
  // In a fixed order, whoever was faster: what is told twice is told in the same words.
  const highest = heard.toSorted((a, b) => b.epoch - a.epoch || a.node.localeCompare(b.node))[0]
  return { highest: highest === undefined || highest.epoch === 0 ? null : highest, strange: strange.toSorted((a, b) => a.node.localeCompare(b.node) || steps.findIndex((each) => each === a.step) - steps.findIndex((each) => each === b.step)), disbelieved: distinct(disbelieved) }
}

/** From here on no agent that hears it begins what an older epoch had ordered: a restored journal may not know of it. */
export async function tellAgents(parts: AskedParts, state: State | null, epoch: number): Promise<void> {
  // Whoever refuses has seen a newer epoch, and says so again when the engine looks; whoever is silent hears it then.
  await withEach(parts, state === null ? [] : [state], (node) => parts.agents.describe(node, epoch, []).then(() => undefined, () => undefined))
}

/** Nodes of the plans and of the inventory, all at once; nobody is waited for longer than `patienceMs`, an inventory neither. */
async function withEach({ clock, inventory }: AskedParts, plans: readonly State[], work: (node: PlanNode) => Promise<void>): Promise<void> {
  // Where the first of the plans has it.
  const planned = new Map(plans.toReversed().flatMap(({ stored }) => stored.plan.nodes.map((node) => [node.node, node] as const)))
  let cancel = (): void => undefined
  const enough = new Promise<void>((resolve) => { cancel = clock.after(patienceMs, resolve) })
  // An inventory that cannot be read hides only nodes without a window.
  const others = inventory.read().then(({ nodes }) => nodes, () => [])
    .then((listed) => Promise.all(listed.filter(({ node }) => !planned.has(node)).map((each) => work({ ...each, gitaly: each.gitaly ?? '', platform: '' }))))
  await Promise.race([Promise.all([...[...planned.values()].map(work), others]), enough])
  cancel()
}

/** At least one: without ids the epoch is told. */
const inParts = (ids: readonly string[]): string[][] => Array.from({ length: Math.max(1, Math.ceil(ids.length / mostOrdersAsked)) }, (_, part) => ids.slice(part * mostOrdersAsked, (part + 1) * mostOrdersAsked))

/** Of the orders with these ids, those of the plans: what agents told at a restore is journaled by its ids alone. */
export const ordersNamed = (plans: readonly State[], ids: ReadonlySet<string>): StrangeOrder[] => [...new Set(plans.flatMap(({ stored }) => stored.plan.nodes.map(({ node }) => node)))]
  .flatMap((node) => [...unknownOrders(plans, node, new Set())].flatMap(([id, step]) => (ids.has(id) ? [{ node, step, id, status: 'told at the restore' }] : [])))

/** Nothing else is a plan's, whatever an agent says. */
const isPlanHash = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

/** Ids of the orders that this node may have been given behind the journal's back. */
function unknownOrders(plans: readonly State[], node: string, known: ReadonlySet<string>): Map<string, string> {
  const ids = new Map<string, string>()
  for (const { stored, nodes } of plans) {
    const attempts = nodes.get(node)?.attempt
    if (attempts === undefined) continue
    for (let attempt = 1; attempt <= attempts + attemptsAhead; attempt++) {
      for (const step of steps) {
        const id = orderId({ planHash: stored.hash, node, step, attempt })
        if (!known.has(id)) ids.set(id, step)
      }
    }
  }
  return ids
}
