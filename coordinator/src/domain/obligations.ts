// Promises to put something back: when each may be paid, why it is not yet, and how a person pays it by hand.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { WeightChange } from './effect.ts'
import { isUnknownWeight } from './break-glass-lines.ts'
import { perState } from './per-state.ts'
import { type NodePhase, type NodeState, type Obligation, type State, awaitsPerson, openObligations } from './state.ts'

/** A weight goes back when its node is healthy or was never hurt. Not while failed, down or about to go down. */
const weightPayable: ReadonlySet<NodePhase> = new Set(['returning', 'done', 'current', 'postponed', 'pending-reboot', 'skipped'])

export const payableWeights: (state: State) => readonly WeightChange[] = perState((state) =>
  openObligations(state).flatMap(({ kind, node, subject }): WeightChange[] => {
    const phase = node === null ? undefined : state.nodes.get(node)?.phase
    // Asked for again and not begun: when the window ends it goes back.
    const leftOver = phase === 'waiting' && (state.window.phase === 'closing' || state.window.phase === 'settling')
    return kind === 'weight' && node !== null && phase !== undefined && (leftOver || weightPayable.has(phase)) ? [{ node, storage: subject, to: 'previous' }] : []
  }))

/** Owed from before the store was put back, and not found healthy since: what became of the node in the time that was lost, its journal does not say. */
export const isDoubted = (state: State, { node: name, slotFreedSeq }: NodeState): boolean =>
  slotFreedSeq < state.window.restoredSeq && openObligations(state).some(({ node, openedSeq }) => node === name && openedSeq < state.window.restoredSeq)

/** The assigner comes last, when all own weights are settled, also those that a restored store had lost. */
export const assignerPayable = (state: State, lostWeights: number): boolean =>
  state.window.phase === 'settling' && openObligations(state).every(({ kind }) => kind === 'assigner') && lostWeights === 0

/** Why an open obligation is not paid yet. */
export function unpaidBecause(state: State, obligation: Obligation): Reason {
  if (awaitsPerson(state)) return reason('STORE_RESTORED', `nothing is written to GitLab before a person has looked at the restored store (now ${state.window.phase})`, 'pitstop why; then resume or abort the window')
  if (obligation.kind === 'assigner') {
    const weights = openObligations(state).filter(({ kind }) => kind === 'weight').length
    return weights > 0
      ? reason('NOT_NOW', `the assigner is enabled last; ${weights} weights are not settled yet`, 'nothing to do for the assigner itself: settle the weights')
      : reason('NOT_NOW', `the assigner is enabled when the window ends (now ${state.window.phase})`, 'nothing to do: it is enabled by itself')
  }
  const node = obligation.node === null ? undefined : state.nodes.get(obligation.node)
  const seen = node !== undefined && isDoubted(state, node) ? 'is seen healthy: its journal is from before the store was put back' : 'is healthy'
  return reason('NOT_NOW', `weight of ${obligation.subject} goes back when ${obligation.node ?? 'its node'} ${seen} (now ${node?.phase ?? 'unknown'})`,
    node === undefined ? handOver(obligation) : howToPay(state, node, obligation))
}

const handOver = ({ id }: Obligation): string => `pitstop obligations hand-over ${id} --reason "…"`

/** What is taken in this phase: who failed before it went down is begun again while the window rolls, and not later. */
function howToPay(state: State, { node, phase, holdsSlot, overdue }: NodeState, obligation: Obligation): string {
  const keep = `pitstop node write-off ${node} --reason "…"; or ${handOver(obligation)}`
  if (phase === 'failed') return holdsSlot || state.window.phase === 'rolling' ? `mended: pitstop node retry ${node} --reason "…"; kept by you: ${keep}` : `kept by you: ${keep}`
  return overdue ? `look at the host's console; if it is gone for good: ${keep}` : 'nothing to do: it goes back by itself'
}

export interface ByHand { readonly gitlab: string, readonly assigner: { readonly url: string, readonly project: string, readonly schedule: number } | null }

/** What a promise says, wherever it stands. */
export type Promised = Pick<Obligation, 'id' | 'kind' | 'subject' | 'node' | 'previous'>

/** The exact command that pays an obligation without pitstop, and says so only if GitLab's answer does. $TOKEN is an administrator's token; the assigner's GitLab may want another. */
export function payByHand({ gitlab, assigner }: ByHand, obligation: Promised): string {
  const header = '-H "PRIVATE-TOKEN: $TOKEN"'
  const paid = `&& echo ${shellQuoted(`paid: ${obligation.id}`)}`
  if (obligation.kind === 'assigner') {
    // grep -o reads the whole answer: -q would end before curl does, which pipefail takes for a failure.
    return assigner === null ? 'enable the weight assigner'
      : `curl -sf -X PUT -H "PRIVATE-TOKEN: $${assigner.url === gitlab ? 'TOKEN' : 'ASSIGNER_TOKEN'}" "${assigner.url}/api/v4/projects/${encodeURIComponent(assigner.project)}/pipeline_schedules/${assigner.schedule}?active=${String(obligation.previous)}" | grep -Eo '"active": *${String(obligation.previous)}' ${paid}`
  }
  const settings = `${gitlab}/api/v4/application/settings`
  // Where nobody knows what it was, the person who pays writes it into the quotes; without that jq ends with an error, and nothing is sent.
  const weight = isUnknownWeight(obligation) ? '(env.WEIGHT | tonumber)' : String(Number(obligation.previous))
  // The whole hash goes back: GitLab sets every storage that is left out to 0. Without a hash nothing is sent.
  const filter = `{repository_storages_weighted: ((.repository_storages_weighted // error("no weights in the answer")) + {${JSON.stringify(obligation.subject)}: ${weight}})}`
  const answered = `.repository_storages_weighted[${JSON.stringify(obligation.subject)}] == ${weight}`
  const asked = isUnknownWeight(obligation) ? "export WEIGHT=''; " : ''
  return `${asked}curl -sf ${header} ${settings} | jq ${shellQuoted(filter)} | curl -sf -X PUT ${header} -H 'Content-Type: application/json' --data-binary @- ${settings} | jq -e ${shellQuoted(answered)} ${paid}`
}

const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** What GitLab shows of a promise that a person takes over. now: null = nothing of the kind, or it could not be asked. */
export interface Shown { readonly now: number | boolean | null, readonly text: string }

/** In words. @param now null = it shows nothing of the kind. */
export function shownNow({ kind, previous }: Pick<Promised, 'kind' | 'previous'>, now: number | boolean | null): string {
  const worded = (value: number | boolean): string => kind === 'weight' ? String(Number(value)) : value === true ? 'the assigner active' : 'the assigner inactive'
  if (isUnknownWeight({ kind, previous })) return `GitLab ${now === null ? 'does not show it' : `shows ${worded(now)}`}; what it was is not known`
  if (now === null) return `GitLab does not show it; it was ${worded(previous)}`
  return now === previous ? `GitLab shows ${worded(now)}, as it was` : `GitLab shows ${worded(now)}, it was ${worded(previous)}`
}
