// Rights before work: what must be true before a window opens, proven without effect. Every problem at once.
import { formatDuration } from '@pitstop/shared/duration'
import { type Reason, reason } from '@pitstop/shared/fault'
import { explainAlerts } from './alert-gate.ts'
import { type AlertSurvey, explainSurvey } from './alert-survey.ts'
import { namedHint } from './named-hint.ts'
import type { AlertReading, GitLabReading, HostView } from './observed.ts'
import { clockOffsetMs } from './order-time.ts'
import type { Plan, PlanNode } from './plan.ts'

/** Certificates and tokens must outlive closing by this much: the night may get long. */
export const outliveMs = 24 * 3_600_000

export interface PreflightFacts {
  readonly now: number
  /** Rights at GitLab, as its adapter found them. */
  readonly rights: readonly Reason[]
  readonly gitlab: GitLabReading | Reason
  /** An open window has the assigner off, and owes it. */
  readonly assignerOwed?: boolean
  /** Null: no gate on alerts is configured. */
  readonly alerts: AlertReading | Reason | null
  /** What Alertmanager shows in all; null as with `alerts`. */
  readonly survey: AlertSurvey | Reason | null
  readonly hosts: ReadonlyMap<string, HostView | Reason>
  /** The coordinator's own certificate. */
  readonly ownCertificate: readonly Reason[]
  /** Our lease epoch; 0 = not held (a dry preflight). */
  readonly epoch: number
  /** Versions of the agents' protocol that this coordinator speaks. */
  readonly spoken: HostView['protocol']
  /** Host names that pitstop itself needs: GitLab, Alertmanager, the store, the coordinator. */
  readonly dependsOn: readonly string[]
}

export interface Preflight {
  /** Nothing opens while there is one. */
  readonly problems: readonly Reason[]
  /** Told, and not in the way: a node that will be postponed is no reason to keep the others waiting. */
  readonly warnings: readonly Reason[]
  /** What was seen, and asks for nothing. */
  readonly remarks: readonly string[]
}

export function preflight(plan: Pick<Plan, 'nodes' | 'policy' | 'opensAt' | 'closesAt'>, facts: PreflightFacts): Preflight {
  const problems: Reason[] = [...facts.rights, ...facts.ownCertificate]
  const warnings: Reason[] = []
  const short = tooShort(plan, facts.now)
  if (short !== null) problems.push(short)
  problems.push(...epochsAhead(plan, facts))
  for (const node of plan.nodes) {
    if (facts.dependsOn.includes(node.node)) problems.push(reason('NODE_EXCLUDED', `pitstop needs ${node.node} itself (GitLab, Alertmanager, store or coordinator): it cannot be in the plan`))
    judgeHost(node, facts, plan.closesAt, problems, warnings)
  }
  if ('code' in facts.gitlab) problems.push(facts.gitlab)
  else judgeGitLab(plan, facts.gitlab, facts.assignerOwed === true, problems)
  if (facts.alerts !== null && 'code' in facts.alerts) problems.push(facts.alerts)
  // It may be over by the time that a node could begin.
  else if (facts.alerts !== null) warnings.push(...explainAlerts(facts.alerts.firing))
  const seen = surveyed(plan, facts)
  return { problems, warnings: [...warnings, ...seen.warnings], remarks: seen.remarks }
}

/** Told beside the gate's own reading: where that failed, why is a problem and said already. */
function surveyed({ nodes }: Pick<Plan, 'nodes'>, { alerts, survey }: PreflightFacts): ReturnType<typeof explainSurvey> {
  if (survey === null || alerts === null || 'code' in alerts) return { remarks: [], warnings: [] }
  return 'code' in survey ? { remarks: [`which alerts there are in all could not be read: ${survey.text}`], warnings: [] } : explainSurvey(survey, nodes.map(({ node }) => node))
}

/** Not even one node fits between opening (or now, if that is later) and closing; null = one does. */
export function tooShort({ policy, opensAt, closesAt }: Pick<Plan, 'policy' | 'opensAt' | 'closesAt'>, now: number): Reason | null {
  const first = policy.settleMs + policy.prepareEstimateMs + policy.downEstimateMs + policy.soakMs + policy.allowanceMs
  const left = closesAt - Math.max(now, opensAt)
  return left >= first ? null : reason('DOES_NOT_FIT', `not even one node fits: by the plan's own estimates it takes ${formatDuration(first)}, and there are ${formatDuration(Math.max(0, left))} until closing`, `make a plan of ${formatDuration(first)} or more, or correct policy.estimates`)
}

