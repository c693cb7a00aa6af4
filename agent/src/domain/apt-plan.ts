// What this host would install, held against the manifest. Pure. The manifest is never exceeded and nothing is ever
// downgraded: what differs is a reason, what is merely newer or absent is a note.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { InstalledPackage, SimulatedChange, Simulation } from './apt-output.ts'
import { compareVersions } from './debian-version.ts'

export interface PackageVersion {
  readonly name: string
  readonly version: string
}

export interface AptPlan {
  /** To hand to apt as NAME=VERSION. */
  readonly install: readonly PackageVersion[]
  readonly notes: readonly string[]
  readonly reasons: readonly Reason[]
}

interface Restrictions {
  /** Configured: never part of a manifest. */
  readonly excluded: readonly string[]
  /** `apt-mark hold` on this host. */
  readonly held: readonly string[]
}

/** The canary's resolution: everything that apt offers, less what may not be touched. */
export function resolveManifest(upgrade: Simulation, restrictions: Restrictions): { changes: readonly SimulatedChange[], notes: readonly string[], reasons: readonly Reason[] } {
  const forbidden = new Set([...restrictions.excluded, ...restrictions.held])
  const changes = upgrade.changes.filter(({ name }) => !forbidden.has(name))
  const notes = [
    ...upgrade.changes.filter(({ name }) => forbidden.has(name))
      .map(({ name, from, to }) => `${name} ${from} is left as it is (${restrictions.held.includes(name) ? 'held' : 'excluded'}); apt offers ${to}`),
    ...upgrade.kept.filter((name) => !forbidden.has(name)).map((name) => `${name} is kept back by apt: it is pinned or phased, or its new version needs something that may not change`)
  ]
  return { changes, notes, reasons: unusable(upgrade) }
}

/** Which entries of the manifest this host still needs. */
export function applicable(manifest: readonly PackageVersion[], installed: readonly InstalledPackage[], upgrade: Simulation, restrictions: Restrictions): AptPlan {
  const versions = new Map(installed.map(({ name, version }) => [name, version]))
  const offered = new Map(upgrade.changes.map((change) => [change.name, change]))
  const wanted = new Map(manifest.map(({ name, version }) => [name, version]))
  const install: PackageVersion[] = []
  const notes: string[] = []
  const reasons: Reason[] = [...unusable(upgrade)]
  for (const { name, version } of manifest) {
    const present = versions.get(name)
    if (present === undefined && !offered.has(name)) { notes.push(`${name} is not installed here`); continue }
    const order = present === undefined ? -1 : compareVersions(present, version)
    if (order === 0) continue
    if (order > 0) { notes.push(`${name} ${present} is newer than the manifest (${version})`); continue }
    if (restrictions.held.includes(name)) reasons.push(differs(`${name} is held at ${present ?? 'not installed'}; the manifest wants ${version}`, `on the host: apt-mark unhold ${name}`))
    else if (restrictions.excluded.includes(name)) reasons.push(differs(`${name} is excluded on this host and stands in the manifest`))
    else install.push({ name, version })
  }
  for (const { name, to } of upgrade.changes) {
    if (restrictions.excluded.includes(name) || restrictions.held.includes(name)) continue
    const version = wanted.get(name)
    if (version === undefined) reasons.push(differs(`apt would install ${name} ${to}, which is not in the manifest`))
    else if (compareVersions(to, version) > 0) notes.push(`apt offers ${name} ${to}, newer than the manifest (${version})`)
    else if (compareVersions(to, version) < 0 && versions.get(name) !== version) notes.push(`apt offers only ${name} ${to} by itself; the manifest has ${version}`)
  }
  return { install, notes, reasons }
}

/** `apt-get -s install NAME=VERSION...` must do exactly what was asked: nothing more, nothing less, nothing else. */
export function compareSimulation(install: readonly PackageVersion[], simulated: Simulation): readonly Reason[] {
  const reasons: Reason[] = [...unusable(simulated)]
  const asked = new Map(install.map(({ name, version }) => [name, version]))
  for (const { name, to, from } of simulated.changes) {
    const version = asked.get(name)
    if (version === undefined) reasons.push(differs(`apt would also ${from === '' ? 'install' : 'change'} ${name} ${to}`))
    else if (version !== to) reasons.push(differs(`apt would install ${name} ${to} instead of ${version}`))
    asked.delete(name)
  }
  for (const [name, version] of asked) reasons.push(differs(`apt would not install ${name} ${version}`, `on the host: apt-mark showhold; apt-cache policy ${name}`))
  return reasons
}

const differs = (text: string, hint?: string): Reason => reason('MANIFEST_DIFFERS', text, hint)

const unusable = (simulation: Simulation): readonly Reason[] => [
  ...simulation.removed.map((name) => differs(`apt would remove ${name}`)),
  ...simulation.unread.map((line) => reason('APT_FAILED', `apt's simulation is not understood: ${line}`))
]

/** What really changed, from two `dpkg-query` listings. To nothing = it is gone. */
export function changedPackages(before: readonly InstalledPackage[], after: readonly InstalledPackage[]): readonly { name: string, from: string, to: string }[] {
  const earlier = new Map(before.map((each) => [each.name, each]))
  const present = new Set(after.map(({ name }) => name))
  return [
    ...after.filter((each) => !isSame(earlier.get(each.name), each)).map(({ name, version }) => ({ name, from: earlier.get(name)?.version ?? '', to: version })),
    ...before.filter(({ name }) => !present.has(name)).map(({ name, version }) => ({ name, from: version, to: '' }))
  ]
}

const isSame = (a: InstalledPackage | undefined, b: InstalledPackage): boolean => a?.version === b.version && a.unfinished === b.unfinished

/** After the install: every package asked for has its version, completely. */
export function missingVersions(install: readonly PackageVersion[], packages: readonly InstalledPackage[]): readonly Reason[] {
  const present = new Map(packages.map((each) => [each.name, each]))
  return install.flatMap(({ name, version }) => {
    const found = present.get(name)
    if (found?.version === version && found.unfinished === undefined) return []
    const state = found === undefined ? 'not installed' : found.unfinished === undefined ? found.version : `${found.version}, not completely installed`
    return [reason('PACKAGES_DIFFER', `${name} is ${state}; the manifest has ${version}`)]
  })
}

/** What of an order is still to be done: somebody may have installed a part of it since it was accepted. */
export function stillNeeded(install: readonly PackageVersion[], installed: readonly InstalledPackage[]): readonly PackageVersion[] {
  const versions = new Map(installed.map(({ name, version }) => [name, version]))
  return install.filter(({ name, version }) => {
    const present = versions.get(name)
    return present === undefined || compareVersions(present, version) < 0
  })
}
