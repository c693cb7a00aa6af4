// The last look before Gitaly stops. Everything that could speak against it is read again: lease, gates, assigner, own
// weights, time, the host's vetoes. Before this point all can be taken back; behind it the node is finished, whatever
// anybody then wants.
import { reason, type Reason } from '@pitstop/shared/fault'
import { tooLateToGoDown } from '../domain/admission.ts'
import type { Event } from '../domain/event.ts'
import { closedGates, gatesThatTakeBack } from '../domain/gates.ts'
import { type AlertReading, type FinalCheck, type GitLabReading, type HostView, type Observed, stillCounts } from '../domain/observed.ts'
import { clockOffsetMs } from '../domain/order-time.ts'
import type { State } from '../domain/state.ts'
import { drainAnew, whyNotDrained } from './drain-anew.ts'
import { lookAgain, nextLookAt } from './look.ts'
import { isCountedAsDown, noRoom } from './room-in-group.ts'
import { type Next, type NodeStep, type View, act, done, record, stepOf, wait } from './step.ts'
import { stoppedUnordered } from './unordered-stop.ts'

/** A final check that says "go" and is older than this is made again. */
const freshMs = 3000

export const pointOfNoReturn: NodeStep = {
  name: 'point-of-no-return',
  part: 'slot',

  next(view: View): Next {
    const { self, observed, now } = view
    // An order that is journaled may have left: only its own outcome counts now.
    if (stepOf(self, 'reboot') !== undefined && stepOf(self, 'reboot')?.status !== 'ended') return done
    if (self.recheck) return standsAgain(view)
    const full = noRoom(view)
    if (full !== null) return isCountedAsDown(self) ? wait([full]) : record(...stepBack(view, [full], 'wait'))
    // It was healthy once, and a write of ours that put its weight back may have landed since or land yet.
    const drain = drainAnew(view)
    if (drain !== null) {
      const against = whyNotPrepared(view)
      return against.length > 0 ? record(...stepBack(view, against, 'wait')) : drain
    }
    const check = observed.finalChecks.get(self.node)
    // Only a "go" grows old: a GitLab that answers slowly would have it made again and again, and never step back, whatever it says.
    const isOld = check?.otherwise === 'go' && !stillCounts(check.at, freshMs, now)
    if (check === undefined || check.slotSeq !== self.slotTakenSeq || isOld) return act({ kind: 'final-check', node: self.node })
    // A pause or a halt may have been journaled since the check was made.
    const gates = gatesOf(view)
    if (check.otherwise === 'go') return gates.length === 0 ? done : record(...stepBack(view, gates, 'wait'))
    return record(...stepBack(view, check.reasons, check.otherwise))
  }
}

/**
 * To drain it anew may take long: not behind a closed gate, nor past its time, nor for a drain that is refused, or nobody could take
 * the node over. A weight that pitstop itself has put back closes that gate too, and the drain is to mend just that.
 */
function whyNotPrepared(view: View): readonly Reason[] {
  const { self, state, observed, now } = view
  const late = tooLateToGoDown(state, now)
  const gates = gatesThatTakeBack(self.askedFor ? pastTheHalt(state) : state, observed, now).filter(({ code }) => code !== 'WEIGHT_CHANGED' && code !== 'WEIGHT_NOT_SETTLED')
  return [...gates, ...late === null ? [] : [late], ...whyNotDrained(view)]
}

/** It took a slot because Gitaly went down by itself, and a person mended that: healthy again, it is as prepared as before, or begins anew. */
function standsAgain(view: View): Next {
  const { self, observed } = view
  const look = observed.looks.get(self.node)
  if (look?.verdict != null && look.recheck && look.seq >= self.phaseSeq) {
    const { verdict } = look
    if (verdict.status === 'unhealthy') return record({ type: 'node-failed', node: self.node, step: 'point-of-no-return', down: true, reasons: verdict.reasons })
    if (verdict.status === 'healthy' && self.steps.upgrade?.status !== 'done') {
      return record(...stepBack(view, [reason('NOT_NOW', `${self.node} is healthy again and was not upgraded: its Gitaly was down ahead of that`, `pitstop node retry ${self.node} --again --reason "…"`)], 'postpone'))
    }
    if (verdict.status === 'healthy') {
      return record({ type: 'step-done', node: self.node, step: 'upgrade', attempt: self.attempt, facts: { gitalyPid: verdict.gitalyPid } }, { type: 'slot-returned', node: self.node, reasons: [] })
    }
  }
  return lookAgain(view, '') ?? wait([look?.fault ?? reason('HEALTH_UNKNOWN', `${self.node} has not been judged yet`)], look === undefined ? view.now + 1000 : nextLookAt(self, look))
}

