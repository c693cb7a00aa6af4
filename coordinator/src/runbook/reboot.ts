// Reboot once, and prove it: another boot id than the one that the order ended.
import { formatDuration } from '@pitstop/shared/duration'
import { reason } from '@pitstop/shared/fault'
import { lastStart } from '../domain/admission.ts'
import type { Event } from '../domain/event.ts'
import { gatesThatTakeBack, gatesUnread } from '../domain/gates.ts'
import { type OrderView, stillCounts } from '../domain/observed.ts'
import type { StepState } from '../domain/state.ts'
import { lookAgain } from './look.ts'
import { absentIsProof, awaitOrder, endedWithout, giveOrder, mayComeLate, orderFor, whyEnded } from './order.ts'
import { pastTheHalt, pointOfNoReturn, stepBack } from './point-of-no-return.ts'
import { noRoom } from './room-in-group.ts'
import { type Next, type NodeStep, type View, act, done, isDone, record, stepOf, wait } from './step.ts'
import { stoppedUnordered } from './unordered-stop.ts'

/** A reboot order begins soon after its final check, or not at all. */
const startWithinMs = 15_000

/** A scheduled unit has fired by then, or the host is asked why not. */
const firesWithinMs = 3000
const askAgainMs = 1000

export const reboot: NodeStep = {
  name: 'reboot',
  part: 'slot',

  next(view: View): Next {
    const { self, state, observed, now } = view
    if (isDone(self, 'reboot')) return done
    const intended = stepOf(self, 'reboot')
    // A recheck orders nothing: a person says that the host has been seen to.
    if (intended === undefined || (intended.status !== 'intended' && !self.recheck)) {
      const ready = pointOfNoReturn.next(view)
      const check = observed.finalChecks.get(self.node)
      if (ready.kind !== 'done' || check === undefined) return ready
      const { rebootDelayMs, deadlines } = state.stored.plan.policy
      // Hooks run inside the order. Whatever an agent tells, a host that must be back by then is not still to go.
      const notAfter = Math.min(now + rebootDelayMs + Math.min(check.hooksMs, deadlines.returnMs) + startWithinMs, lastStart(state))
      const order = orderFor(view, 'reboot', { notAfter, bootId: check.bootId, manifestHash: state.manifests.get(view.node.platform)?.hash ?? '' })
      return giveOrder(order)
    }
    // A look from before the order says nothing about what the order did.
    const look = observed.looks.get(self.node)
    const verdict = look !== undefined && look.seq >= (self.recheck ? self.phaseSeq : intended.intendedSeq) ? look.verdict : null
    if (verdict !== null && verdict.bootId !== '' && verdict.bootId !== intended.facts.bootId) {
      return record(rebooted(view, verdict.bootId))
    }
    const elapsed = observed.ageMs({ seq: intended.intendedSeq, at: intended.intendedAt }, now)
    const told = observed.rebootOrders.get(self.node)
    const answered = told !== undefined && told.order.id === intended.facts.orderId && told.order.status !== 'unknown' ? told : null
    const known = answered?.order.status === 'absent' ? null : answered
    const takeBack = self.recheck || answered === null ? null : whyTakeBack(view, intended, answered.order)
    const silent = observed.agentFaults.get(self.node)
    if (!self.recheck) {
      // Whoever is down does not answer, and whoever is ill may refuse: it is looked at, and told again when a look was answered.
      if (takeBack !== null && silent === undefined) return act({ kind: 'cancel-reboot', node: self.node, orderId: intended.facts.orderId ?? '', reason: takeBack })
      // Until the agent has said what became of the order it is in doubt; and a host that is up under its old boot may
      // have refused when the order fired. A host that is down does not answer: then it is only looked at.
      const stillUp = verdict !== null && known !== null && !stillCounts(known.askedAt, askAgainMs, now) && elapsed >= state.stored.plan.policy.rebootDelayMs + firesWithinMs
      // Taken in and not begun: it waits to be sent again, or until it cannot begin any more.
      const waits = known?.order.status === 'accepted'
      // What comes of a doubt depends on the gates: who has just taken over reads them first.
      const unread = gatesUnread(state, observed)
      // Refused or lost, taking it back is first followed by a look: asked and told in turns, nobody would see how the host is.
      const lookFirst = takeBack !== null && silent !== undefined && silent.at <= now && (look === undefined || look.at < silent.at)
      if (!lookFirst && ((known === null && !unread) || waits || stillUp)) {
        const ask = awaitOrder(view, 'reboot')
        if (ask.kind === 'do') return ask
      }
    }
    return lookAgain(view, intended.facts.orderId ?? '') ??
      wait([...takeBack !== null && silent !== undefined ? [silent.reason] : [], reason('NOT_REBOOTED', `${self.node} is rebooting for ${formatDuration(elapsed)}`, 'nothing to do: pitstop looks every second')], now + 1000)
  },

  conclude(view: View, answer: OrderView, host): readonly Event[] {
    const { self } = view
    const intended = stepOf(self, 'reboot')
    // What a look has proven meanwhile no word about the order takes back.
    if (intended?.status !== 'intended' || host === null || host.bootId === '') return []
    // Its order may have come to nothing: it has been down all the same, and looks judge what came of that.
    if (host.bootId !== intended.facts.bootId) return [rebooted(view, host.bootId)]
    const stopped = stoppedUnordered(self, host)
    const neverBegan = (): readonly Event[] => {
      if (stopped === 'unknown') return []
      const why = whyEnded(view, 'reboot', answer)
      return [endedWithout(view, 'reboot', answer), ...stopped === null ? stepBack(view, why, 'postpone') : stepBack(view, [...why, stopped], 'fail')]
    }
    switch (answer.status) {
      // Scheduled or begun: only another boot id is proof of more.
      case 'running': case 'succeeded': case 'unknown': case 'in-doubt': return []
      case 'vetoed': case 'cancelled': return neverBegan()
      case 'failed': return answer.gitalyStoppedAt === 0
        ? neverBegan()
        : [endedWithout(view, 'reboot', answer), { type: 'node-failed', node: self.node, step: 'reboot', down: true, reasons: whyEnded(view, 'reboot', answer) }]
      // The slot stays taken: the final check is made again, and with it the order.
      case 'absent': case 'accepted': return absentIsProof(view, intended) ? [endedWithout(view, 'reboot', answer)] : []
      default: return answer.status satisfies never
    }
  }
}

const rebooted = ({ self }: View, bootId: string): Event => ({ type: 'step-done', node: self.node, step: 'reboot', attempt: self.attempt, facts: { bootId } })

/**
 * Before Gitaly's stop everything can be taken back: on an abort, and when a gate closes while its delay or its hooks run; not for
 * a reading that failed, nor for an alert. Whether it has begun or is taken back is decided on the host's disk, by who comes first.
 */
function whyTakeBack(view: View, intended: StepState, { status, gitalyStoppedAt }: OrderView): string | null {
  const { state, self, observed, now } = view
  if (gitalyStoppedAt !== 0 || (status !== 'running' && status !== 'accepted' && status !== 'absent')) return null
  if (state.window.abort !== null) return state.window.abort.reason
  // Taken back it could not go in this window at all. What is most likely lost, and what waits to be sent again, does not go behind a closed gate.
  if (status === 'absent' || (status === 'accepted' && !mayComeLate(view, intended))) return null
  return (gatesThatTakeBack(self.askedFor ? pastTheHalt(state) : state, observed, now)[0] ?? noRoom(view))?.text ?? null
}
