// What an order's own process needs, built from the order's directory alone: it must run when the agent, its
// configuration or half of the system's libraries are being replaced. Imports nothing heavy: its start delays the window.
import { readFileSync } from 'node:fs'
import { commandRunner } from '../adapters/run-command.ts'
import { gatherHostFacts } from '../adapters/host-checks.ts'
import { hooksOf, type Hooks } from '../adapters/hooks.ts'
import { hostFiles } from '../adapters/host-files.ts'
import { ObligationStore } from '../adapters/obligation-store.ts'
import { OrderStore } from '../adapters/order-store.ts'
import { serviceManager } from '../adapters/service-manager.ts'
import { firingReasons } from '../domain/firing.ts'
import type { Reason } from '@pitstop/shared/fault'
import type { HostFiles, HostSettings, RunCommand, ServiceManager } from '../ports.ts'
import { systemClock } from '../system-clock.ts'

export interface UnitContext {
  readonly id: string
  readonly store: OrderStore
  readonly settings: HostSettings
  readonly run: RunCommand
  readonly files: HostFiles
  readonly manager: ServiceManager
  readonly promises: ObligationStore
  readonly hooks: Hooks
  readonly now: () => number
}

export function unitContext(stateDirectory: string, id: string, settings?: HostSettings): UnitContext {
  const store = new OrderStore(stateDirectory)
  const used = settings ?? storedSettings(store.pathOf(id, 'settings.json'))
  const run = commandRunner(used.path)
  const files = hostFiles(used)
  return { id, store, settings: used, run, files, manager: serviceManager(run, used.gitaly, files), promises: new ObligationStore(stateDirectory), hooks: hooksOf(used), now: systemClock.now }
}

/** An agent of the release before may have written them: what it did not know has its default. */
function storedSettings(path: string): HostSettings {
  const stored = JSON.parse(readFileSync(path, 'utf8')) as Omit<HostSettings, 'mode' | 'hooks'> & Partial<HostSettings>
  return { ...stored, mode: stored.mode ?? 'act', hooks: stored.hooks ?? { directory: '/etc/pitstop/hooks.d', deadlineMs: 60_000, undoAfterMs: 7_200_000 } }
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
