// Why the host refuses: facts in, all reasons out. Pure. A fact that could not be read is a refusal, not a pass.
import { type Reason, reason } from '@pitstop/shared/fault'
import { formatDuration } from '@pitstop/shared/duration'
import type { ServiceReading } from './service-status.ts'

/** A fact, or why it could not be had. */
export type Known<T> = { readonly value: T } | { readonly unknown: string }
export const isKnown = <T>(fact: Known<T>): fact is { readonly value: T } => 'value' in fact

export interface FreeSpace {
  readonly path: string
  readonly free: number
  readonly needed: number
}

export interface HostFacts {
  /** Content of /etc/pitstop/disabled; undefined = no such file. */
  readonly disabled: Known<string | undefined>
  /** Output of `dpkg --audit`; empty = clean. */
  readonly audit: Known<string>
  readonly space: Known<readonly FreeSpace[]>
  readonly bootProblems: Known<readonly string[]>
  /** A runit `down` file's path; undefined = none. */
  readonly downFile: Known<string | undefined>
  /** Kind and time of a scheduled shutdown. */
  readonly shutdown: Known<string | undefined>
  readonly service: Known<ServiceReading>
}

export type Step = 'stage' | 'upgrade' | 'reboot'

type Check = (facts: HostFacts) => readonly Reason[]

const blind = (fact: Known<unknown>, code: Reason['code'], what: string): readonly Reason[] =>
  isKnown(fact) ? [] : [reason(code, `${what} cannot be read: ${fact.unknown}`)]

const disabled: Check = ({ disabled: fact }) => isKnown(fact)
  ? fact.value === undefined ? [] : [reason('HOST_DISABLED', `/etc/pitstop/disabled exists${fact.value === '' ? '' : `: ${fact.value}`}`)]
  : blind(fact, 'HOST_DISABLED', '/etc/pitstop/disabled')

const dpkg: Check = ({ audit }) => isKnown(audit)
  ? audit.value.trim() === '' ? [] : [reason('DPKG_BROKEN', `dpkg --audit says: ${audit.value.trim().slice(0, 1000)}`)]
  : blind(audit, 'DPKG_BROKEN', 'dpkg --audit')

const space: Check = ({ space: fact }) => isKnown(fact)
  ? fact.value.filter(({ free, needed }) => free < needed).map(({ path, free, needed }) =>
    reason('DISK_FULL', `${path} has ${megabytes(free)} free; ${megabytes(needed)} are needed`))
  : blind(fact, 'DISK_FULL', 'free space')

const kernel: Check = ({ bootProblems }) => isKnown(bootProblems)
  ? bootProblems.value.map((problem) => reason('KERNEL_MISSING', problem))
  : blind(bootProblems, 'KERNEL_MISSING', '/boot')

const markedDown: Check = ({ downFile, service }) => [
  ...isKnown(downFile)
    ? downFile.value === undefined ? [] : [reason('SERVICE_MARKED_DOWN', `${downFile.value} exists: Gitaly would not start at boot`)]
    : blind(downFile, 'SERVICE_MARKED_DOWN', 'the down file'),
  ...isKnown(service) && service.value.normallyDown && !(isKnown(downFile) && downFile.value !== undefined)
    ? [reason('SERVICE_MARKED_DOWN', `Gitaly is marked down: ${service.value.text}`)] : []
]

const shutdown: Check = ({ shutdown: fact }) => isKnown(fact)
  ? fact.value === undefined ? [] : [reason('SHUTDOWN_SCHEDULED', `another shutdown is scheduled: ${fact.value}`)]
  : blind(fact, 'SHUTDOWN_SCHEDULED', 'scheduled shutdowns')

const running: Check = ({ service }) => isKnown(service)
  ? service.value.state === 'run' ? [] : [reason('SERVICE_NOT_RUNNING', `Gitaly does not run: ${service.value.text}`)]
  : blind(service, 'SERVICE_NOT_RUNNING', 'Gitaly\'s status')

const checks: Readonly<Record<Step, readonly Check[]>> = {
  stage: [disabled, space],
  upgrade: [disabled, dpkg, space, markedDown, shutdown, running],
  reboot: [disabled, dpkg, space, kernel, markedDown, shutdown, running]
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
