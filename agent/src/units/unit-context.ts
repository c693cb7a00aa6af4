// What an order's own process needs, built from the order's directory alone: it must run when the agent, its
// configuration or half of the system's libraries are being replaced. Imports nothing heavy: its start delays the window.
import { readFileSync } from 'node:fs'
import { commandRunner } from '../adapters/run-command.ts'
import { gatherHostFacts } from '../adapters/host-checks.ts'
import { hostFiles } from '../adapters/host-files.ts'
import { OrderStore } from '../adapters/order-store.ts'
import { serviceManager } from '../adapters/service-manager.ts'
import { firingReasons } from '../domain/firing.ts'
import type { Reason } from '@pitstop/shared/fault'
import type { HostFiles, HostSettings, RunCommand, ServiceManager } from '../ports.ts'

export interface UnitContext {
  readonly id: string
  readonly store: OrderStore
  readonly settings: HostSettings
  readonly run: RunCommand
  readonly files: HostFiles
  readonly manager: ServiceManager
  readonly now: () => number
}

export function unitContext(stateDirectory: string, id: string, settings?: HostSettings): UnitContext {
  const store = new OrderStore(stateDirectory)
  const used = settings ?? JSON.parse(readFileSync(store.pathOf(id, 'settings.json'), 'utf8')) as HostSettings
  const run = commandRunner(used.path)
  const files = hostFiles(used)
  return { id, store, settings: used, run, files, manager: serviceManager(run, used.gitaly, files), now: Date.now }
}

/** Every reason against beginning now; none = begin. */
export async function reasonsAgainst(context: UnitContext): Promise<readonly Reason[]> {
  const { store, id, files, run, manager, settings, now } = context
  const host = await gatherHostFacts(run, files, manager)
  const order = store.read(id)
  return firingReasons(order ?? { id, boots: [] }, {
    highestEpoch: store.highestEpoch(),
    bootId: files.bootId(),
    nowMs: now(),
    maximumOffsetMs: settings.maximumClockOffsetMs,
    host
  })
}
