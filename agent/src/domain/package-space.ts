// Is there room for the packages of an order? Pure. Counted before anything is fetched: dpkg on a full disk stops in the middle.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { InstalledPackage } from './apt-output.ts'
import type { Stanza } from './apt-stanza.ts'

export interface SpaceNeed {
  readonly downloadBytes: number
  /** What the file systems hold more afterwards, and at most meanwhile: dpkg unpacks a package's new files beside the old. */
  readonly installBytes: number
}

export function spaceNeed(download: readonly Stanza[], install: readonly Stanza[], installed: readonly InstalledPackage[]): SpaceNeed {
  const present = new Map(installed.map(({ name, installedKb = 0 }) => [name, installedKb]))
  const growthKb = install.reduce((sum, { name, installedKb }) => sum + Math.max(0, installedKb - (present.get(name) ?? 0)), 0)
  const besideKb = Math.max(0, ...install.map(({ name, installedKb }) => Math.min(installedKb, present.get(name) ?? 0)))
  return { downloadBytes: download.reduce((sum, { size }) => sum + size, 0), installBytes: (growthKb + besideKb) * 1024 }
}

/** Free bytes where packages are staged and where they are installed; `shared`: that is one file system. */
export interface FreeForPackages {
  readonly staging: number
  readonly system: number
  readonly shared: boolean
}

/** @param reserve what must stay free whatever is installed. */
export function spaceReasons({ downloadBytes, installBytes }: SpaceNeed, free: FreeForPackages, reserve: number): readonly Reason[] {
  const places = free.shared
    ? [{ path: '/', free: free.system, need: downloadBytes + installBytes, what: 'downloading and installing' }]
    : [{ path: '/var/cache/pitstop-agent', free: free.staging, need: downloadBytes, what: 'downloading' }, { path: '/usr', free: free.system, need: installBytes, what: 'installing' }]
  return places.filter((each) => each.free - each.need < reserve).map((each) =>
    reason('DISK_FULL', `${each.path} has ${megabytes(each.free)} free; ${each.what} takes ${megabytes(each.need)} and ${megabytes(reserve)} shall stay free`))
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_048_576)} MiB`
