// What an order would install here: the manifest (or, on the canary, what apt offers) held against what is installed. One answer
// with all differences; changes nothing. Used by stage, upgrade and Describe.
import type { Reason } from '@pitstop/shared/fault'
import type { InstalledPackage, SimulatedChange } from '../domain/apt-output.ts'
import { applicable, compareSimulation, type PackageVersion, resolveManifest, stillNeeded } from '../domain/apt-plan.ts'
import type { Change } from '../domain/order-record.ts'
import { notStaged, stagedEntries, type StagedPackage } from '../domain/staged-packages.ts'
import type { OrderDesk } from './order-desk.ts'

export interface Compared {
  readonly install: readonly PackageVersion[]
  readonly changes: readonly Change[]
  readonly notes: readonly string[]
  readonly reasons: readonly Reason[]
}

/** What apt offers for these, for the origins. */
export interface Resolved extends Compared {
  readonly offered: readonly SimulatedChange[]
  readonly installed: readonly InstalledPackage[]
}

/** With an empty manifest the host's own resolution; else what of the manifest applies here, and every difference. */
export async function resolve(desk: OrderDesk, manifest: readonly PackageVersion[], lists: 'own' | 'host'): Promise<Resolved> {
  const { apt, settings } = desk.host
  const [upgrade, held, installed] = await Promise.all([apt.simulateUpgrade(lists), apt.holds(), apt.installed()])
  const restrictions = { excluded: settings.apt.exclude, held }
  if (manifest.length === 0) {
    const { changes, notes, reasons } = resolveManifest(upgrade, restrictions)
    return { install: changes.map(({ name, to }) => ({ name, version: to })), changes, notes, reasons, offered: changes, installed }
  }
  const offered = lists === 'host' ? upgrade.changes : await withNewHere(desk, manifest, installed, upgrade.changes)
  const { install, notes, reasons } = applicable(manifest, installed, { ...upgrade, changes: offered }, restrictions)
  return { install, changes: describedChanges(install, installed, offered), notes, reasons, offered, installed }
}

/**
 * Which of the manifest's packages that are not installed here would come in with the others: asked of apt in a world of
 * nothing but the manifest, so that neither a phase nor what else the repository offers by now plays a part.
 */
async function withNewHere({ host: { apt } }: OrderDesk, manifest: readonly PackageVersion[], installed: readonly InstalledPackage[], offered: readonly SimulatedChange[]): Promise<readonly SimulatedChange[]> {
  const isAbsent = ({ name }: { readonly name: string }): boolean => manifest.some((each) => each.name === name) && !installed.some((each) => each.name === name)
  if (!manifest.some(isAbsent)) return offered
  const wanted = stillNeeded(manifest, installed)
  const { entries, missing } = stagedEntries(apt.archives.read(), wanted)
  const stanzas = missing.length === 0 ? [] : await apt.stanzas(missing)
  const { changes } = await apt.simulateStaged([...entries, ...stanzas])
  const described = [...offered, ...asOffers(entries)]
  return [
    ...offered.filter((each) => !isAbsent(each)),
    ...changes.filter(isAbsent).map((change) => described.find(({ name, to }) => name === change.name && to === change.to) ?? { ...change, origin: '', security: false })
  ]
}

/**
 * Upgrade: the same from nothing but what is staged, without network. While somebody else's apt is at work its state is in motion:
 * then only the order's unit, which waits for it, can tell.
 */
export async function compareStaged({ host: { apt, settings, files } }: OrderDesk, manifest: readonly PackageVersion[]): Promise<Compared> {
  const [held, installed] = await Promise.all([apt.holds(), apt.installed()])
  const staged = apt.archives.read().packages.filter((each) => manifest.some(({ name, version }) => name === each.name && version === each.version))
  const { install, notes, reasons } = applicable(manifest, installed, { changes: asOffers(staged), removed: [], kept: [], unread: [] }, { excluded: settings.apt.exclude, held })
  const { entries, missing } = stagedEntries({ listsFor: '', packages: staged }, install)
  const changes = describedChanges(install, installed, asOffers(entries))
  const differences = missing.length > 0 ? missing.map(notStaged)
    : install.length === 0 || reasons.length > 0 || files.dpkgLockHolder() !== undefined ? [] : compareSimulation(install, await apt.simulateStaged(entries))
  return { install, changes, notes, reasons: [...reasons, ...differences] }
}

export const asOffers = (entries: readonly StagedPackage[]): readonly SimulatedChange[] =>
  entries.map(({ name, version, origin, security }) => ({ name, from: '', to: version, origin, security }))

export function describedChanges(install: readonly PackageVersion[], installed: readonly InstalledPackage[], offers: readonly SimulatedChange[]): readonly Change[] {
  const versions = new Map(installed.map(({ name, version }) => [name, version]))
  return install.map(({ name, version }) => {
    const offer = offers.find((each) => each.name === name && each.to === version && each.origin !== '')
    return { name, from: versions.get(name) ?? '', to: version, origin: offer?.origin ?? '', security: offer?.security ?? false }
  })
}

export const packageText = ({ name, version }: PackageVersion): string => `${name}=${version}`
