// Where things are inside the folder of a stand-in host, and what its settings file may say. The same paths as on
// a Debian host with GitLab's package, under a root; only etc/machine.json, etc/faults.json and the three history
// files in var/log belong to the stand-in alone.
import { join } from 'node:path'
import { readJson } from './durable-file.ts'

export const layout = {
  settings: 'etc/machine.json',
  faults: 'etc/faults.json',
  pid1: 'etc/pid1.address',
  repository: 'etc/apt/repository.json',
  packages: 'var/lib/dpkg/status.json',
  dpkgLock: 'var/lib/dpkg/lock-frontend',
  listsLock: 'var/lib/apt/lists/lock',
  archives: 'var/cache/apt/archives',
  lists: 'var/lib/apt/lists/repository.json',
  boot: 'boot',
  bootId: 'proc/sys/kernel/random/boot_id',
  kernel: 'proc/sys/kernel/osrelease',
  uptime: 'proc/uptime',
  stat: 'proc/stat',
  run: 'run',
  rebootRequired: 'run/reboot-required',
  dataDisk: 'dev/data-disk',
  gitalyService: 'opt/gitlab/service/gitaly',
  gitalyDown: 'opt/gitlab/sv/gitaly/down',
  gitalyLog: 'var/log/gitlab/gitaly',
  agentConfiguration: 'etc/pitstop/agent.yml',
  agentLog: 'var/log/pitstop-agent.log',
  journal: 'var/log/journal',
  commandHistory: 'var/log/commands.log',
  bootHistory: 'var/log/boots.log',
  machineHistory: 'var/log/machine.log'
} as const

export const at = (root: string, place: keyof typeof layout): string => join(root, layout[place])

/** Set in the environment of every process of a host, so that a reboot finds them all. */
export const hostMarker = 'PITSTOP_STAND_IN_HOST'

/** Who called a command: it ends with its caller's unit, whatever environment the caller gave it. */
export const parentMarker = 'PITSTOP_STAND_IN_PARENT'

export interface GitalySettings {
  /** host:port of the service (or unix:/path) and host:port of its /metrics. */
  readonly listen: string
  /** It speaks TLS with these files. */
  readonly tls?: { readonly certificate: string, readonly key: string }
  readonly metrics: string
  /** Paths as the host sees them, without the root. */
  readonly storages: readonly { readonly name: string, readonly path: string }[]
  /** Time from exec to listening, node's own start included. */
  readonly startMs: number
  /** Major version under 17 behaves like 16.7: no "Started Gitaly", TERM cuts calls and ends with exit 1. */
  readonly release: string
  /** Log the lines of gitaly-wrapper too, its harmless errors included. */
  readonly wrapper: boolean
  readonly logLevel: 'info' | 'warn'
  /** graceful_restart_timeout: how long TERM waits for running calls. */
  readonly gracefulMs: number
  /** File with the secret, its real path; none = no authentication. */
  readonly tokenFile?: string
}

export interface MachineSettings {
  readonly node: string
  /** 127.x.y.z: where the machine listens for the host's own commands. */
  readonly address: string
  /** The agent's command line; empty = this host has none. */
  readonly agent: readonly string[]
  /** From power to a running kernel, first boot. */
  readonly firmwareMs: number
  /** The same for a reboot: from the last process gone to the new boot id. */
  readonly rebootMs: number
  /** Between boot and gitlab-runsvdir (After=multi-user.target). */
  readonly runsvdirDelayMs: number
  /** TERM to KILL at shutdown; systemd gives 90 s. */
  readonly shutdownGraceMs: number
  readonly agentRestartMs: number
  /** How late a timer fires that did not ask for AccuracySec; systemd allows itself a minute. */
  readonly timerSlackMs: number
  /** How long runit stays in `finish`; 0 = no finish script. */
  readonly finishMs: number
  /** What one apt-get install takes beyond its own start; other apt work is a fraction of it. */
  readonly aptMs: number
  readonly architecture: string
  readonly svlogd: { readonly size: number, readonly keep: number }
  readonly gitaly: GitalySettings
}

export const readSettings = (root: string): MachineSettings =>
  readJson<MachineSettings | undefined>(at(root, 'settings'), undefined) ?? missing(root)

function missing(root: string): never {
  throw new Error(`${root} is not a stand-in host: no ${layout.settings}`)
}
