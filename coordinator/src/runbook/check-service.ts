// Is Gitaly up? One boot, the expected kernel, a steady process, SERVING from inside and outside, storages readable and
// writable with the file system they had before; the packages of the manifest, and the host's own hooks passed.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { Look, Verdict } from '../domain/observed.ts'
import { currentLook, judgeEvidence, lookAgain, nextLookAt } from './look.ts'
import { type Next, type NodeStep, type View, done, isDone, record, stepOf, wait } from './step.ts'

const checks = ['boot', 'kernel', 'service', 'grpc', 'storage']
/** Said where there is something to say: by an agent that looked at the packages, of a host with hooks for this moment. */
const furtherChecks = ['packages', 'hooks']

export const checkService: NodeStep = {
  name: 'check-service',
  part: 'slot',
  next: (view) => isDone(view.self, 'check-service') ? done : check(view, 'check-service', checks, furtherChecks)
}

/**
 * Shared by the two checks: look, judge the named evidence, journal it or fail the node with the agent's own reasons.
 * @param further judged too when the agent speaks of it
 */
export function check(view: View, step: 'check-service' | 'check-log', names: readonly string[], further: readonly string[] = []): Next {
  const { self, now } = view
  const look = currentLook(view)
  const orderId = stepOf(self, 'reboot')?.facts.orderId ?? ''
  if (look?.verdict !== undefined && look.verdict !== null && look.verdict.bootId === stepOf(self, 'reboot')?.facts.bootId) {
    const { evidence } = look.verdict
    const { status, items } = judgeEvidence(evidence, [...names, ...further.filter((name) => evidence.some((item) => item.check === name))])
    const outside = step === 'check-service' ? seenFromOutside(look) : null
    if (status === 'unhealthy') {
      return record({ type: 'node-failed', node: self.node, step, down: true, reasons: explain(look.verdict, items) })
    }
    if (status === 'healthy' && outside === null) {
      return record({ type: 'step-done', node: self.node, step, attempt: self.attempt, facts: { evidence: items, bootId: look.verdict.bootId } })
    }
    const reasons = outside === null ? explain(look.verdict, items) : [outside]
    return lookAgain(view, orderId) ?? wait(reasons, nextLookAt(self, look))
  }
  if (look?.verdict != null && look.verdict.bootId !== '' && self.recheck) {
    // A person saw to the host, by hand or by another boot: from here on this boot is the one that counts.
    return record({ type: 'step-done', node: self.node, step: 'reboot', attempt: self.attempt, facts: { bootId: look.verdict.bootId } })
  }
  if (look?.verdict != null && look.verdict.bootId !== '') {
    return record({ type: 'node-failed', node: self.node, step, down: true, reasons: [reason('REBOOTED_AGAIN', `${self.node} booted again after its ordered reboot`)] })
  }
  return lookAgain(view, orderId) ?? wait([look?.fault ?? reason('HEALTH_UNKNOWN', `${self.node} has not been judged yet`)], look === undefined ? now + 1000 : nextLookAt(self, look))
}

/** The agent's reasons; where it gave none, the evidence itself. */
function explain(verdict: Verdict, items: readonly { check: string, status: string, text: string }[]): readonly Reason[] {
  if (verdict.reasons.length > 0) return verdict.reasons
  return items.filter(({ status }) => status !== 'healthy').map(({ check: name, text }) => reason('HEALTH_UNKNOWN', `${name}: ${text}`))
}

/** Healthy inside and unreachable outside is not healthy for anybody. Null: fine, or nowhere to ask. */
function seenFromOutside(look: Look): Reason | null {
  return look.outside === null || look.outside.serving ? null : reason('NOT_SERVING', `from the coordinator's side: ${look.outside.text}`)
}
