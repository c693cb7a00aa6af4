// Is Gitaly well in this boot? Facts in, verdict with evidence out. Pure; shared by the Health rpc and readiness.
// Unknown is never healthy. "Not up yet" is unknown until the start deadline of a boot in which Gitaly was never well;
// after that, and after it was well once, the same observation is unhealthy.
import { type Reason, reason } from '@pitstop/shared/fault'
import { crashLoop } from './crash-loop.ts'
import { type ClockFacts, explainRefusal, type GitalyAnswer, type NoAnswer } from './gitaly-answer.ts'
import { type Comparison, findInLog } from './log-finding.ts'
import type { LogTestimony } from './log-verdict.ts'
import type { PackageFacts } from './package-evidence.ts'
import type { ServiceReading } from './service-status.ts'
import { isKnown, type Known } from './veto.ts'

export type HealthStatus = 'healthy' | 'unhealthy' | 'unknown'

export interface StorageReading {
  readonly name: string
  readonly readable: boolean
  readonly writeable: boolean
  readonly filesystemId: string
}

/** What a reboot order expects of the boot that follows it. */
export interface Expectation {
  readonly orderId: string
  readonly bootsSince: number
  /** The order ended without a reboot. */
  readonly failed: boolean
  readonly expectedKernel: string
  readonly filesystemIds: Readonly<Record<string, string>>
}

export interface HealthFacts {
  /** By the agent's clock. */
  readonly atMs: number
  readonly bootId: string
  readonly uptimeMs: number
  readonly startDeadlineMs: number
  /** Gitaly was well before in this boot: from now on its absence is a relapse, not a slow start. */
  readonly wasHealthy: boolean
  /** When each process of Gitaly was seen first, by the uptime. */
  readonly startsMs: readonly number[]
  readonly kernel: Known<string>
  readonly service: Known<ServiceReading>
  readonly grpc: GitalyAnswer<string>
  readonly storages: GitalyAnswer<readonly StorageReading[]>
  /** By the inventory; empty = every storage that Gitaly lists. */
  readonly wanted: readonly string[]
  readonly log: Known<LogTestimony>
  readonly compared: Comparison
  /** Behind a reboot order: what is installed, held against its plan's upgrade. */
  readonly packages?: Known<PackageFacts>
  readonly expectation?: Expectation
}

export interface Evidence {
  readonly check: 'boot' | 'kernel' | 'service' | 'grpc' | 'storage' | 'log' | 'packages' | 'hooks'
  readonly status: HealthStatus
  readonly text: string
}

export interface Judgement {
  readonly status: HealthStatus
  readonly evidence: readonly Evidence[]
  readonly reasons: readonly Reason[]
}

type Finding = Evidence & { readonly code?: Reason['code'], readonly hint?: string }

export function judge(facts: HealthFacts): Judgement {
  const findings = [boot(facts), kernel(facts), service(facts), serving(facts), ...storage(facts), log(facts), ...packages(facts)].filter((finding) => finding !== undefined)
  const status = findings.some((finding) => finding.status === 'unhealthy') ? 'unhealthy'
    : findings.every((finding) => finding.status === 'healthy') ? 'healthy' : 'unknown'
  return {
    status,
    evidence: findings.map(({ check, status, text }) => ({ check, status, text })),
    reasons: findings.filter((finding) => finding.status !== 'healthy').map(({ code, status, text, hint }) =>
      reason(status === 'unknown' ? 'HEALTH_UNKNOWN' : code ?? 'HEALTH_UNKNOWN', text, hint))
  }
}

const found = (check: Evidence['check'], status: HealthStatus, text: string, code?: Reason['code'], hint?: string): Finding =>
  ({ check, status, text, ...code === undefined ? {} : { code }, ...hint === undefined ? {} : { hint } })

/** Absent for now, or absent for good? */
const notYet = (facts: HealthFacts): HealthStatus => !facts.wasHealthy && facts.uptimeMs < facts.startDeadlineMs ? 'unknown' : 'unhealthy'

function boot({ expectation, bootId }: HealthFacts): Finding {
  if (expectation === undefined) return found('boot', 'healthy', `boot ${bootId}`)
  if (expectation.bootsSince === 1) return found('boot', 'healthy', `one reboot since ${expectation.orderId}; boot ${bootId}`)
  if (expectation.bootsSince > 1) return found('boot', 'unhealthy', `${expectation.bootsSince} boots since ${expectation.orderId}`, 'REBOOTED_AGAIN')
  return found('boot', expectation.failed ? 'unhealthy' : 'unknown', `no reboot since ${expectation.orderId} yet; boot ${bootId}`, 'NOT_REBOOTED')
}

function kernel({ kernel: fact, expectation }: HealthFacts): Finding {
  if (!isKnown(fact)) return found('kernel', 'unknown', `the running kernel cannot be read: ${fact.unknown}`)
  const expected = expectation?.expectedKernel ?? ''
  if (expectation !== undefined && expected === '') return found('kernel', 'healthy', `kernel ${fact.value}; which one was expected is not known`)
  return expected === '' || expected === fact.value
    ? found('kernel', 'healthy', `kernel ${fact.value}`)
    : found('kernel', 'unhealthy', `kernel ${fact.value} runs; ${expected} was expected`, 'WRONG_KERNEL')
}

