// Which nodes there are and what they own. The inventory alone says which storages belong to which node.
import type { Reason } from '@pitstop/shared/fault'

export interface InventoryNode {
  /** Lower-case FQDN, the key of a node everywhere. */
  readonly node: string
  /** host:port of the agent. */
  readonly address: string
  readonly storages: readonly string[]
  readonly zone: string
  /** Gitaly as the coordinator reaches it, in Gitaly's own schemes. */
  readonly gitaly?: string
}

export interface InventoryReading {
  readonly nodes: readonly InventoryNode[]
  /** Hosts that were found and are not to be touched, each with the reason; by FQDN, or Chef's name without one. */
  readonly excluded: readonly { readonly node: string, readonly reasons: readonly Reason[] }[]
}

export interface Inventory {
  /**
   * Reads anew each time.
   * @throws Fault INVENTORY_UNREADABLE, INVENTORY_EMPTY (with the reasons of all excluded), INVALID_CONFIGURATION
   * (file:line:column, or two nodes that own one storage).
   */
  read(): Promise<InventoryReading>
}
