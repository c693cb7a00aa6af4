// What lies ready on this host to be installed, and what of it may go. Pure. A staged package is kept until its version is
// installed or thirty days have passed: a repository that drops it, or another night, does not matter.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { InstalledPackage } from './apt-output.ts'
import type { PackageVersion } from './apt-plan.ts'
import { compareVersions } from './debian-version.ts'
import type { Stanza } from './apt-stanza.ts'

export interface StagedPackage extends Stanza {
  readonly origin: string
  readonly security: boolean
  readonly stagedAtMs: number
}

export interface StagedIndex {
  /** Hash of the manifest that the package lists were last refreshed for; empty = for none that was staged to its end. */
  readonly listsFor: string
  readonly packages: readonly StagedPackage[]
}

export const nothingStaged: StagedIndex = { listsFor: '', packages: [] }

/** Longer than a plan that needs several nights; a host that was forgotten shall not keep its disk full. */
const keptMs = 30 * 24 * 3_600_000

export const stagedEntry = ({ packages }: StagedIndex, { name, version }: PackageVersion): StagedPackage | undefined =>
  packages.find((each) => each.name === name && each.version === version)

export function stagedEntries(index: StagedIndex, wanted: readonly PackageVersion[]): { readonly entries: readonly StagedPackage[], readonly missing: readonly PackageVersion[] } {
  const entries = wanted.flatMap((each) => stagedEntry(index, each) ?? [])
  return { entries, missing: wanted.filter((each) => stagedEntry(index, each) === undefined) }
}

export const notStaged = ({ name, version }: PackageVersion): Reason => reason('NOT_STAGED', `${name} ${version} is not staged on this host`)

export const notWhole = ({ name, version, file }: StagedPackage): Reason =>
  reason('NOT_STAGED', `${name} ${version} was staged on this host, but ${file} is gone, or no longer what the repository's index says`)

/** Packages staged anew take the place of the same ones staged before. */
export const withStaged = (index: StagedIndex, added: readonly StagedPackage[]): StagedIndex => ({
  ...index,
  packages: [...index.packages.filter((each) => !added.some(({ file }) => file === each.file)), ...added]
})

/** @param needed by orders that are not over: never taken away, however old. */
export function withoutObsolete(index: StagedIndex, installed: readonly InstalledPackage[], needed: readonly PackageVersion[], nowMs: number): StagedIndex {
  const versions = new Map(installed.map(({ name, version }) => [name, version]))
  const packages = index.packages.filter((each) => {
    if (needed.some(({ name, version }) => name === each.name && version === each.version)) return true
    const present = versions.get(each.name)
    const used = present !== undefined && compareVersions(present, each.version) >= 0
    return !used && nowMs - each.stagedAtMs < keptMs
  })
  return { ...index, packages }
}

/** An index of local files, as apt reads it with `--with-source`. */
export const packagesFile = (entries: readonly Stanza[]): string => entries.map(({ text }) => `${text}\n`).join('\n')
