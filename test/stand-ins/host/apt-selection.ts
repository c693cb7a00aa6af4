// What apt-get decides to change, the simple way: a candidate is the highest version, dependencies go one level deep.
// It refuses what the real one refuses: unknown versions, held packages, downgrades. Prints nothing, changes nothing.
import { visiblePackages } from './apt-lists.ts'
import { type AptRequest, AptError } from './apt-request.ts'
import { compareVersions } from './debian-version.ts'
import { type AvailablePackage, type InstalledPackage, candidateOf, readDatabase } from './package-database.ts'

/** A change apt has decided on. */
export interface Step { readonly to: AvailablePackage, readonly from: InstalledPackage | undefined }

export interface Selection {
  readonly steps: readonly Step[]
  /** Offered anew, not taken; only an upgrade names them. */
  readonly kept: readonly string[]
  readonly namesKept: boolean
  readonly notes: readonly string[]
}

export function selectUpgrade(root: string, request: AptRequest): Selection {
  const [{ packages }, lists] = [readDatabase(root), visiblePackages(root, request)]
  const steps = new Map<string, Step>()
  const kept: string[] = []
  for (const name of Object.keys(packages).sort()) {
    const [from, to] = [packages[name], candidateOf(lists, name)]
    if (from === undefined || to === undefined || compareVersions(to.version, from.version) <= 0) continue
    const needed = missingFor(root, to, lists)
    if (from.held === true || (needed.some((step) => step.from === undefined) && !request.newPackages)) kept.push(name)
    else for (const step of [...needed, { to, from }]) steps.set(step.to.name, step)
  }
  return { steps: [...steps.values()], kept, namesKept: true, notes: [] }
}

export function selectNamed(root: string, request: AptRequest): Selection {
  const [{ packages }, lists] = [readDatabase(root), visiblePackages(root, request)]
  const steps = new Map<string, Step>()
  const notes: string[] = []
  for (const word of request.names) {
    const [name = '', version] = word.split('=')
    const from = packages[name]
    const offered = lists.filter((entry) => entry.name === name)
    const to = version === undefined ? candidateOf(lists, name) : offered.find((entry) => entry.version === version)
    if (from !== undefined && from.version === (version ?? to?.version) && from.state !== 'half-installed') {
      notes.push(`${name} is already the newest version (${from.version}).`)
      continue
    }
    if (offered.length === 0 && from === undefined) throw new AptError(`Unable to locate package ${name}`)
    if (to === undefined) throw new AptError(`Version '${version ?? ''}' for '${name}' was not found`)
    if (from?.held === true && request.yes && !request.allowHeld) {
      throw new AptError('Held packages were changed and -y was used without --allow-change-held-packages.')
    }
    if (from !== undefined && compareVersions(to.version, from.version) < 0 && request.yes && !request.allowDowngrades) {
      throw new AptError('Packages were downgraded and -y was used without --allow-downgrades.')
    }
    for (const step of [...missingFor(root, to, lists), { to, from }]) if (!steps.has(step.to.name)) steps.set(step.to.name, step)
  }
  const kept = Object.keys(packages).filter((name) => {
    const best = candidateOf(lists, name)
    return !steps.has(name) && best !== undefined && compareVersions(best.version, packages[name]?.version ?? '') > 0
  })
  return { steps: [...steps.values()], kept, namesKept: false, notes }
}

/** What a package needs beside itself, one level deep. */
function missingFor(root: string, wanted: AvailablePackage, lists: readonly AvailablePackage[]): Step[] {
  const { packages } = readDatabase(root)
  return (wanted.depends ?? []).flatMap((word) => {
    const [name = '', version] = word.split('=')
    const from = packages[name]
    if (from !== undefined && (version === undefined || compareVersions(from.version, version) >= 0)) return []
    const to = lists.find((entry) => entry.name === name && entry.version === version) ?? candidateOf(lists, name)
    return to === undefined ? [] : [{ to, from }]
  })
}
