// What the hooks of after-ready add to a verdict. The others judge first: hooks run once they are all healthy, and the
// boot is healthy when the hooks have passed too. Pure.
import { reason } from '@pitstop/shared/fault'
import type { Judgement } from './health-verdict.ts'
import type { ReadyMark } from './order-record.ts'

/** What to do about the hooks at this look. */
export type ReadyAnswer = 'nothing' | 'begin'

/** @param isAnswer this boot is the first one behind the reboot order asked about. */
export function readyAnswer(others: Judgement, mark: ReadyMark | undefined, isAnswer: boolean): ReadyAnswer {
  return isAnswer && mark === undefined && others.status === 'healthy' ? 'begin' : 'nothing'
}

/** @param underWay this process runs them, or the one that wrote so still lives; a mark "running" without that was left by a process that is gone. */
export function withHooks(others: Judgement, mark: ReadyMark | undefined, underWay: boolean): Judgement {
  if (mark === undefined || (mark.hooks === 'passed' && mark.ran.length === 0)) return others
  const names = mark.ran.join(', ')
  switch (mark.hooks) {
    case 'passed': return { ...others, evidence: [...others.evidence, { check: 'hooks', status: 'healthy', text: `done: ${names}` }] }
    case 'running': {
      if (!underWay) return failed(others, [reason('HOOK_FAILED', 'what ran the hooks of after-ready, the agent or pitstop-agent after-ready, was ended before they were; whether they did their work is not known', runAgain)])
      const text = 'the hooks of after-ready are running'
      return {
        status: others.status === 'healthy' ? 'unknown' : others.status,
        evidence: [...others.evidence, { check: 'hooks', status: 'unknown', text }],
        reasons: [...others.reasons, reason('HEALTH_UNKNOWN', text)]
      }
    }
    case 'failed': return failed(others, mark.reasons)
    default: return mark.hooks satisfies never
  }
}

export const runAgain = 'on the host: mend the cause, then: pitstop-agent after-ready; then: pitstop node retry NODE --reason "…"'

/** Also for hooks that may not be run: they are looked at again each time, and run once that is mended. */
export const failed = (others: Judgement, reasons: Judgement['reasons']): Judgement => ({
  status: 'unhealthy',
  evidence: [...others.evidence, ...reasons.map(({ text }) => ({ check: 'hooks', status: 'unhealthy', text }) as const)],
  reasons: [...others.reasons, ...reasons]
})