function service(facts: HealthFacts): Finding {
  if (!isKnown(facts.service)) return found('service', 'unknown', `the service manager does not answer: ${facts.service.unknown}`)
  const { state, text } = facts.service.value
  const loop = crashLoop(facts.service.value, facts)
  if (loop !== undefined) return found('service', 'unhealthy', `${text}; ${loop}`, 'SERVICE_UNHEALTHY')
  switch (state) {
    case 'run': return found('service', 'healthy', text)
    case 'down': case 'finish': case 'unsupervised': return found('service', notYet(facts), text, 'SERVICE_UNHEALTHY')
    case 'unknown': return found('service', 'unknown', `not understood: ${text}`)
    default: return state satisfies never
  }
}

function serving(facts: HealthFacts): Finding {
  if (!isKnown(facts.grpc)) return unanswered('grpc', facts, facts.grpc, { text: `Gitaly does not answer: ${facts.grpc.unknown}`, code: 'NOT_SERVING' })
  if (facts.grpc.value === 'SERVING') return found('grpc', 'healthy', 'SERVING')
  return facts.grpc.value === 'NOT_SERVING' ? found('grpc', notYet(facts), 'NOT_SERVING', 'NOT_SERVING') : found('grpc', 'unknown', `health answer ${facts.grpc.value}`)
}

function storage(facts: HealthFacts): readonly Finding[] {
  if (!isKnown(facts.storages)) return [unanswered('storage', facts, facts.storages, { text: `storages cannot be read: ${facts.storages.unknown}`, code: 'STORAGE_UNHEALTHY' })]
  const readings = facts.storages.value
  const wanted = facts.wanted.length > 0 ? facts.wanted : readings.map(({ name }) => name)
  if (wanted.length === 0) return [found('storage', 'unhealthy', 'Gitaly lists no storage', 'STORAGE_UNHEALTHY')]
  return wanted.map((name) => {
    const reading = readings.find((each) => each.name === name)
    if (reading === undefined) return found('storage', 'unhealthy', `Gitaly does not list storage ${name}`, 'STORAGE_UNHEALTHY')
    if (!reading.readable || !reading.writeable) {
      return found('storage', 'unhealthy', `storage ${name} is ${reading.readable ? '' : 'not '}readable and ${reading.writeable ? '' : 'not '}writeable`, 'STORAGE_UNHEALTHY')
    }
    const before = facts.expectation?.filesystemIds[name]
    if (before !== undefined && before !== '' && before !== reading.filesystemId) {
      return found('storage', 'unhealthy', `storage ${name} has file system ${reading.filesystemId || '(none)'}; before the reboot it was ${before}`, 'STORAGE_CHANGED')
    }
    if (facts.expectation !== undefined && (before ?? '') === '') return found('storage', 'unknown', `the file system id of storage ${name} before the reboot is not known`)
    return found('storage', 'healthy', `storage ${name} readable and writeable, file system ${reading.filesystemId}`)
  })
}

function log({ log: fact, compared }: HealthFacts): Finding {
  if (!isKnown(fact)) return found('log', 'unknown', `Gitaly's log cannot be read: ${fact.unknown}`)
  const { status, text, hint } = findInLog(fact.value, compared)
  return found('log', status, text, 'STARTUP_ERROR', hint)
}

function packages({ packages: fact }: HealthFacts): readonly Finding[] {
  if (fact === undefined) return []
  if (!isKnown(fact)) return [found('packages', 'unknown', `what is installed cannot be told: ${fact.unknown}`)]
  const { expected, differing, newer, audit } = fact.value
  const bad = [
    ...differing.length === 0 ? [] : [found('packages', 'unhealthy', `${differing.slice(0, 5).join('; ')}${differing.length > 5 ? `; and ${differing.length - 5} more` : ''}`, 'PACKAGES_DIFFER')],
    ...audit === '' ? [] : [found('packages', 'unhealthy', `dpkg --audit says: ${audit.slice(0, 1000)}`, 'DPKG_BROKEN')]
  ]
  if (bad.length > 0) return bad
  const same = expected === 0 ? 'no package was upgraded by this plan' : `${expected - newer.length} packages as in the manifest`
  return [found('packages', 'healthy', `${same}; dpkg --audit is clean${newer.length === 0 ? '' : `; newer than the manifest: ${newer.slice(0, 5).join(', ')}${newer.length > 5 ? ` and ${newer.length - 5} more` : ''}`}`)]
}

/** Why Gitaly gave no answer that counts. Each cause has a code of its own, because each is mended elsewhere. */
function unanswered(check: 'grpc' | 'storage', facts: HealthFacts, answer: NoAnswer, silent: { readonly text: string, readonly code: Reason['code'] }): Finding {
  const status = notYet(facts)
  switch (answer.trouble) {
    case 'refused': {
      const { clock, text } = explainRefusal(answer.unknown, clockFacts(facts))
      return found(check, status, text, clock ? 'CLOCK_OFF' : 'GITALY_TOKEN')
    }
    case 'token': return found(check, status, answer.unknown, 'GITALY_TOKEN')
    case 'certificate': return found(check, status, answer.unknown, 'GITALY_CERTIFICATE')
    case undefined: return found(check, status, silent.text, silent.code)
    default: return answer.trouble satisfies never
  }
}

const clockFacts = ({ atMs, service: fact, log: testimony }: HealthFacts): ClockFacts => ({
  atMs,
  processUptimeS: isKnown(fact) && fact.value.state === 'run' ? fact.value.uptimeS : undefined,
  markerMs: isKnown(testimony) ? testimony.value.lastMarkerMs : 0
})
