// Asks which alerts fire, for as long as something may begin that they could hold. Nothing is pushed to us: it is asked again and again.
import { alertsFreshMs, alertsMatter } from '../domain/alert-gate.ts'
import { stillCounts } from '../domain/observed.ts'
import type { Draft } from './draft.ts'

const everyMs = alertsFreshMs / 3

/** A reading that failed keeps the gate closed until one comes: it is made again sooner. */
const againMs = 5000

export function watchAlerts(draft: Draft): void {
  const { alerts } = draft.observed
  if (alerts === null || !alertsMatter(draft.state)) return
  const { reading, fault } = alerts
  const [at, forMs] = fault === null ? [reading?.at ?? -Infinity, everyMs] : [fault.at, againMs]
  if (stillCounts(at, forMs, draft.now)) draft.wake(at + forMs)
  else draft.take({ kind: 'do', effect: { kind: 'observe-alerts' }, because: [] }, null)
}
