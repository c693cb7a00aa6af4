// What a stand-in host can be told when it is made.
import type { PackageSet } from './default-packages.ts'
import type { GitalySettings, MachineSettings } from './host-layout.ts'

export interface HostOptions {
  /** The host's root is FOLDER/NODE. */
  readonly folder: string
  readonly fleet: string
  readonly node: string
  /** Names, each with a folder of its own under /var/opt/gitlab/git-data; or names with paths as the host sees them. */
  readonly storages: readonly (string | { readonly name: string, readonly path: string })[]
  /** 127.0.x.y */
  readonly address: string
  /** Free ones without. */
  readonly agentPort?: number
  readonly gitalyPort?: number
  readonly metricsPort?: number
  readonly tls: { readonly certificate: string, readonly key: string, readonly authority: string }
  /** host:port */
  readonly coordinators: readonly string[]
  readonly rebootMs?: number
  readonly gitalyStartMs?: number
  readonly aptMs?: number
  readonly packages?: PackageSet
  readonly overrides?: {
    readonly machine?: Partial<MachineSettings>
    readonly gitaly?: Partial<GitalySettings>
    /** Merged over the keys of agent.yml, section by section. */
    readonly configuration?: Readonly<Record<string, unknown>>
  }
  /** Another program in the agent's place; an empty argv = none. */
  readonly agent?: { readonly argv: readonly string[] }
}
