// A whole installation on this machine: stand-in hosts with real agents beside a coordinator process. The demo and the
// tests of the whole use it; it ends with the process that made it.
import { join } from 'node:path'
import { type Host, type HostOptions, createHost } from '../stand-ins/host/stand-in-host.ts'
import { createInstallation, type Installation } from './installation.ts'

export interface FleetOptions {
  readonly nodes: number
  readonly rebootMs?: number
  readonly gitalyStartMs?: number
  readonly aptMs?: number
  /** The coordinator's `policy:` section. */
  readonly policy?: Readonly<Record<string, unknown>>
  readonly host?: (index: number) => Partial<HostOptions>
  /** See InstallationOptions. */
  readonly stores?: readonly string[]
  readonly coordinator?: Readonly<Record<string, unknown>>
}

export interface LocalFleet extends Installation, AsyncDisposable {
  readonly hosts: readonly Host[]
}

const fleet = 'demo'

export async function startLocalFleet(options: FleetOptions): Promise<LocalFleet> {
  const names = Array.from({ length: options.nodes }, (_, index) => `gitaly-${String(index + 1).padStart(2, '0')}.demo.internal`)
  const installation = await createInstallation({ fleet, nodes: names, address: '127.0.0.1', ...options.policy === undefined ? {} : { policy: options.policy },
    ...options.stores === undefined ? {} : { stores: options.stores }, ...options.coordinator === undefined ? {} : { coordinator: options.coordinator } })
  const hosts: Host[] = []
  for (const [index, node] of names.entries()) {
    hosts.push(await createHost({
      folder: join(installation.folder, 'hosts'), fleet, node, storages: [node], address: `127.0.1.${index + 1}`, tls: await installation.issue('agent', node),
      coordinators: installation.coordinators.map(({ agentsAddress }) => agentsAddress), rebootMs: options.rebootMs ?? 1500, gitalyStartMs: options.gitalyStartMs ?? 300, aptMs: options.aptMs ?? 600,
      // Looking costs processor time, and all hosts share this machine; the soak is exact without it.
      overrides: { configuration: { gitaly: { 'health-interval': '500ms' } } },
      ...options.host?.(index)
    }))
  }
  await installation.configure(hosts)

  const self: LocalFleet = {
    ...installation,
    hosts,
    async close(options) {
      for (const index of installation.coordinators.keys()) await installation.killCoordinator('SIGTERM', index)
      await Promise.all(hosts.map((host) => host.powerOff()))
      await installation.close(options)
    },
    [Symbol.asyncDispose]: () => self.close()
  }
  return self
}
