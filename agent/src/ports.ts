// The small interfaces between what decides and what touches the host. Each adapter implements one.
// Time comes in through Clock, so that nothing below reads a clock by itself.
import type { Reason } from '@pitstop/shared/fault'
import type { AptProgress } from './domain/apt-progress.ts'
import type { InstalledPackage, Simulation } from './domain/apt-output.ts'
import type { PackageVersion } from './domain/apt-plan.ts'
import type { Stanza } from './domain/apt-stanza.ts'
import type { LockHolder } from './domain/file-lock.ts'
import type { FreeForPackages } from './domain/package-space.ts'
import type { StagedIndex, StagedPackage } from './domain/staged-packages.ts'
import type { GitalyAnswer } from './domain/gitaly-answer.ts'
import type { StorageReading } from './domain/health-verdict.ts'
import type { ServiceReading } from './domain/service-status.ts'
import type { FreeSpace } from './domain/veto.ts'
import type { BootReading } from './domain/boot-check.ts'
import type { MountReading } from './domain/fstab.ts'

export interface Clock {
  /** Unix ms. */
  readonly now: () => number
  /** Ms that only grow. */
  readonly monotonic: () => number
}

/** Plain data, handed to the units as JSON. */
export interface HostSettings {
  /** Stands before every absolute path of the host. */
  readonly root: string
  /** Directories searched for the host's commands. */
  readonly path: readonly string[]
  readonly gitaly: {
    readonly manager: 'gitlab-ctl' | 'systemd'
    readonly service: string
    /** In Gitaly's own schemes: shared/gitaly-address. */
    readonly address: string
    /** tls: file of authorities; undefined = the system's. */
    readonly authority?: string
    /** tls: whom the certificate must be for; undefined = the host of the address. */
    readonly serverName?: string
    readonly tokenFile?: string
    /** host:port of its Prometheus page; undefined = it has none. */
    readonly metrics?: string
    /** Gitaly's own configuration, for the paths of its storages; undefined = omnibus' place. */
    readonly config?: string
    readonly log: string
    readonly stopDeadlineMs: number
    readonly startDeadlineMs: number
    readonly healthIntervalMs: number
  }
  readonly apt: {
    readonly lockTimeoutMs: number
    readonly deadlineMs: number
    readonly exclude: readonly string[]
    readonly minimumFreeBytes: number
    readonly minimumFreeBootBytes: number
  }
  readonly rebootPolicy: 'if-needed' | 'always'
  /** observe: orders are judged and written down, and nothing is done. */
  readonly mode: 'act' | 'observe'
  readonly hooks: {
    readonly directory: string
    readonly deadlineMs: number
    /** An undo that nothing else has called for is paid this long after its hook ran. */
    readonly undoAfterMs: number
  }
  readonly maximumClockOffsetMs: number
}

export interface Command {
  readonly argv: readonly [string, ...string[]]
  readonly deadlineMs: number
  readonly env?: Readonly<Record<string, string>>
  /** Directory that it starts in; absent = /. */
  readonly cwd?: string
  /** Opened for append as descriptor 3 of the command. */
  readonly statusFile?: string
  /** Between TERM and KILL. */
  readonly graceMs?: number
  /** Bytes kept of each stream, the last ones. */
  readonly outputCap?: number
}

export interface CommandResult {
  /** null = ended by a signal. */
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  /** Output beyond the cap was dropped from its beginning. */
  readonly truncated: boolean
  readonly timedOut: boolean
  readonly elapsedMs: number
}

/** Rejects only when the command could not be started. */
export type RunCommand = (command: Command) => Promise<CommandResult>

export interface ServiceManager {
  readonly status: () => Promise<ServiceReading>
  readonly statusOfAll: () => Promise<readonly ServiceReading[]>
  /**
   * Empty when Gitaly stopped cleanly in time, and its log holds what it said; otherwise what stood in the way. What was
   * asked to stop it may end a little later. Never rejects.
   */
  readonly stop: () => Promise<string>
  readonly start: () => Promise<string>
  /** Why Gitaly would not be started at boot; undefined = it would. */
  readonly bootObstacle: () => Promise<string | undefined>
}

