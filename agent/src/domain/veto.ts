// Why the host refuses: facts in, all reasons out. Pure. A fact that could not be read is a refusal, not a pass.
import { type Reason, reason } from '@pitstop/shared/fault'
import { formatDuration } from '@pitstop/shared/duration'
import { dpkgReasons } from './dpkg-audit.ts'
import { heldBy, type LockHolder } from './file-lock.ts'
import type { ServiceReading } from './service-status.ts'

/** A fact, or why it could not be had. */
export type Known<T> = { readonly value: T } | { readonly unknown: string }
export const isKnown = <T>(fact: Known<T>): fact is { readonly value: T } => 'value' in fact

export interface FreeSpace {
  readonly path: string
  readonly free: number
  readonly needed: number
  /** Absent where the file system has no fixed number of them. */
  readonly inodes?: { readonly free: number, readonly needed: number }
}

export interface HostFacts {
  /** Content of /etc/pitstop/disabled; undefined = no such file. */
  readonly disabled: Known<string | undefined>
  /** What is wrong by `dpkg --audit` and dpkg's own unfinished writes; empty = clean. */
  readonly audit: Known<string>
  /** Whose dpkg or apt is at work; undefined = nobody's. */
  readonly dpkgLock: Known<LockHolder | undefined>
  readonly space: Known<readonly FreeSpace[]>
  readonly bootProblems: Known<readonly string[]>
  /** What would keep the host from coming up as it is now: mounts, the default target. */
  readonly comebackProblems: Known<readonly string[]>
  /** Why Gitaly's unit would not be started at boot; undefined = it would. */
  readonly bootObstacle: Known<string | undefined>
  /** A runit `down` file's path; undefined = none. */
  readonly downFile: Known<string | undefined>
  /** Kind and time of a scheduled shutdown. */
  readonly shutdown: Known<string | undefined>
  /** Who blocks a shutdown. */
  readonly blockers: Known<readonly string[]>
  readonly service: Known<ServiceReading>
  /** Why hooks may not be run as root; empty = they may. */
  readonly hooks: Known<readonly Reason[]>
}

export type Step = 'stage' | 'upgrade' | 'reboot'

type Check = (facts: HostFacts) => readonly Reason[]

const blind = (fact: Known<unknown>, code: Reason['code'], what: string): readonly Reason[] =>
  isKnown(fact) ? [] : [reason(code, `${what} cannot be read: ${fact.unknown}`)]

const disabled: Check = ({ disabled: fact }) => isKnown(fact)
  ? fact.value === undefined ? [] : [reason('HOST_DISABLED', `/etc/pitstop/disabled exists${fact.value === '' ? '' : `: ${fact.value}`}`)]
  : blind(fact, 'HOST_DISABLED', '/etc/pitstop/disabled')

/** dpkg's state by itself. */
export const dpkgVetoes = (audit: Known<string>): readonly Reason[] => isKnown(audit) ? dpkgReasons(audit.value) : blind(audit, 'DPKG_BROKEN', 'dpkg --audit')

/** Half-configured packages of an apt that is at work are no damage: the upgrade waits for it, then asks again. */
const dpkgSound: Check = ({ audit, dpkgLock }) => isKnown(dpkgLock) && dpkgLock.value !== undefined ? [] : dpkgVetoes(audit)

/** A reboot in the middle of somebody's apt would leave the host half upgraded. */
const dpkgAtRest: Check = ({ audit, dpkgLock }) => isKnown(dpkgLock)
  ? dpkgLock.value === undefined ? dpkgVetoes(audit) : [reason('DPKG_LOCKED', heldBy(dpkgLock.value), `wait for it; on the host: ps -fp ${dpkgLock.value.pid}`)]
  : blind(dpkgLock, 'DPKG_LOCKED', 'who holds dpkg\'s lock')

const space: Check = ({ space: fact }) => isKnown(fact)
  ? fact.value.flatMap(({ path, free, needed, inodes }) => [
    ...free < needed ? [reason('DISK_FULL', `${path} has ${megabytes(free)} free; ${megabytes(needed)} are needed`)] : [],
    ...inodes !== undefined && inodes.free < inodes.needed ? [reason('DISK_FULL', `${path} has ${inodes.free} inodes left; ${inodes.needed} are needed`, 'on the file system named: remove files; find / -xdev shows where the most are')] : []
  ])
  : blind(fact, 'DISK_FULL', 'free space')

