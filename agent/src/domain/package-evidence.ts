// Are the packages that this plan's upgrade installed still what is installed after the reboot? Pure. Older or missing is a
// difference, newer is only said: nothing is ever downgraded.
import type { InstalledPackage } from './apt-output.ts'
import type { PackageVersion } from './apt-plan.ts'
import { compareVersions } from './debian-version.ts'
import { attemptOf, type OrderFiles } from './order-record.ts'

export interface PackageFacts {
  /** How many were compared. */
  readonly expected: number
  readonly differing: readonly string[]
  readonly newer: readonly string[]
  /** Output of `dpkg --audit`; empty = clean. */
  readonly audit: string
}

/**
 * What this plan's upgrades installed on this host. A later attempt asks only for what the ones before it left undone, so all
 * that began count, and of a package asked for twice the newest attempt.
 */
export function expectedPackages(orders: readonly OrderFiles[], planHash: string): readonly PackageVersion[] {
  const upgrades = orders.filter(({ accepted, decision, outcome }) => accepted?.step === 'upgrade' && accepted.planHash === planHash
    && (decision?.kind === 'begun' || outcome?.status === 'succeeded'))
    .sort((a, b) => attemptOf(a.id) - attemptOf(b.id) || (a.accepted?.acceptedAtMs ?? 0) - (b.accepted?.acceptedAtMs ?? 0))
  const versions = new Map(upgrades.flatMap(({ accepted }) => accepted?.install ?? []).map(({ name, version }) => [name, version]))
  return [...versions].map(([name, version]) => ({ name, version }))
}

export function comparePackages(expected: readonly PackageVersion[], installed: readonly InstalledPackage[], audit: string): PackageFacts {
  const present = oldestOf(installed)
  const differing: string[] = []
  const newer: string[] = []
  for (const { name, version } of expected) {
    const found = present.get(name) ?? present.get(name.replace(/:[a-z0-9]+$/, ''))
    const order = found === undefined ? -1 : compareVersions(found, version)
    if (order < 0) differing.push(`${name} is ${found ?? 'not installed'}; the manifest has ${version}`)
    else if (order > 0) newer.push(`${name} ${found ?? ''} (manifest ${version})`)
  }
  return { expected: expected.length, differing, newer, audit: audit.trim() }
}

/** A package of two architectures is listed twice; the older one is the one to doubt. */
function oldestOf(installed: readonly InstalledPackage[]): ReadonlyMap<string, string> {
  const oldest = new Map<string, string>()
  for (const { name, version } of installed) {
    const known = oldest.get(name)
    if (known === undefined || compareVersions(version, known) < 0) oldest.set(name, version)
  }
  return oldest
}
