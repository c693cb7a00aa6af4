// The inventory from a file or from Chef. Chef says which hosts there are; which storages they own, in which zone
// and at which address, the configuration alone says.
import { readFile } from 'node:fs/promises'
import { readConfiguration } from '@pitstop/shared/configuration'
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import { isDenied, readHint } from '../file-fault.ts'
import { isNodeName } from '@pitstop/shared/identity'
import { type FileNode, inventoryFile, type InventorySettings, type KnifeSettings } from './inventory-section.ts'
import { type ChefNode, readKnifeAnswer } from './knife-answer.ts'
import { applyRules } from './node-rules.ts'
import { checkOwnership } from './ownership.ts'
import type { Inventory, InventoryNode, InventoryReading } from './port.ts'
import { runKnife } from './run-knife.ts'

export function createInventory(settings: InventorySettings): Inventory {
  return {
    read: async () => checkOwnership('file' in settings ? await readInventoryFile(settings.file) : await askKnife(settings.knife))
  }
}

type Excluded = { readonly node: string, readonly reasons: readonly Reason[] }

async function readInventoryFile(file: string): Promise<InventoryReading> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new Fault('INVENTORY_UNREADABLE', `The inventory ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`, { hint: isDenied(error) ? readHint(file) : 'check inventory.file in the configuration', cause: error })
  }
  const { nodes } = readConfiguration(file, text, inventoryFile)
  const toNode = ({ node, address, storages, zone, gitaly }: FileNode): InventoryNode => ({ node, address, storages, zone, ...(gitaly === undefined ? {} : { gitaly }) })
  return {
    nodes: nodes.filter(({ praefect }) => !praefect).map(toNode),
    excluded: nodes.filter(({ praefect }) => praefect).map(({ node }) => ({ node, reasons: [reason('NODE_EXCLUDED', `${node} is a Praefect node, which pitstop does not patch`)] }))
  }
}

async function askKnife(settings: KnifeSettings): Promise<InventoryReading> {
  const found = readKnifeAnswer(await runKnife(settings))
  const nodes: InventoryNode[] = []
  const excluded: Excluded[] = []
  for (const [key, hosts] of byName(found)) {
    const outcome = judge(settings, key, hosts)
    if ('node' in outcome) nodes.push(outcome.node)
    else excluded.push({ node: key, reasons: [outcome.excluded] })
  }
  return { nodes, excluded }
}

/** Grouped by lower-case FQDN, by Chef's name where there is none; the same row twice counts once. */
function byName(found: readonly ChefNode[]): Map<string, ChefNode[]> {
  const groups = new Map<string, ChefNode[]>()
  for (const host of found) {
    const key = (host.fqdn ?? host.chefName).trim().toLowerCase()
    const group = groups.get(key) ?? []
    if (!group.some(({ chefName, fqdn }) => chefName === host.chefName && fqdn === host.fqdn)) group.push(host)
    groups.set(key, group)
  }
  return groups
}

function judge(settings: KnifeSettings, key: string, hosts: readonly ChefNode[]): { node: InventoryNode } | { excluded: Reason } {
  const exclude = (text: string, hint: string): { excluded: Reason } => ({ excluded: reason('NODE_EXCLUDED', text, hint) })
  if (hosts.some(({ fqdn }) => fqdn === null)) return exclude(`Chef knows no fqdn of ${hosts.map(({ chefName }) => chefName).join(', ')}`, 'run chef-client on the host, or remove the node from Chef')
  if (hosts.length > 1) return exclude(`The fqdn ${key} belongs to several nodes of Chef: ${hosts.map(({ chefName }) => chefName).join(', ')}`, 'remove the stale one from Chef')
  if (!isNodeName(key)) return exclude(`"${key}" is no FQDN`, 'correct the host\'s name')
  return applyRules(settings.rules, key)
}