/** The slot goes back; the node never went down. */
export function stepBack({ self, state }: View, reasons: readonly Reason[], otherwise: 'wait' | 'postpone' | 'halt' | 'fail'): Event[] {
  // Its slot is not free: it failed while down, and a person asked for another reboot that did not come about. What was
  // prepared anew under this attempt was up.
  if (isCountedAsDown(self)) return [{ type: 'node-failed', node: self.node, step: 'point-of-no-return', down: true, reasons }]
  const returned: Event = { type: 'slot-returned', node: self.node, reasons }
  switch (otherwise) {
    case 'wait': return [returned]
    case 'halt': return [returned, ...(state.window.halt === null ? [{ type: 'window-halted', reasons } as const] : [])]
    case 'postpone': return [returned, self.upgraded
      ? { type: 'node-pending-reboot', node: self.node, reasons }
      : { type: 'node-postponed', node: self.node, reasons }]
    // A Gitaly that stopped by itself is down already: it keeps the slot.
    case 'fail': return [{ type: 'node-failed', node: self.node, step: 'point-of-no-return', down: true, reasons }]
    default: return otherwise satisfies never
  }
}

/** A reboot that a person asked for by name goes through the halt and the spent budget that the node itself caused. */
export const pastTheHalt = (state: State): State => ({ ...state, window: { ...state.window, halt: null, failureBudget: Infinity } })

/** Why this node may not begin what it has not begun; empty = it may. */
export const gatesOf = ({ state, self, observed, now }: View): readonly Reason[] => closedGates(self.askedFor ? pastTheHalt(state) : state, observed, now)

/** Pure judgement over what was read at `at`. @param alerts null: no gate on alerts is configured. */
export function judgeFinalCheck(view: View, at: number, gitlab: GitLabReading | Reason, host: HostView | Reason, alerts: AlertReading | Reason | null = null): FinalCheck {
  const { state, self, node, observed, now } = view
  const conclude = (otherwise: FinalCheck['otherwise'], reasons: readonly Reason[]): FinalCheck =>
    ({ at, slotSeq: self.slotTakenSeq, otherwise, reasons, ...'bootId' in host ? { bootId: host.bootId, hooksMs: host.hooksMs } : { bootId: '', hooksMs: 0 } })

  if ('code' in gitlab) return conclude('wait', [gitlab])
  if (alerts !== null && 'code' in alerts) return conclude('wait', [alerts])
  // Nobody knows whose fault silence is: the node stays prepared and is tried again.
  if ('code' in host) return conclude('wait', [host])
  // Known to be down, it does not give its slot back, whatever else speaks against its reboot.
  const stopped = stoppedUnordered(self, host)
  if (stopped === 'unknown') return conclude('wait', [reason('HEALTH_UNKNOWN', `whether Gitaly of ${self.node} runs is not known`), ...host.vetoes])
  if (stopped !== null) return conclude('fail', [stopped, ...host.vetoes])
  const fresh: Observed = { ...observed, gitlab, gitlabFault: null, alerts: alerts === null ? null : { reading: alerts, fault: null } }
  const late = tooLateToGoDown(state, now)
  const raised = node.storages.filter((storage) => state.stored.plan.policy.drain === 'zero-weight' && (gitlab.weights[storage] ?? 0) !== 0)
    .map((storage) => reason('WEIGHT_CHANGED', `weight of ${storage} is ${gitlab.weights[storage] ?? 0} though pitstop set it to 0 before taking ${self.node} down`))
  const gates = gatesOf({ ...view, observed: fresh })
  const foreign = gates.filter(({ code }) => code === 'ASSIGNER_ACTIVE' || code === 'WEIGHT_CHANGED')
  if (raised.length > 0 || foreign.length > 0) return conclude('halt', [...raised, ...foreign])
  if (gates.length > 0) return conclude('wait', gates)
  if (late !== null) return conclude('wait', [late])
  const moves = node.storages.filter((storage) => gitlab.moving.includes(storage))
    .map((storage) => reason('MOVES_RUNNING', `repositories are being moved from or to ${storage}`))
  if (moves.length > 0) return conclude('postpone', moves)
  const against = [...host.vetoes]
  if (host.currentOrder !== null) against.push(reason('ORDER_RUNNING', `${self.node} still carries out ${host.currentOrder}`))
  if (Math.abs(host.clockOffsetMs) > clockOffsetMs) against.push(reason('CLOCK_OFF', `the clock of ${self.node} is ${Math.round(host.clockOffsetMs / 1000)} s off ours`))
  return against.length > 0 ? conclude('postpone', against) : conclude('go', [])
}
