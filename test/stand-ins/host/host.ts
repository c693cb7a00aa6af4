// A stand-in host as a demo or a scenario holds it: what can be done to it and what can be read of it.
import type { FaultName, FaultOptions } from './faults.ts'
import type { BootRecord, CommandRecord, MachineEvent } from './history.ts'
import type { AvailablePackage, InstalledPackage } from './package-database.ts'
import type { RebootTimes } from './reboot-times.ts'

export interface Host extends AsyncDisposable {
  readonly node: string
  readonly root: string
  /** host:port */
  readonly agentAddress: string
  readonly gitalyAddress: string
  readonly metricsAddress: string
  /** bin folder with the host's commands. */
  readonly path: string
  /** Resolves when the machine process runs; the host boots then. Also switches a host on that stayed off. */
  readonly powerOn: () => Promise<void>
  /** Orderly, as by its power button; resolves when no process is left. */
  readonly powerOff: () => Promise<void>
  /** Power fails for a moment: everything dies at once and the host boots by itself. */
  readonly powerCycle: () => Promise<void>
  /** kill -9 of the machine process. */
  readonly killMachine: () => Promise<void>
  /** @returns false when there is none. */
  readonly killAgent: (signal?: NodeJS.Signals) => boolean
  readonly killGitaly: (signal?: NodeJS.Signals) => boolean
  readonly machinePid: () => number | undefined
  readonly agentPid: () => number | undefined
  readonly gitalyPid: () => number | undefined
  /** Empty before the first boot; the last one while it is off. */
  readonly bootId: () => string
  readonly boots: () => BootRecord[]
  readonly commands: () => CommandRecord[]
  readonly events: () => MachineEvent[]
  readonly reboots: () => RebootTimes[]
  readonly installed: () => Readonly<Record<string, InstalledPackage>>
  /** Packages that dpkg does not call properly installed. */
  readonly brokenPackages: () => readonly string[]
  /** All lines in Gitaly's current log file. */
  readonly gitalyLog: () => string[]
  readonly fault: <N extends FaultName>(name: N, options?: FaultOptions[N] & { readonly times?: number | 'always' }) => Promise<void>
  readonly removeFault: (name: FaultName) => void
  /** Puts a data disk back that was missing at boot; Gitaly should be stopped. */
  readonly mountDataDisk: () => Promise<void>
  /** A new version in the repositories; seen after apt-get update. */
  readonly publish: (entry: AvailablePackage) => void
  /** A person's shell on the host. */
  readonly run: (command: string, ...args: readonly string[]) => Promise<{ exit: number | null, signal: string | null, stdout: string, stderr: string }>
  /** @param what for the message when it does not come. The predicate is asked again whenever something happens on the host. */
  readonly waitFor: <T>(what: string, predicate: (host: Host) => T | undefined | false, timeoutMs?: number) => Promise<T>
  /** Gitaly of the present boot listens. */
  readonly whenServing: (timeoutMs?: number) => Promise<MachineEvent>
}
