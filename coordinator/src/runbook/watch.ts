// Keep an eye on a node that is back: a relapse halts the window before more nodes follow it.
import { formatDuration } from '@pitstop/shared/duration'
import { reason } from '@pitstop/shared/fault'
import type { Look } from '../domain/observed.ts'
import { payableWeights } from '../domain/obligations.ts'
import { lookAgain, nextLookAt } from './look.ts'
import { type Next, type NodeStep, type View, record, stepOf, wait } from './step.ts'

/** How long ago its slot was freed. */
export const freedForMs = ({ self, observed, now }: View): number => observed.ageMs({ seq: self.slotFreedSeq, at: self.slotFreedAt ?? now }, now)

/** A look that was made when the watch had lasted to its end. */
export const isFromAfterTheWatch = (view: View, look: Look): boolean =>
  look.at <= view.now && view.now - look.at <= freedForMs(view) - view.state.stored.plan.policy.watchMs

const isPaid = ({ state, self }: View): boolean => !payableWeights(state).some(({ node }) => node === self.node)

export const watch: NodeStep = {
  name: 'watch',
  part: 'after',

  next(view: View): Next {
    const { self, state, observed, now } = view
    const leftMs = state.stored.plan.policy.watchMs - freedForMs(view)
    const until = now + leftMs
    const look = observed.looks.get(self.node)
    const orderId = stepOf(self, 'reboot')?.facts.orderId ?? ''
    if (look !== undefined && look.seq >= self.slotFreedSeq && look.verdict !== null) {
      const expected = stepOf(self, 'reboot')?.facts.bootId
      const again = look.verdict.bootId !== expected
      if (again || look.verdict.status === 'unhealthy') {
        const reasons = again ? [reason('REBOOTED_AGAIN', `${self.node} booted again while it was watched`)] : look.verdict.reasons
        return record({ type: 'node-failed', node: self.node, step: 'watch', down: true, reasons: [reason('RELAPSED', `${self.node} was healthy and is not any more`), ...reasons] })
      }
      // The end of the watch is proven by a look made at or after it; done is only what has its weight back.
      if (isFromAfterTheWatch(view, look) && look.verdict.status === 'healthy' && isPaid(view)) {
        return record({ type: 'step-done', node: self.node, step: 'watch', attempt: self.attempt, facts: {} }, { type: 'node-done', node: self.node })
      }
    }
    const nextLook = look === undefined ? now + 1000 : nextLookAt(self, look)
    return lookAgain(view, orderId, until) ??
      wait([reason('HEALTH_UNKNOWN', `${self.node} is watched for another ${formatDuration(Math.max(0, leftMs))}`, 'nothing to do')], until > now ? Math.min(until, nextLook) : nextLook)
  }
}
