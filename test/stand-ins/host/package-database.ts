// dpkg's and apt's knowledge of a stand-in host: what is installed and in which state, what the package lists
// offer, and the lock that keeps two apt processes apart. Every change is durable before the next step begins, so
// a kill at any moment leaves exactly the half-done state that a real dpkg leaves.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { compareVersions } from './debian-version.ts'
import { readJson, writeJson } from './durable-file.ts'
import { takeFault } from './faults.ts'
import { at } from './host-layout.ts'

/** half-installed: unpacking broke off; unpacked: files are there, not configured; half-configured: its script failed or was cut off. */
export type PackageState = 'installed' | 'half-installed' | 'unpacked' | 'half-configured'

export interface InstalledPackage {
  readonly version: string
  readonly architecture: string
  readonly summary: string
  readonly state: PackageState
  readonly held?: boolean
}

export interface PackageDatabase {
  readonly packages: Readonly<Record<string, InstalledPackage>>
  /** The process that is changing packages; still here when it was cut off = dpkg was interrupted. */
  readonly running?: { readonly pid: number }
}

export interface AvailablePackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly summary: string
  /** As apt prints it: "Debian:12.8/stable", several with ", " between. */
  readonly release: string
  /** Names, or name=version for "at least this". */
  readonly depends?: readonly string[]
  /** Its post-installation asks for a reboot (kernels do anyway). */
  readonly rebootRequired?: boolean
  /** kB of the archive. */
  readonly size?: number
  /** A file on this host, and what its index says of it. */
  readonly local?: string
  readonly sha256?: string
}

export const readDatabase = (root: string): PackageDatabase => readJson<PackageDatabase>(at(root, 'packages'), { packages: {} })

export const writeDatabase = (root: string, database: PackageDatabase): void => writeJson(at(root, 'packages'), database)

export function changePackage(root: string, name: string, change: Partial<InstalledPackage>): void {
  const database = readDatabase(root)
  const before = database.packages[name] ?? { version: '', architecture: 'amd64', summary: '', state: 'half-installed' as const }
  writeDatabase(root, { ...database, packages: { ...database.packages, [name]: { ...before, ...change } } })
}

export const wasInterrupted = ({ running }: PackageDatabase): boolean => running !== undefined && !isAlive(running.pid)

/** What the lists offer, as of the last apt-get update. */
export const readLists = (root: string): readonly AvailablePackage[] => readJson<AvailablePackage[]>(at(root, 'lists'), [])

export const candidateOf = (lists: readonly AvailablePackage[], name: string): AvailablePackage | undefined =>
  lists.filter((entry) => entry.name === name).sort((a, b) => compareVersions(b.version, a.version))[0]

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

interface Holder { readonly pid: number, readonly name: string, readonly until?: number }

/** Takes the lock, or tells who has it. The release is idempotent. */
export function takeLock(root: string, place: 'dpkgLock' | 'listsLock', name: string): { release: () => void } | { holder: Holder } {
  const path = at(root, place)
  const intruder = place === 'dpkgLock' ? takeFault(root, 'dpkg-lock-held') : undefined
  if (intruder !== undefined) {
    const until = intruder.ms === undefined ? {} : { until: Date.now() + intruder.ms }
    // The machine's own process stands for the one that holds it: alive as long as the host is.
    writeJson(path, { pid: machinePid(root) ?? 1, name: intruder.process ?? 'unattended-upgr', ...until })
  }
  for (let tries = 0; tries < 3; tries++) {
    try {
      const file = openSync(path, 'wx')
      writeSync(file, JSON.stringify({ pid: process.pid, name }))
      closeSync(file)
      return { release: () => { rmSync(path, { force: true }) } }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const holder = readHolder(path)
      if (holder !== undefined && isAlive(holder.pid) && (holder.until ?? Infinity) > Date.now()) return { holder }
      rmSync(path, { force: true })
    }
  }
  return { holder: readHolder(path) ?? { pid: 0, name: 'unknown' } }
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    // Gone meanwhile, or still being written: the holder is at work this very moment.
    return undefined
  }
}

function machinePid(root: string): number | undefined {
  const text = readJson<{ pid: number } | undefined>(`${at(root, 'run')}/machine.json`, undefined)
  return text?.pid
}
