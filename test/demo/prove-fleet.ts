// Holds what pitstop says against what hosts and GitLab wrote down themselves. No figure here comes from pitstop alone.
import { loadavg } from 'node:os'
import type { WindowView } from '@pitstop/coordinator/domain/view'
import type { GitLabStandIn } from '../stand-ins/gitlab/gitlab.ts'
import type { RebootTimes } from '../stand-ins/host/reboot-times.ts'

export interface Proof { readonly lines: readonly string[], readonly problems: readonly string[], readonly lostMs: readonly number[] }

/** What a host of any kind tells about itself. */
export interface ProvenHost {
  readonly node: string
  readonly reboots: () => readonly Pick<RebootTimes, 'outageMs' | 'bareMs'>[]
  /** Packages that dpkg does not call properly installed. */
  readonly brokenPackages: () => readonly string[]
}

interface Evidence {
  readonly hosts: readonly ProvenHost[]
  readonly gitlab: GitLabStandIn
  readonly before: { readonly weights: Readonly<Record<string, number>>, readonly assignerActive: boolean | null }
  readonly view: WindowView
  readonly soakMs: number
  /** Boots after the first, by node; 1 unless a person asked for more. */
  readonly rebootsAskedFor: ReadonlyMap<string, number>
}

/** What a node may cost beyond its own reboot and the soak, on a machine that is not busy. */
const goalMs = 150

/** Of an even count the mean of the two in the middle; null = of nothing. */
export function medianOf(numbers: readonly number[]): number | null {
  const sorted = [...numbers].sort((a, b) => a - b)
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

const seconds = (ms: number | null): string => ms === null ? '-' : `${(ms / 1000).toFixed(2)} s`

export function proveFleet({ hosts, gitlab, before, view, soakMs, rebootsAskedFor }: Evidence): Proof {
  const problems: string[] = []
  const lostMs: number[] = []
  const lines = [
    'by the hosts\' own records, against a bare reboot (LOST of the summary is another figure: slot − outage − soak by the host\'s clock):',
    `${'node'.padEnd(28)}${'reboots'.padStart(8)}${'Gitaly down'.padStart(13)}${'bare reboot'.padStart(13)}${'slot'.padStart(9)}${'beyond bare'.padStart(13)}`
  ]
  for (const host of hosts) {
    const node = view.nodes.find((each) => each.node === host.node)
    const reboots = host.reboots()
    const last = reboots.at(-1)
    const expected = rebootsAskedFor.get(host.node) ?? 1
    if (reboots.length !== expected) problems.push(`${host.node} rebooted ${reboots.length} times, not ${expected}`)
    if (node?.phase !== 'done') problems.push(`${host.node} is ${node?.phase ?? 'not in the window'}`)
    const bare = last?.bareMs ?? null
    const lost = node?.slotMs == null || bare === null ? null : node.slotMs - bare - soakMs
    if (lost !== null) lostMs.push(lost)
    lines.push(`${host.node.padEnd(28)}${String(reboots.length).padStart(8)}${seconds(last?.outageMs ?? null).padStart(13)}${seconds(bare).padStart(13)}${seconds(node?.slotMs ?? null).padStart(9)}${seconds(lost).padStart(13)}`)
    const broken = host.brokenPackages()
    if (broken.length > 0) problems.push(`${host.node}: ${broken.join(', ')} not properly installed`)
  }
  const median = medianOf(lostMs)
  lines.push(`slot beyond the bare reboot and the soak of ${seconds(soakMs)}: median ${seconds(median)} a node; ${median === null ? 'not measured' : `goal ${seconds(goalMs)} ${median <= goalMs ? 'met' : 'missed'} at load ${(loadavg()[0] ?? 0).toFixed(2)}`}`)
  const weights = gitlab.world.weights()
  const changed = Object.keys(before.weights).filter((storage) => weights[storage] !== before.weights[storage])
  if (changed.length > 0) problems.push(`weights changed: ${changed.map((storage) => `${storage} ${before.weights[storage] ?? '-'} → ${weights[storage] ?? '-'}`).join(', ')}`)
  const assignerActive = gitlab.world.schedule?.active ?? null
  if (assignerActive !== before.assignerActive) problems.push(`the assigner is ${assignerActive === true ? 'active' : 'inactive'}, before it was not`)
  if (gitlab.log.violations.length > 0) problems.push(`GitLab saw: ${JSON.stringify(gitlab.log.violations)}`)
  lines.push(`weights before and after: ${changed.length === 0 ? 'equal' : 'DIFFERENT'}; assigner before and after: ${assignerActive === before.assignerActive ? 'equal' : 'DIFFERENT'} (${assignerActive === true ? 'active' : 'inactive'})`)
  return { lines, problems, lostMs }
}
