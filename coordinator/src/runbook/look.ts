// When to look at a node that is down or just back. The agent's own report makes us look at once; looking every second
// makes a lost report cost nothing.
import { reason } from '@pitstop/shared/fault'
import { lookKey } from '../domain/effect.ts'
import type { EvidenceItem } from '../domain/event.ts'
import { type Look, stillCounts } from '../domain/observed.ts'
import type { NodeState } from '../domain/state.ts'
import { type Next, type View, act, stepOf, wait } from './step.ts'

const lookEveryMs = 1000

/** A host that is back and not yet well is about to be: it is looked at more often, until it is overdue. A sick host may be sick for hours. */
const lookSoonMs = 200

/** When the next look is due. */
export const nextLookAt = (self: NodeState, look: Look): number => look.at + againMs(self, look)

function againMs(self: NodeState, look: Look): number {
  const nearlyBack = !self.overdue && look.verdict !== null && (look.verdict.status === 'unknown' || look.outside?.serving === false)
  return nearlyBack ? lookSoonMs : lookEveryMs
}

/** The next look, or null while the last one is fresh enough. `wanted` asks for one made at or after that instant. */
export function lookAgain(view: Pick<View, 'self' | 'observed' | 'now'>, orderId: string, wanted = 0): Next | null {
  const { self, observed, now } = view
  if (observed.inFlight.has(lookKey(self.node))) return wait([reason('HEALTH_UNKNOWN', `${self.node} is being looked at`)])
  const last = observed.looks.get(self.node)
  const stale = last === undefined || last.recheck !== self.recheck || last.seq < self.reportedSeq || !stillCounts(last.at, againMs(self, last), now) || (wanted > 0 && last.at < wanted && now >= wanted)
  return stale ? act({ kind: 'look', node: self.node, orderId }) : null
}

/** The latest look at the boot that our reboot led to, if it was made under the present attempt. */
export function currentLook({ self, observed }: View): Look | undefined {
  const look = observed.looks.get(self.node)
  const rebooted = stepOf(self, 'reboot')
  return look !== undefined && look.recheck === self.recheck && look.seq >= self.phaseSeq && rebooted !== undefined ? look : undefined
}

/** Evidence of the named checks: the worst of them decides; a check that is missing is unknown, never healthy. */
export function judgeEvidence(evidence: readonly EvidenceItem[], checks: readonly string[]): { status: EvidenceItem['status'], items: EvidenceItem[] } {
  const items = checks.map((check): EvidenceItem => {
    let worst: EvidenceItem | undefined
    for (const item of evidence) if (item.check === check && (worst === undefined || badness[item.status] > badness[worst.status])) worst = item
    return worst ?? { check, status: 'unknown', text: `the agent says nothing about ${check}` }
  })
  let status: EvidenceItem['status'] = 'healthy'
  for (const item of items) if (badness[item.status] > badness[status]) status = item.status
  return { status, items }
}

const badness: Readonly<Record<EvidenceItem['status'], number>> = { healthy: 0, unknown: 1, unhealthy: 2 }
