// The gate on firing alerts: somebody else's trouble holds what has not begun, and never touches what has. Alerts of nodes that are
// down by our doing, or just back, are what a window looks like from outside: they would only hold the window that causes them.
import { type Reason, reason } from '@pitstop/shared/fault'
import { type AlertReading, type FiringAlert, type Observed, stillCounts } from './observed.ts'
import { perState, perStateAnd } from './per-state.ts'
import type { NodeState, State } from './state.ts'

/** An older reading opens nothing: three that should have come since have not. */
export const alertsFreshMs = 45_000

/** So many alerts are told one by one; a storm of them is one reason. */
const mostTold = 5

/** What the gate has against another beginning; none = nothing. */
export function alertGate(state: State, { reading, fault }: NonNullable<Observed['alerts']>, now: number): readonly Reason[] {
  if (!alertsMatter(state)) return []
  const unread = fault === null ? [reason('ALERTS_UNREACHABLE', 'Alertmanager has not been read lately', 'nothing to do: it is being read')] : []
  return [...fault === null ? [] : [fault.reason], ...reading !== null && stillCounts(reading.at, alertsFreshMs, now) ? foreignAlerts(state, reading) : unread]
}

/** Something may still begin that an alert can hold: only then is it asked for. */
export const alertsMatter: (state: State) => boolean = perState(({ window, nodes }) => window.phase === 'rolling' && [...nodes.values()].some(mayBegin))

const mayBegin = (node: NodeState): boolean =>
  node.phase === 'waiting' || node.phase === 'preparing' || node.phase === 'prepared' || (node.phase === 'down' && rebootOf(node)?.status !== 'done')

const foreignAlerts = perStateAnd((state, { firing }: AlertReading): readonly Reason[] => explainAlerts(firing.filter(({ node }) => {
  const named = node === null ? undefined : state.nodes.get(node)
  return named === undefined || !isOurDoing(named)
})))

/** Down by our doing, known to be down, or just back. A node whose slot is taken and whose reboot is not ordered is up: its alert is no work of ours. */
const isOurDoing = (node: NodeState): boolean =>
  node.phase === 'returning' || (node.holdsSlot && (node.phase !== 'down' || node.askedFor || node.recheck || rebootOf(node)?.status === 'intended' || rebootOf(node)?.status === 'done'))

/** What this attempt journaled of the reboot. */
const rebootOf = ({ steps, attempt }: NodeState): NodeState['steps']['reboot'] => (steps.reboot?.attempt === attempt ? steps.reboot : undefined)

/** Oldest first: what fires longest is likeliest to be the cause. */
export function explainAlerts(firing: readonly FiringAlert[]): readonly Reason[] {
  const told = firing.toSorted((a, b) => a.since - b.since).slice(0, mostTold).map(({ gate, name, node, since }) =>
    reason('ALERT_FIRING', `alert ${name}${node === null ? '' : ` of ${node}`} fires since ${new Date(since).toISOString()} and closes the gate ${gate}`))
  return firing.length > mostTold ? [...told, reason('ALERT_FIRING', `and ${firing.length - mostTold} more alerts fire`)] : told
}
