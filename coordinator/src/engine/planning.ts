// Making a plan: inventory, agents and GitLab are asked, what may not be touched is excluded by name, and the rest is
// sealed under its hash. Asking changes nothing anywhere.
import { Fault, asFault, reason, type Reason } from '@pitstop/shared/fault'
import { protocolRange } from '@pitstop/proto'
import type { Inventory, InventoryNode } from '../adapters/inventory/port.ts'
import { type Excluded, type Plan, type PlanNode, type Policy, type StoredPlan, estimatePlan, sealPlan } from '../domain/plan.ts'
import { protocolMismatch } from '../domain/preflight.ts'
import type { Agents, GitLab } from '../ports.ts'

export interface PlanRequest {
  readonly by: string
  readonly reason: string
  /** Epoch ms. */
  readonly opensAt: number
  readonly closesAt: number
  /** FQDNs; undefined = all of the inventory. */
  readonly only?: readonly string[] | undefined
  readonly policy: Policy
}

export interface PlanningParts { readonly fleet: string, readonly inventory: Inventory, readonly agents: Agents, readonly gitlab: GitLab }

/** How many agents are asked at once. */
const atOnce = 32

/** @throws Fault INVENTORY_*, INVALID_INPUT, NOT_FOUND (a named node is not in the inventory), GITLAB_* */
export async function makePlan(parts: PlanningParts, request: PlanRequest, now: number): Promise<StoredPlan> {
  if (request.reason.trim() === '') throw new Fault('INVALID_INPUT', 'a plan needs a reason', { hint: 'add --reason "why"' })
  if (request.closesAt <= request.opensAt) throw new Fault('INVALID_INPUT', 'the window closes before it opens')
  if (request.closesAt <= now) throw new Fault('INVALID_INPUT', 'the window closes in the past')
  const [reading, weights] = await Promise.all([parts.inventory.read(), parts.gitlab.readWeights()])
  const missing = (request.only ?? []).filter((name) => !reading.nodes.some(({ node }) => node === name))
  if (missing.length > 0) {
    const known = reading.excluded.filter(({ node }) => missing.includes(node)).flatMap(({ reasons }) => reasons)
    throw new Fault('NOT_FOUND', `not in the inventory: ${missing.join(', ')}${known.length === 0 ? '' : ` (${known.map(({ text }) => text).join('; ')})`}`, { hint: 'pitstop node list --inventory' })
  }
  const wanted = reading.nodes.filter(({ node }) => request.only === undefined || request.only.includes(node))
  const asked = await inGroups(wanted, atOnce, async (node) => ({ node, answer: await ask(parts, node, weights) }))
  const nodes = asked.flatMap(({ answer }) => ('node' in answer ? [answer] : []))
  const excluded: Excluded[] = [
    ...(request.only === undefined ? reading.excluded : []),
    ...asked.flatMap(({ node, answer }) => ('node' in answer ? [] : [{ node: node.node, reasons: answer.reasons }]))
  ]
  if (nodes.length === 0) {
    const reasons = excluded.flatMap((each) => each.reasons)
    throw new Fault('INVENTORY_EMPTY', `no node can be planned:\n${reasons.map(({ text }) => text).join('\n')}`, { reasons })
  }
  const plan: Plan = {
    version: 1, fleet: parts.fleet, createdAt: now, createdBy: request.by, reason: request.reason, opensAt: request.opensAt,
    closesAt: request.closesAt, nodes, excluded, policy: request.policy, estimateMs: estimatePlan(nodes.length, request.policy)
  }
  return sealPlan(plan)
}

async function ask({ agents }: PlanningParts, node: InventoryNode, weights: Readonly<Record<string, number>>): Promise<PlanNode | { readonly reasons: readonly Reason[] }> {
  const planned: PlanNode = { node: node.node, address: node.address, gitaly: node.gitaly ?? '', storages: node.storages, zone: node.zone, platform: '' }
  const unknown = node.storages.filter((storage) => weights[storage] === undefined)
  if (unknown.length > 0) return { reasons: [reason('STORAGE_UNKNOWN', `${node.node}: GitLab has no storage ${unknown.join(', ')}`)] }
  try {
    const host = await agents.describe(planned, 0, [])
    const spoken = protocolMismatch(node.node, host, protocolRange)
    return spoken === null ? { ...planned, platform: host.platform } : { reasons: [spoken] }
  } catch (error) {
    return { reasons: [asFault(error).toReason()] }
  }
}

export async function inGroups<T, R>(items: readonly T[], size: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let from = 0; from < items.length; from += size) results.push(...await Promise.all(items.slice(from, from + size).map(work)))
  return results
}
