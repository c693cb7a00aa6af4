// Small steps that every fleet test takes: power on, plan, open, follow.
import type { Event } from '@pitstop/coordinator/domain/event'
import type { WindowView } from '@pitstop/coordinator/domain/view'
import type { Installation } from '../demo/installation.ts'
import { type FleetOptions, type LocalFleet, startLocalFleet } from '../demo/local-fleet.ts'

export const quickPolicy = { 'group-size': 1, 'settle': '200ms', 'soak': '500ms', 'watch': '1s', 'canary-first': false, 'estimates': { prepare: '1m', down: '30s' } }

/** Hosts up, agents ready, coordinator acting. */
export async function fleetReady(options: FleetOptions): Promise<LocalFleet> {
  const fleet = await startLocalFleet(options)
  try {
    await Promise.all(fleet.hosts.map((host) => host.powerOn()))
    await Promise.all(fleet.hosts.map((host) => host.waitFor('a ready agent', (each) => each.events().some(({ event }) => event === 'agent-ready'))))
    await fleet.startCoordinator()
    return fleet
  } catch (error) {
    await fleet.close()
    throw error
  }
}

export async function planned({ pitstop }: Pick<Installation, 'pitstop'>, ...more: readonly string[]): Promise<string> {
  const made = await pitstop(['plan', 'create', '--for', '2h', '--reason', 'test', '--json', ...more])
  if (made.exit !== 0) throw new Error(made.stderr)
  return (JSON.parse(made.stdout) as { hash: string }).hash
}

/** Opens a window and returns at once. */
export async function opened(fleet: Pick<Installation, 'pitstop'>, ...more: readonly string[]): Promise<string> {
  const hash = await planned(fleet, ...more)
  const started = await fleet.pitstop(['window', 'start', hash, '--confirm', hash, '--reason', 'test'])
  if (started.exit !== 0) throw new Error(started.stderr)
  return hash
}

export async function view({ pitstop }: Pick<Installation, 'pitstop'>): Promise<WindowView> {
  const shown = await pitstop(['window', 'show', '--json'])
  if (shown.stdout.trim() === '') throw new Error(shown.stderr)
  return JSON.parse(shown.stdout) as WindowView
}

export const isStep = (type: Event['type'], step: string, node?: string) => (event: Event): boolean =>
  event.type === type && 'step' in event && event.step === step && (node === undefined || ('node' in event && event.node === node))
