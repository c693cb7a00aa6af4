// When to look at a node that is down or just back. The agent's own report makes us look at once; looking every second
// makes a lost report cost nothing.
import { reason } from '@pitstop/shared/fault'
import type { EvidenceItem } from '../domain/event.ts'
import type { Look } from '../domain/observed.ts'
import { type Next, type View, act, stepOf, wait } from './step.ts'

const lookEveryMs = 1000

/** A host that is back and not yet well is about to be: it is looked at more often. */
const lookSoonMs = 200

/** When the next look is due. */
export function nextLookAt(look: Look): number {
  const nearlyBack = look.verdict !== null && (look.verdict.status === 'unknown' || look.outside?.serving === false)
  return look.at + (nearlyBack ? lookSoonMs : lookEveryMs)
}

/** The next look, or null while the last one is fresh enough. `wanted` asks for one made at or after that instant. */
export function lookAgain(view: View, orderId: string, wanted = 0): Next | null {
  const { self, observed, now } = view
  if (observed.inFlight.has(`look ${self.node}`)) return wait([reason('HEALTH_UNKNOWN', `${self.node} is being looked at`)])
  const last = observed.looks.get(self.node)
  const reported = self.reportedAt !== null && last !== undefined && last.at <= self.reportedAt
  const stale = last === undefined || last.recheck !== self.recheck || now >= nextLookAt(last) || (wanted > 0 && last.at < wanted && now >= wanted)
  return stale || reported ? act({ kind: 'look', node: self.node, orderId }) : null
}

/** The latest look at the boot that our reboot led to, if it was made under the present attempt. */
export function currentLook({ self, observed }: View): Look | undefined {
  const look = observed.looks.get(self.node)
  const rebooted = stepOf(self, 'reboot')
  return look !== undefined && look.recheck === self.recheck && look.at >= self.phaseSince && rebooted !== undefined ? look : undefined
}

/** Evidence of the named checks: the worst of them decides; a check that is missing is unknown, never healthy. */
export function judgeEvidence(evidence: readonly EvidenceItem[], checks: readonly string[]): { status: EvidenceItem['status'], items: EvidenceItem[] } {
  const items = checks.map((check): EvidenceItem => {
    const found = evidence.filter((item) => item.check === check)
    return found.find(({ status }) => status === 'unhealthy') ?? found.find(({ status }) => status === 'unknown') ?? found[0] ??
      { check, status: 'unknown', text: `the agent says nothing about ${check}` }
  })
  const worst = (['unhealthy', 'unknown'] as const).find((status) => items.some((item) => item.status === status))
  return { status: worst ?? 'healthy', items }
}
