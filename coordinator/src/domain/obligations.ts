// Promises to put something back: when each may be paid, why it is not yet, and how a person pays it by hand.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { WeightChange } from './effect.ts'
import { perState } from './per-state.ts'
import { type NodePhase, type Obligation, type State, openObligations } from './state.ts'

/** A weight goes back when its node is healthy or was never hurt. Not while failed, down or about to go down. */
const weightPayable: ReadonlySet<NodePhase> = new Set(['returning', 'done', 'current', 'postponed', 'pending-reboot', 'skipped'])

export const payableWeights: (state: State) => readonly WeightChange[] = perState((state) =>
  openObligations(state).flatMap(({ kind, node, subject }): WeightChange[] => {
    const phase = node === null ? undefined : state.nodes.get(node)?.phase
    // Asked for again and not begun: when the window ends it goes back.
    const leftOver = phase === 'waiting' && (state.window.phase === 'closing' || state.window.phase === 'settling')
    return kind === 'weight' && node !== null && phase !== undefined && (leftOver || weightPayable.has(phase)) ? [{ node, storage: subject, to: 'previous' }] : []
  }))

/** The assigner comes last, when all own weights are settled. */
export const assignerPayable = (state: State): boolean =>
  state.window.phase === 'settling' && openObligations(state).every(({ kind }) => kind === 'assigner')

/** Why an open obligation is not paid yet. */
export function unpaidBecause(state: State, obligation: Obligation): Reason {
  if (obligation.kind === 'assigner') {
    const weights = openObligations(state).filter(({ kind }) => kind === 'weight').length
    return weights > 0
      ? reason('NOT_NOW', `the assigner is enabled last; ${weights} weights are not settled yet`)
      : reason('NOT_NOW', `the assigner is enabled when the window ends (now ${state.window.phase})`)
  }
  const node = obligation.node === null ? undefined : state.nodes.get(obligation.node)
  return reason('NOT_NOW', `weight of ${obligation.subject} goes back when ${obligation.node ?? 'its node'} is healthy (now ${node?.phase ?? 'unknown'})`,
    node?.phase === 'failed' ? `pitstop node retry ${node.node} --reason "…", or node write-off, or obligations hand-over ${obligation.id}` : undefined)
}

export interface ByHand { readonly gitlab: string, readonly assigner: { readonly url: string, readonly project: string, readonly schedule: number } | null }

/** What a promise says, wherever it stands. */
export type Promised = Pick<Obligation, 'id' | 'kind' | 'subject' | 'node' | 'previous'>

/** The exact command that pays an obligation without pitstop. $TOKEN is an administrator's token; the assigner's GitLab may want another. */
export function payByHand({ gitlab, assigner }: ByHand, obligation: Promised): string {
  const header = '-H "PRIVATE-TOKEN: $TOKEN"'
  const paid = `&& echo ${shellQuoted(`paid: ${obligation.id}`)}`
  if (obligation.kind === 'assigner') {
    return assigner === null ? 'enable the weight assigner'
      : `curl -sf -o /dev/null -X PUT -H "PRIVATE-TOKEN: $${assigner.url === gitlab ? 'TOKEN' : 'ASSIGNER_TOKEN'}" "${assigner.url}/api/v4/projects/${encodeURIComponent(assigner.project)}/pipeline_schedules/${assigner.schedule}?active=${String(obligation.previous)}" ${paid}`
  }
  const settings = `${gitlab}/api/v4/application/settings`
  // The whole hash goes back: GitLab sets every storage that is left out to 0. Without a hash nothing is sent.
  const filter = `{repository_storages_weighted: ((.repository_storages_weighted // error("no weights in the answer")) + {${JSON.stringify(obligation.subject)}: ${Number(obligation.previous)}})}`
  return `curl -sf ${header} ${settings} | jq ${shellQuoted(filter)} | curl -sf -X PUT ${header} -H 'Content-Type: application/json' --data-binary @- -o /dev/null ${settings} ${paid}`
}

const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Read back by break-glass-lines.ts. */
export const glassLine = (byHand: ByHand, each: Promised): string =>
  `# ${each.id}: ${each.kind === 'weight' ? `weight of ${each.subject} was ${Number(each.previous)}` : `assigner was ${each.previous === true ? 'active' : 'inactive'}`}${each.node === null ? '' : `, node ${each.node}`}\n${payByHand(byHand, each)}`

/** The break-glass file: one line per unpaid obligation, readable and payable without pitstop. */
export function breakGlass(state: State, byHand: ByHand): string {
  const lines = openObligations(state).map((each) => glassLine(byHand, each))
  return [`# pitstop: what must be put back if pitstop cannot (plan ${state.stored.hash.slice(0, 12)}, window ${state.window.number}).`,
    `# Pay a weight only when its node is healthy; the assigner last. First: set -o pipefail; export TOKEN=<administrator's token>${byHand.assigner === null || byHand.assigner.url === byHand.gitlab ? '' : ` ASSIGNER_TOKEN=<a token of ${byHand.assigner.url}>`}`, ...lines, ''].join('\n')
}
