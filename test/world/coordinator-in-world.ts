// The real coordinator in one process of a simulated world: every port it gets dies and sleeps with the process, and what it
// sends is written down with what its lease and its break-glass file were just then.
import { Coordinator } from '@pitstop/coordinator/engine/coordinator'
import type { StoreMemory } from '@pitstop/coordinator/domain/restored'
import type { StoreRecollection } from '@pitstop/coordinator/engine/take-over'
import { Fault } from '@pitstop/shared/fault'
import { agentsOver } from './network.ts'
import type { Process } from './process.ts'
import type { Asker } from './simulated-gitlab.ts'
import { storeFor } from './store-port.ts'
import type { World } from './world.ts'

export function coordinatorIn(world: World, process: Process): Coordinator {
  const { name } = process
  const { clock, store } = world
  const asker: Asker & { readonly wallOffMs: () => number } = {
    name, owed: () => world.glass.get(process.machine) ?? '', hears: (tell) => { process.hear(tell) }, wallOffMs: () => process.wallOffMs,
    leased: () => store.lease?.holder === name && store.lease.expiresAt > clock.now() + world.storeClockOffMs
  }
  const nodes = [...world.hosts.values()].map(({ node }) => ({ node, address: `${node}:7443`, storages: world.storages.get(node) ?? [], zone: 'a' }))
  const hooks = { goes: () => world.storeGoes(), killAt: (events: readonly { readonly type: string }[]) => world.killAt(++world.appends, events), kill: (dead: Process) => { world.kill(dead) }, heard: (seq: number) => { world.heard.set(process.machine, Math.max(world.heard.get(process.machine) ?? 0, seq)) } }
  return new Coordinator({
    fleet: 'lab', store: process.port(storeFor(process, store, clock, hooks)), gitlab: process.port(world.gitlab.port(asker)),
    ...world.alerts === null ? {} : { alerts: process.port(world.alerts.port(name)) },
    agents: process.port(agentsOver(world.transit, world.hosts, clock, world.history, asker)),
    inventory: { read: async () => ({ nodes, excluded: [] }) },
    clock: process.clock(), lease: { holder: name, address: `${name}:1`, ttlMs: world.leaseMs },
    byHand: { gitlab: 'https://gitlab.test', assigner: { url: 'https://ops.test', project: 'a/b', schedule: 7 } },
    writeBreakGlass: async (text) => {
      if (!process.alive) return
      if (world.glassFails) throw new Fault('STORE_UNAVAILABLE', 'cannot write the break-glass file: ENOSPC')
      world.glass.set(process.machine, text)
    },
    ...world.memories === null ? {} : { recollection: process.port(recollectionOf(world, process.machine, world.memories)) },
    checkOwnCertificate: async () => [], dependsOn: [], landsWithinMs: 20_000,
    log: (level, text, facts) => {
      if (level === 'error') world.troubles.push(text)
      if (level === 'warn') world.warnings.push(text)
      if (level === 'error' && facts?.['code'] === 'INTERNAL') world.defects.push(`${text}\n${String(facts['stack'])}`)
    }
  })
}

/** The two files beside the store: they outlive the process and a store that is put back. */
function recollectionOf({ glass }: World, machine: string, memories: Map<string, StoreMemory>): StoreRecollection {
  let written: StoreMemory | null = null
  const write = (memory: StoreMemory): void => { memories.set(machine, written = memory) }
  return {
    file: 'break-glass.txt',
    read: async () => memories.get(machine) ?? null,
    write: async (memory) => { write(memory) },
    note: (seq) => { if (written !== null && seq > written.seq) write({ ...written, seq }) },
    promises: async () => glass.get(machine) ?? ''
  }
}