/** What lies ready to be installed. */
export interface Archives {
  readonly read: () => StagedIndex
  /** Durable; archives that it does not name are removed. */
  readonly replace: (index: StagedIndex) => void
  /** Those whose file is there with the size and hash of the repository's index. */
  readonly whole: (entries: readonly StagedPackage[]) => Promise<readonly StagedPackage[]>
  readonly space: () => FreeForPackages
}

export interface Apt {
  readonly archives: Archives
  /** Directories and pins of our own apt: before the first use of our own lists. */
  readonly prepare: () => void
  /** Refreshes our own lists; the host's stay as they are. */
  readonly update: () => Promise<void>
  /** By the host's lists, or by those of the last `update`. */
  readonly simulateUpgrade: (lists?: 'host' | 'own') => Promise<Simulation>
  /** By nothing but what is staged. */
  readonly simulateStaged: (entries: readonly Stanza[]) => Promise<Simulation>
  /** What our own lists know of these; those that they do not offer are left out. */
  readonly stanzas: (packages: readonly PackageVersion[]) => Promise<readonly Stanza[]>
  /** In among the staged archives. What did come is kept also when the rest did not. */
  readonly download: (stanzas: readonly Stanza[]) => Promise<void>
  /** Exactly what is staged. Does not throw for apt's own failure: the caller must still look at what dpkg holds. */
  readonly install: (entries: readonly StagedPackage[], statusFile: string) => Promise<CommandResult>
  readonly holds: () => Promise<readonly string[]>
  /** What is wrong with dpkg; empty = nothing. */
  readonly audit: () => Promise<string>
  /** All that is there, half-installed packages included. */
  readonly packages: () => Promise<readonly InstalledPackage[]>
  readonly installed: () => Promise<readonly InstalledPackage[]>
  readonly architecture: () => Promise<string>
}

/** Truth straight from the host's files. */
export interface HostFiles {
  readonly bootId: () => string
  /** Since this host's boot, in a container too. */
  readonly uptimeMs: () => number
  /** Since the machine's boot: the clock of systemd's monotonic timestamps. */
  readonly machineUptimeMs: () => number
  readonly kernel: () => string
  readonly disabled: () => string | undefined
  readonly downFile: () => string | undefined
  readonly boot: () => BootReading
  readonly mounts: () => MountReading
  readonly freeSpace: () => readonly FreeSpace[]
  /** Who holds dpkg's lock; undefined = nobody. */
  readonly dpkgLockHolder: () => LockHolder | undefined
  /** What a dpkg that was cut off left in /var/lib/dpkg/updates. */
  readonly unfinishedDpkgWrites: () => readonly string[]
  readonly scheduledShutdownFile: () => boolean
  /** Somebody asked logind for time before a shutdown. */
  readonly inhibitorFiles: () => boolean
  /** Another one when packages changed. */
  readonly packagesStamp: () => string
  /** Why hooks may not be run; none = they may, or there are none. */
  readonly hookProblems: () => readonly Reason[]
  /** Packages that ask for a reboot; undefined = none asks. */
  readonly rebootRequired: () => readonly string[] | undefined
  readonly osRelease: () => ReadonlyMap<string, string>
  /** runit's folder of the service, where omnibus has one. */
  readonly servicePath: string
  readonly logPath: string
}

/** ending: it has done what it will do, and its name is not free yet. */
export type UnitState = 'active' | 'ending' | 'gone' | 'unknown'

export interface TransientUnit {
  readonly name: string
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly description: string
  /** NAME=VALUE as systemd-run takes them. */
  readonly properties: readonly string[]
}

export interface Units {
  readonly start: (unit: TransientUnit) => Promise<void>
  readonly state: (name: string) => Promise<UnitState>
  readonly stop: (name: string) => Promise<void>
}

export interface GitalyFacts {
  readonly version: string
  readonly storages: readonly StorageReading[]
}

export interface Gitaly {
  readonly check: () => Promise<GitalyAnswer<string>>
  readonly serverInfo: () => Promise<GitalyAnswer<GitalyFacts>>
  /** Pushes "SERVING", other states, or undefined when the stream breaks; reconnects by itself until closed. */
  readonly watch: (onStatus: (status: string | undefined) => void) => () => void
  readonly close: () => void
}

export type OnProgress = (progress: AptProgress) => void

export interface Logger {
  readonly info: (fields: object, text: string) => void
  readonly warn: (fields: object, text: string) => void
  readonly error: (fields: object, text: string) => void
}
