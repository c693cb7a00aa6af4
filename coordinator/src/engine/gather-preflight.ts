// Asks everybody what must be true before a window opens. Changes nothing; domain/preflight judges.
import { protocolRange } from '@pitstop/proto'
import { asFault, type Reason } from '@pitstop/shared/fault'
import type { HostView } from '../domain/observed.ts'
import type { Plan } from '../domain/plan.ts'
import { type PreflightFacts, outliveMs } from '../domain/preflight.ts'
import type { Agents, Alerts, Clock, GitLab } from '../ports.ts'
import { readAlerts } from './alert-effects.ts'
import { readGitLab } from './gitlab-effects.ts'
import { inGroups } from './planning.ts'

export interface PreflightParts {
  readonly gitlab: GitLab
  readonly agents: Agents
  /** Missing: no gate on alerts is configured. */
  readonly alerts?: Alerts | undefined
  readonly clock: Clock
  /** What is wrong with the coordinator's own certificate if it must last until then (epoch ms). */
  readonly checkOwnCertificate: (until: number) => Promise<readonly Reason[]>
  /** Host names that pitstop itself needs. */
  readonly dependsOn: readonly string[]
}

/** How many agents are asked at once. */
const atOnce = 32

/** @param epoch our lease's; 0 = none, then nobody is told one. */
export async function gatherPreflight(parts: PreflightParts, { nodes, closesAt }: Pick<Plan, 'nodes' | 'closesAt'>, epoch: number): Promise<PreflightFacts> {
  const { gitlab, agents, alerts = null, clock, dependsOn } = parts
  const outlives = closesAt + outliveMs
  const [rights, reading, firing, survey, ownCertificate, hosts] = await Promise.all([
    gitlab.checkRights(outlives),
    readGitLab({ gitlab, clock }).catch((error: unknown) => asFault(error).toReason()),
    readAlerts({ alerts, clock }),
    alerts === null ? null : alerts.survey().catch((error: unknown) => asFault(error).toReason()),
    parts.checkOwnCertificate(outlives),
    inGroups(nodes, atOnce, async (node): Promise<[string, HostView | Reason]> => [node.node, await agents.describe(node, epoch, []).catch((error: unknown) => asFault(error).toReason())])
  ])
  return { now: clock.now(), rights, gitlab: reading, alerts: firing, survey, ownCertificate, hosts: new Map(hosts), epoch, spoken: protocolRange, dependsOn }
}
