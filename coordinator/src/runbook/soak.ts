// Stay healthy for a while inside the slot; then the slot is freed, by health and by nothing else.
import { formatDuration } from '@pitstop/shared/duration'
import { reason } from '@pitstop/shared/fault'
import { currentLook, lookAgain, nextLookAt } from './look.ts'
import { type Next, type NodeStep, type View, done, isDone, record, stepOf, wait } from './step.ts'

export const soak: NodeStep = {
  name: 'soak',
  part: 'slot',

  next(view: View): Next {
    const { self, state, now } = view
    if (isDone(self, 'soak')) return done
    const { soakMs } = state.stored.plan.policy
    const look = currentLook(view)
    const rebooted = stepOf(self, 'reboot')
    const orderId = rebooted?.facts.orderId ?? ''
    if (look === undefined || look.verdict === null) return lookAgain(view, orderId) ?? wait([look?.fault ?? reason('HEALTH_UNKNOWN', `${self.node} does not answer`)], look === undefined ? now + 1000 : nextLookAt(self, look))
    const { verdict } = look
    if (verdict.bootId !== rebooted?.facts.bootId) {
      return record({ type: 'node-failed', node: self.node, step: 'soak', down: true, reasons: [reason('REBOOTED_AGAIN', `${self.node} booted again while it soaked`)] })
    }
    if (verdict.status === 'unhealthy') return record({ type: 'node-failed', node: self.node, step: 'soak', down: true, reasons: verdict.reasons })
    const outsideOk = look.outside === null || look.outside.serving
    if (verdict.status === 'healthy' && outsideOk && verdict.healthyForMs >= soakMs) {
      const outageMs = verdict.stoppedAt > 0 && verdict.servingSince > verdict.stoppedAt ? verdict.servingSince - verdict.stoppedAt : null
      return record(
        { type: 'step-done', node: self.node, step: 'soak', attempt: self.attempt, facts: { evidence: verdict.evidence, bootId: verdict.bootId, stoppedAt: verdict.stoppedAt, servingAt: verdict.servingSince, gitalyPid: verdict.gitalyPid } },
        { type: 'node-healthy', node: self.node, bootId: verdict.bootId, outageMs }
      )
    }
    const enoughAt = verdict.status === 'healthy' && outsideOk ? look.at + soakMs - verdict.healthyForMs : nextLookAt(self, look)
    return lookAgain(view, orderId, enoughAt) ??
      wait([reason('HEALTH_UNKNOWN', `${self.node} is ${verdict.status} for ${formatDuration(verdict.healthyForMs)} of ${formatDuration(soakMs)}`, 'nothing to do: it soaks')], Math.min(enoughAt, nextLookAt(self, look)))
  }
}