/** Agents refuse us as overtaken, or say that they know a newer epoch: it is one trouble of the fleet, however many say it. */
function epochsAhead({ nodes }: Pick<Plan, 'nodes'>, { hosts, epoch }: PreflightFacts): readonly Reason[] {
  if (epoch === 0) return []
  const ahead = nodes.filter(({ node }) => isAhead(hosts.get(node), epoch)).map(({ node }) => node)
  if (ahead.length === 0) return []
  const who = ahead.length === 1 ? ahead[0] ?? '' : `${ahead.length} of ${nodes.length} nodes (${ahead.slice(0, 3).join(', ')}${ahead.length > 3 ? ', …' : ''})`
  return [reason('STALE_EPOCH', `${who} ${ahead.length === 1 ? 'knows' : 'know'} a newer epoch than our ${epoch}: another coordinator acts on another store, or this store was put back from a backup under the running coordinator`,
    'look who else acts for this fleet and stop the wrong one; if nobody does: systemctl restart pitstop-coordinator (it asks the agents at its start, and takes an epoch above theirs)')]
}

const isAhead = (host: HostView | Reason | undefined, epoch: number): boolean =>
  host !== undefined && ('code' in host ? host.code === 'STALE_EPOCH' : host.highestEpoch > epoch)

function judgeHost(node: PlanNode, facts: PreflightFacts, closesAt: number, problems: Reason[], warnings: Reason[]): void {
  const host = facts.hosts.get(node.node)
  if (host === undefined) return
  if ('code' in host) {
    // Told once for all of them.
    if (host.code !== 'STALE_EPOCH' || facts.epoch === 0) warnings.push(namedHint(node.node, reason(host.code, `${node.node} will be postponed: ${host.text}`, host.hint)))
    return
  }
  const mismatch = protocolMismatch(node.node, host, facts.spoken)
  if (mismatch !== null) problems.push(mismatch)
  if (host.certificateExpiresAt > 0 && host.certificateExpiresAt < closesAt + outliveMs) {
    problems.push(reason('CERTIFICATE_EXPIRES', `the certificate of ${node.node} ends ${formatDuration(Math.max(0, host.certificateExpiresAt - facts.now))} from now, before closing + ${formatDuration(outliveMs)}`))
  }
  if (Math.abs(host.clockOffsetMs) > clockOffsetMs) {
    warnings.push(reason('CLOCK_OFF', `the clock of ${node.node} is ${formatDuration(Math.abs(Math.round(host.clockOffsetMs)))} ${host.clockOffsetMs < 0 ? 'behind' : 'ahead of'} the coordinator's: it would be postponed`,
      'check chrony or systemd-timesyncd on the host; if other hosts are off alike, on the coordinator\'s machine'))
  }
  for (const veto of host.vetoes) warnings.push(namedHint(node.node, reason(veto.code, `${node.node} would refuse now: ${veto.text}`, veto.hint)))
}

/** An agent that was replaced since the plan was made is as foreign as one that never fitted. */
export const protocolMismatch = (node: string, { protocol }: HostView, spoken: HostView['protocol']): Reason | null =>
  protocol.max < spoken.min || protocol.min > spoken.max
    ? reason('AGENT_PROTOCOL', `${node} speaks protocol ${protocol.min} to ${protocol.max}, this coordinator ${spoken.min} to ${spoken.max}`,
      `install the pitstop-agent of this release on ${node}, or plan without it`)
    : null

function judgeGitLab({ nodes, policy }: Pick<Plan, 'nodes' | 'policy'>, gitlab: GitLabReading, assignerOwed: boolean, problems: Reason[]): void {
  for (const { node, storages } of nodes) {
    for (const storage of storages.filter((each) => gitlab.weights[each] === undefined)) problems.push(reason('STORAGE_UNKNOWN', `${node}: GitLab has no storage ${storage}`))
  }
  if (policy.drain === 'zero-weight') {
    // Prepared nodes and those that are down are all at 0 together.
    const atOnce = policy.groupSize + policy.prepareAhead
    const largest = nodes.map(({ storages }) => storages.filter((each) => (gitlab.weights[each] ?? 0) > 0).length).sort((a, b) => b - a).slice(0, policy.groupSize)
    const active = Object.values(gitlab.weights).filter((weight) => weight > 0).length
    const left = active - largest.reduce((sum, each) => sum + each, 0)
    const floor = Math.max(1, policy.activeStorageFloor)
    if (left < floor) {
      problems.push(reason('WEIGHT_FLOOR', `with ${policy.groupSize} nodes out only ${left} of ${active} storages would take new projects; the floor is ${floor} (up to ${atOnce} nodes are at weight 0 at once)`,
        'plan a smaller group, lower active-storage-floor, or plan with --drain none'))
    }
  }
  if (policy.assigner === 'pause' && gitlab.scheduleActive === false && !assignerOwed) problems.push(reason('ASSIGNER_INACTIVE', 'the weight assigner is off already and no promise of pitstop says why'))
  if (policy.assigner === 'inactive-is-intended' && gitlab.scheduleActive === true) problems.push(reason('ASSIGNER_ACTIVE', 'the plan says that the assigner is off on purpose, and it is on', 'plan without --assigner-inactive-is-intended'))
}
