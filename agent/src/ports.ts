// The small interfaces between what decides and what touches the host. Each adapter implements one.
// Time comes in through Clock, so that nothing below reads a clock by itself.
import type { AptProgress } from './domain/apt-progress.ts'
import type { InstalledPackage, Simulation } from './domain/apt-output.ts'
import type { PackageVersion } from './domain/apt-plan.ts'
import type { StorageReading } from './domain/health-verdict.ts'
import type { ServiceReading } from './domain/service-status.ts'
import type { FreeSpace, Known } from './domain/veto.ts'
import type { BootFile } from './domain/kernel.ts'

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
    readonly address: string
    readonly tokenFile?: string
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
  readonly maximumClockOffsetMs: number
}

export interface Command {
  readonly argv: readonly [string, ...string[]]
  readonly deadlineMs: number
  readonly env?: Readonly<Record<string, string>>
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
  /** Empty when Gitaly stopped cleanly in time; otherwise what stood in the way. Never rejects. */
  readonly stop: () => Promise<string>
  readonly start: () => Promise<string>
}

export interface Apt {
  readonly update: () => Promise<void>
  readonly simulateUpgrade: () => Promise<Simulation>
  readonly simulateInstall: (packages: readonly PackageVersion[]) => Promise<Simulation>
  readonly download: (packages: readonly PackageVersion[]) => Promise<void>
  /** Does not throw for apt's own failure: the caller must still look at what dpkg holds. */
  readonly install: (packages: readonly PackageVersion[], statusFile: string) => Promise<CommandResult>
  readonly holds: () => Promise<readonly string[]>
  readonly audit: () => Promise<string>
  readonly installed: () => Promise<readonly InstalledPackage[]>
  readonly architecture: () => Promise<string>
}

/** Truth straight from the host's files. */
export interface HostFiles {
  readonly bootId: () => string
  readonly uptimeMs: () => number
  readonly kernel: () => string
  readonly disabled: () => string | undefined
  readonly downFile: () => string | undefined
  readonly bootFiles: () => readonly BootFile[]
  readonly freeSpace: () => readonly FreeSpace[]
  readonly scheduledShutdownFile: () => boolean
  /** Packages that ask for a reboot; undefined = none asks. */
  readonly rebootRequired: () => readonly string[] | undefined
  readonly osRelease: () => ReadonlyMap<string, string>
  readonly logPath: string
}

export type UnitState = 'active' | 'gone' | 'unknown'

export interface Units {
  readonly start: (name: string, argv: readonly string[], environment: Readonly<Record<string, string>>, description: string) => Promise<void>
  readonly state: (name: string) => Promise<UnitState>
  readonly stop: (name: string) => Promise<void>
}

export interface GitalyFacts {
  readonly version: string
  readonly storages: readonly StorageReading[]
}

export interface Gitaly {
  readonly check: () => Promise<Known<string>>
  readonly serverInfo: () => Promise<Known<GitalyFacts>>
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
