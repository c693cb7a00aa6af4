// What the agents know of a store's past: the highest epoch they have seen and the orders they keep. Asked without a claim
// of our own (epoch 0), so that nothing changes anywhere; agents that do not answer say nothing.
import { orderId } from '@pitstop/shared/order-id'
import type { Inventory } from '../adapters/inventory/port.ts'
import type { PlanNode } from '../domain/plan.ts'
import type { StrangeOrder } from '../domain/restored.ts'
import type { NodeState, State } from '../domain/state.ts'
import type { Agents } from '../ports.ts'
import { inGroups } from './planning.ts'

export interface AgentsMemory {
  readonly highest: { readonly node: string, readonly epoch: number } | null
  /** Orders of the open plan that its journal does not know. */
  readonly strange: readonly StrangeOrder[]
  readonly silent: readonly string[]
}

const atOnce = 32
const steps = ['stage', 'upgrade', 'reboot'] as const
/** Attempts beyond the journal's that are asked for: a person raises them one at a time. */
const attemptsAhead = 3

/** @param state of the open window, if there is one. */
export async function askAgents({ agents, inventory }: { readonly agents: Agents, readonly inventory: Inventory }, state: State | null): Promise<AgentsMemory> {
  const planned = state?.stored.plan.nodes ?? []
  // An inventory that cannot be read hides only nodes without a window.
  const listed = await inventory.read().then(({ nodes }) => nodes, () => [])
  const others = listed.filter(({ node }) => !planned.some((each) => each.node === node)).map((each): PlanNode => ({ ...each, gitaly: each.gitaly ?? '', platform: '' }))
  const silent: string[] = []
  const answers = await inGroups([...planned, ...others], atOnce, async (node) => {
    const asked = unknownOrders(state, node.node)
    try {
      const { highestEpoch, orders } = await agents.describe(node, 0, [...asked.keys()])
      return { node: node.node, epoch: highestEpoch, strange: orders.flatMap(({ id, status }): StrangeOrder[] => {
        const step = asked.get(id)
        return step === undefined || status === 'absent' ? [] : [{ node: node.node, step, id, status }]
      }) }
    } catch {
      silent.push(node.node)
      return null
    }
  })
  const heard = answers.filter((answer) => answer !== null)
  const highest = heard.reduce<AgentsMemory['highest']>((most, { node, epoch }) => epoch > (most?.epoch ?? 0) ? { node, epoch } : most, null)
  return { highest, strange: heard.flatMap(({ strange }) => strange), silent }
}

/** Ids of the orders that this node may have been given behind the journal's back. */
function unknownOrders(state: State | null, name: string): Map<string, string> {
  const self: NodeState | undefined = state?.nodes.get(name)
  const ids = new Map<string, string>()
  if (state === null || self === undefined) return ids
  for (let attempt = self.attempt; attempt < self.attempt + attemptsAhead; attempt++) {
    for (const step of steps) {
      if (self.steps[step]?.attempt !== attempt) ids.set(orderId({ planHash: state.stored.hash, node: name, step, attempt }), step)
    }
  }
  return ids
}
