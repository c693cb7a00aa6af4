// What hosts, agents and GitLab wrote down themselves, in the history checker's words. Read when the coordinator is gone:
// its journal is locked for as long as it lives.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Event, Recorded } from '@pitstop/coordinator/domain/event'
import { openPlan } from '@pitstop/coordinator/domain/plan'
import type { Installation } from '../demo/installation.ts'
import type { BootRecord, MachineEvent } from '../stand-ins/host/history.ts'
import type { Evidence } from '../world/check-history.ts'
import type { Happening } from '../world/history.ts'
import { storedJournal } from './stored-journal.ts'

/** An agent counts health by its host's uptime, and a stand-in host writes that into a file from time to time, late on a busy machine. */
const uptimeLateMs = 250

interface OrderOnDisk {
  readonly id: string
  readonly accepted: { readonly step: string, readonly acceptedAtMs: number }
  readonly grant: { readonly epoch: number }
  readonly mark: { readonly stopBegunAtMs: number } | null
}

/** What a host of any kind keeps of itself. */
export interface RecordedHost {
  readonly node: string
  readonly root: string
  readonly boots: () => readonly BootRecord[]
  readonly events: () => readonly MachineEvent[]
}

/** @param store where the journal is, if not where the first coordinator finds it. */
export async function fleetEvidence(fleet: Installation & { readonly hosts: readonly RecordedHost[] }, initialWeights: Readonly<Record<string, number>>, store = fleet.coordinators[0]?.store ?? ''): Promise<Evidence> {
  for (const index of fleet.coordinators.keys()) await fleet.killCoordinator('SIGTERM', index)
  const { hash, bytes, events } = await storedJournal(store)
  const journal = events.map(({ seq, at, epoch, body }): Recorded<Event> => ({ seq, at, epoch, event: JSON.parse(body) as Event }))
  const happenings = [...fleet.hosts.flatMap(hostHappenings), ...gitlabHappenings(fleet)].sort((a, b) => a.at - b.at)
  return {
    happenings, journal, plan: openPlan(hash, bytes).plan, initialWeights, finalWeights: fleet.gitlab.world.weights(),
    assignerActive: fleet.gitlab.world.schedule?.active ?? false, mostWritesAtOnce: fleet.gitlab.log.violations.length > 0 ? 2 : 1, overtakenWrites: 0
  }
}

function hostHappenings(host: RecordedHost): Happening[] {
  const { node } = host
  const orders = ordersOnDisk(join(host.root, 'var/lib/pitstop-agent/orders'))
  const reboots = orders.filter(({ mark }) => mark !== null).sort((a, b) => (a.mark?.stopBegunAtMs ?? 0) - (b.mark?.stopBegunAtMs ?? 0))
  const ordered = host.boots().filter(({ cause }) => cause === 'ordered')
  return [
    ...orders.map(({ id, accepted, grant }): Happening => ({ at: accepted.acceptedAtMs, what: 'order-accepted', node, step: accepted.step, id, epoch: grant.epoch })),
    ...reboots.map(({ id, mark }): Happening => ({ at: mark?.stopBegunAtMs ?? 0, what: 'gitaly-stopped', node, id })),
    ...host.boots().filter(({ cause }) => cause !== 'power-on').map((boot): Happening => ({ at: Date.parse(boot.at), what: 'booted', node, bootId: boot.boot_id, id: reboots[ordered.indexOf(boot)]?.id ?? null })),
    ...host.events().filter(({ event }) => event === 'gitaly-serving').map(({ at, sinceMs }): Happening => ({ at: (typeof sinceMs === 'number' ? sinceMs : Date.parse(at)) - uptimeLateMs, what: 'gitaly-serving', node }))
  ]
}

function gitlabHappenings({ gitlab }: Installation): Happening[] {
  return gitlab.log.lines.flatMap((line): Happening[] => {
    if (line.kind === 'weights') return [{ at: line.at, what: 'weights-written', by: line.by, before: line.before, after: line.after }]
    return line.kind === 'schedule' ? [{ at: line.at, what: 'schedule-set', by: line.by, active: line.active }] : []
  })
}

function ordersOnDisk(folder: string): OrderOnDisk[] {
  const read = (id: string, name: string): unknown => {
    const path = join(folder, id, name)
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null
  }
  return readdirSync(folder).filter((id) => existsSync(join(folder, id, 'accepted.json'))).map((id) => ({
    id, accepted: read(id, 'accepted.json') as OrderOnDisk['accepted'], grant: read(id, 'grant.json') as OrderOnDisk['grant'], mark: read(id, 'mark.json') as OrderOnDisk['mark']
  }))
}