const kernel: Check = ({ bootProblems }) => isKnown(bootProblems)
  ? bootProblems.value.map((problem) => reason('KERNEL_MISSING', problem))
  : blind(bootProblems, 'KERNEL_MISSING', '/boot')

const comeback: Check = ({ comebackProblems }) => isKnown(comebackProblems)
  ? comebackProblems.value.map((problem) => reason('BOOT_UNSAFE', problem))
  : blind(comebackProblems, 'BOOT_UNSAFE', '/etc/fstab and the mounts')

const markedDown: Check = ({ downFile, service, bootObstacle }) => [
  ...isKnown(downFile)
    ? downFile.value === undefined ? [] : [reason('SERVICE_MARKED_DOWN', `${downFile.value} exists: Gitaly would not start at boot`)]
    : blind(downFile, 'SERVICE_MARKED_DOWN', 'the down file'),
  ...isKnown(service) && service.value.normallyDown && !(isKnown(downFile) && downFile.value !== undefined)
    ? [reason('SERVICE_MARKED_DOWN', `Gitaly is marked down: ${service.value.text}`)] : [],
  ...isKnown(bootObstacle)
    ? bootObstacle.value === undefined ? [] : [reason('SERVICE_MARKED_DOWN', `Gitaly would not start at boot: ${bootObstacle.value}`)]
    : blind(bootObstacle, 'SERVICE_MARKED_DOWN', 'whether Gitaly\'s unit is enabled')
]

const shutdown: Check = ({ shutdown: fact }) => isKnown(fact)
  ? fact.value === undefined ? [] : [reason('SHUTDOWN_SCHEDULED', `another shutdown is scheduled: ${fact.value}`)]
  : blind(fact, 'SHUTDOWN_SCHEDULED', 'scheduled shutdowns')

const inhibited: Check = ({ blockers }) => isKnown(blockers)
  ? blockers.value.map((blocker) => reason('SHUTDOWN_BLOCKED', `a shutdown is blocked by ${blocker}`))
  : blind(blockers, 'SHUTDOWN_BLOCKED', 'who blocks shutdowns')

const running: Check = ({ service }) => isKnown(service)
  ? service.value.state === 'run' ? [] : [reason('SERVICE_NOT_RUNNING', `Gitaly does not run: ${service.value.text}`)]
  : blind(service, 'SERVICE_NOT_RUNNING', 'Gitaly\'s status')

const hooks: Check = ({ hooks: fact }) => isKnown(fact) ? fact.value : blind(fact, 'HOOK_REFUSED', 'the hook directories')

const checks: Readonly<Record<Step, readonly Check[]>> = {
  stage: [disabled, space],
  // A /boot that is not mounted must not be filled with kernels either.
  upgrade: [disabled, dpkgSound, space, comeback, markedDown, shutdown, running, hooks],
  reboot: [disabled, dpkgAtRest, space, kernel, comeback, markedDown, shutdown, inhibited, running, hooks]
}

/** Every reason, not the first. */
export const vetoes = (step: Step, facts: HostFacts): readonly Reason[] => checks[step].flatMap((check) => check(facts))

/**
 * The coordinator writes not-before from its own clock when it sends; an order that begins further in the future than
 * the offset allowed means that one of the two clocks is off, and not-after could not be trusted either.
 */
export function timeVetoes(grant: { readonly notBeforeMs: number, readonly notAfterMs: number }, nowMs: number, maximumOffsetMs: number): readonly Reason[] {
  if (nowMs >= grant.notAfterMs) return [reason('EXPIRED', `not-after passed ${formatDuration(nowMs - grant.notAfterMs)} ago`)]
  return nowMs + maximumOffsetMs < grant.notBeforeMs
    ? [reason('CLOCK_OFF', `not-before is ${formatDuration(grant.notBeforeMs - nowMs)} ahead of this host's clock; ${formatDuration(maximumOffsetMs)} are allowed`)]
    : []
}

const megabytes = (bytes: number): string => `${Math.floor(bytes / 1_048_576)} MiB`
