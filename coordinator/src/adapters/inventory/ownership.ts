// The last check of every inventory: a storage or an address that two nodes claim would make pitstop zero one
// node's weight and reboot another. Pure.
import { Fault, reason } from '@pitstop/shared/fault'
import type { InventoryNode, InventoryReading } from './port.ts'

/** @throws Fault INVALID_CONFIGURATION naming every pair, INVENTORY_EMPTY when no node is left. */
export function checkOwnership(reading: InventoryReading): InventoryReading {
  if (reading.nodes.length === 0) {
    throw new Fault('INVENTORY_EMPTY', reading.excluded.length === 0 ? 'The inventory has no node' : `The inventory has no node that may be patched; ${reading.excluded.length} excluded`, { reasons: reading.excluded.flatMap(({ reasons }) => reasons) })
  }
  const problems = [...claims('storage', reading.nodes, ({ storages }) => storages), ...claims('agent address', reading.nodes, ({ address }) => [address])]
  if (problems.length > 0) {
    throw new Fault('INVALID_CONFIGURATION', problems.join('\n'), { hint: 'correct the inventory: each belongs to one node', reasons: problems.map((text) => reason('INVALID_CONFIGURATION', text)) })
  }
  return { nodes: reading.nodes.toSorted((a, b) => (a.node < b.node ? -1 : 1)), excluded: reading.excluded }
}

function claims(what: string, nodes: readonly InventoryNode[], of: (node: InventoryNode) => readonly string[]): string[] {
  const owners = new Map<string, string[]>()
  for (const node of nodes) {
    for (const thing of new Set(of(node))) owners.set(thing, [...owners.get(thing) ?? [], node.node])
  }
  return [...owners].filter(([, names]) => names.length > 1).map(([thing, names]) => `The ${what} ${thing} is claimed by ${names.join(' and ')}`)
}
