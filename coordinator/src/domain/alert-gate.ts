// The gate on firing alerts: somebody else's trouble holds what has not begun, and never touches what has. Alerts of nodes that are
// down by our doing, or just back, are what a window looks like from outside: they would only hold the window that causes them.
import { type Reason, reason } from '@pitstop/shared/fault'
import { formatInstant } from '@pitstop/shared/instant'
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

const foreignAlerts = perStateAnd((state, { at, firing }: AlertReading): readonly Reason[] => {
  const failed = [...state.nodes.values()].filter((node) => node.holdsSlot && (node.phase === 'failed' || node.askedFor)).map(({ node }) => node)
  return explainAlerts(firing.filter(({ node, since }) => {
    const named = node === null ? undefined : state.nodes.get(node)
    if (named !== undefined && isLeftOver(named, since, at)) return false
    return named === undefined || !isOurDoing(named)
  }), ({ node }) => failed.length === 0 || (node !== null && state.nodes.has(node)) ? undefined
    : `if ${failed.join(', ')} causes it, being down: silence it in Alertmanager, then reboot again: ${failed.map((name) => `pitstop node retry ${name} --reboot --reason "…"`).join(' and ')}; or mend the node by hand and retry it without --reboot`)
})

/** Monitoring is behind by a scrape, an evaluation and what it waits before an alert has ended. */
const endsWithinMs = 300_000

/** Began before its node was done, and may yet end by itself. What fires for longer is trouble that our own looks do not see; so is what began since. */
const isLeftOver = ({ phase, phaseSince }: NodeState, since: number, at: number): boolean => phase === 'done' && since < phaseSince && Math.abs(at - phaseSince) < endsWithinMs

/**
 * Down by our doing, known to be down, or just back; or taken over by a person, who knows. A node whose slot is taken and whose reboot is not
 * ordered is up: its alert is no work of ours.
 */
const isOurDoing = (node: NodeState): boolean =>
  node.phase === 'returning' || node.phase === 'written-off' || (node.holdsSlot && (node.phase !== 'down' || node.askedFor || node.recheck || rebootOf(node)?.status === 'intended' || rebootOf(node)?.status === 'done'))

/** What this attempt journaled of the reboot. */
const rebootOf = ({ steps, attempt }: NodeState): NodeState['steps']['reboot'] => (steps.reboot?.attempt === attempt ? steps.reboot : undefined)

/** Oldest first: what fires longest is likeliest to be the cause. @param hint undefined: the usual one. */
export function explainAlerts(firing: readonly FiringAlert[], hint: (alert: FiringAlert) => string | undefined = () => undefined): readonly Reason[] {
  const told = firing.toSorted((a, b) => a.since - b.since).slice(0, mostTold).map((alert) => {
    const { gate, name, node, since } = alert
    return reason('ALERT_FIRING', `alert ${name}${node === null ? '' : ` of ${node}`} fires since ${formatInstant(since)} and closes the gate ${gate}`, hint(alert))
  })
  return firing.length > mostTold ? [...told, reason('ALERT_FIRING', `and ${firing.length - mostTold} more alerts fire`)] : told
}
