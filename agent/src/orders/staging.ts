// The work of a stage order: what would change here, held against the manifest or resolved into one, fetched and proven. Changes
// no installed package. What is staged already stays good when the repository has moved on: then not even the lists are
// refreshed, so that another night begins where the first one ended.
import { Fault } from '@pitstop/shared/fault'
import { manifestHash } from '@pitstop/shared/digest'
import { dpkgLockFree } from '../adapters/dpkg-files.ts'
import { lockedBy } from '../domain/apt-fault.ts'
import { compareSimulation, type PackageVersion } from '../domain/apt-plan.ts'
import { heldBy } from '../domain/file-lock.ts'
import { spaceNeed, spaceReasons } from '../domain/package-space.ts'
import { notStaged, stagedEntries, type StagedPackage, withoutObsolete, withStaged } from '../domain/staged-packages.ts'
import type { OnProgress } from '../ports.ts'
import type { OrderDesk } from './order-desk.ts'
import { asOffers, type Compared, describedChanges, packageText, resolve, type Resolved } from './resolve-packages.ts'

export async function carryOutStaging(desk: OrderDesk, manifest: readonly PackageVersion[], onProgress: OnProgress): Promise<Compared> {
  const { apt, settings: { root, apt: settings } } = desk.host
  apt.prepare()
  const asked = manifest.length === 0 ? '' : manifestHash(manifest)
  apt.archives.replace(withoutObsolete(apt.archives.read(), await apt.installed(), neededByOrders(desk), desk.clock.now()))
  const again = await stagedBefore(desk, manifest, asked)
  if (again !== undefined) {
    onProgress({ percent: 90, text: 'all of it was staged before' })
    return await proven(desk, again)
  }
  onProgress({ percent: 0, text: 'refreshing package lists' })
  apt.archives.replace({ ...apt.archives.read(), listsFor: '' })
  await apt.update()
  const holder = await dpkgLockFree(root, settings.lockTimeoutMs, undefined, (current) => { onProgress({ percent: 20, text: `waiting: ${heldBy(current)}` }) })
  if (holder !== undefined) throw lockedBy(holder.path, holder.pid, holder.program)
  onProgress({ percent: 30, text: 'simulating' })
  const resolved = await resolve(desk, manifest, 'own')
  if (resolved.reasons.length > 0) return resolved
  if (resolved.install.length > 0) await fetch(desk, resolved, onProgress)
  onProgress({ percent: 95, text: 'simulating with what is staged' })
  const outcome = await proven(desk, resolved)
  if (outcome.reasons.length === 0) apt.archives.replace({ ...apt.archives.read(), listsFor: asked === '' ? manifestHash(outcome.install) : asked })
  return outcome
}

/** undefined = something is missing, or differs by the lists of that time: then all is looked at anew. */
async function stagedBefore(desk: OrderDesk, manifest: readonly PackageVersion[], hash: string): Promise<Resolved | undefined> {
  const { archives } = desk.host.apt
  const index = archives.read()
  if (hash === '' || index.listsFor !== hash) return undefined
  const resolved = await resolve(desk, manifest, 'own')
  const { entries, missing } = stagedEntries(index, resolved.install)
  const whole = resolved.reasons.length === 0 && missing.length === 0 && (await archives.whole(entries)).length === entries.length
  return whole ? resolved : undefined
}

async function fetch(desk: OrderDesk, { install, offered, installed }: Resolved, onProgress: OnProgress): Promise<void> {
  const { apt, settings: { apt: { minimumFreeBytes } } } = desk.host
  const before = stagedEntries(apt.archives.read(), install)
  const whole = await apt.archives.whole(before.entries)
  const wanted = [...before.missing, ...before.entries.filter((each) => !whole.includes(each))]
  const stanzas = wanted.length === 0 ? [] : await apt.stanzas(wanted)
  const absent = wanted.filter(({ name, version }) => !stanzas.some((each) => each.name === name && each.version === version))
  if (absent.length > 0) {
    throw new Fault('MANIFEST_DIFFERS', `apt does not offer ${absent.map(packageText).join(', ')} here, and it was not staged before`,
      { hint: 'compare the repositories of this host and of the canary; a version that was superseded needs a new plan' })
  }
  const [tight] = spaceReasons(spaceNeed(stanzas, [...stanzas, ...whole], installed), apt.archives.space(), minimumFreeBytes)
  if (tight !== undefined) throw new Fault('DISK_FULL', tight.text, { hint: tight.hint })
  if (stanzas.length > 0) {
    onProgress({ percent: 40, text: `downloading ${stanzas.length} packages` })
    await apt.download(stanzas)
  }
  const stagedAtMs = desk.clock.now()
  const staged = stanzas.map((stanza): StagedPackage => {
    const offer = offered.find(({ name, to }) => name === stanza.name && to === stanza.version)
    return { ...stanza, origin: offer?.origin ?? '', security: offer?.security ?? false, stagedAtMs }
  })
  apt.archives.replace(withStaged(apt.archives.read(), staged))
}

/** With nothing but what is staged apt must do exactly what was resolved. */
async function proven({ host: { apt } }: OrderDesk, { install, installed, notes, offered }: Resolved): Promise<Compared> {
  const { entries, missing } = stagedEntries(apt.archives.read(), install)
  const reasons = missing.length > 0 ? missing.map(notStaged) : install.length === 0 ? [] : compareSimulation(install, await apt.simulateStaged(entries))
  return { install, changes: describedChanges(install, installed, [...offered, ...asOffers(entries)]), notes, reasons }
}

/** What upgrades that are not over still need. */
const neededByOrders = ({ store }: OrderDesk): readonly PackageVersion[] => store.readAll()
  .filter(({ accepted, decision, outcome }) => accepted?.step === 'upgrade' && outcome === undefined && decision?.kind !== 'cancelled').flatMap(({ accepted }) => accepted?.install ?? [])
