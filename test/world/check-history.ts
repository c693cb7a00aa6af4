// Proves the invariants and protocol rules of the design from what the world wrote down and what the journal says, independent
// of the code that made the decisions. Returns violations in words; none = held. Who checks what:
//
//   1 fencing                 checks/fencing.ts   orders, writes and journal rows under the lease's own epoch; frozen = nothing
//   2 slots freed by health   checks/slots.ts     group size (also who is down by itself), strict batches, canary, budget, sticky halt, blindness
//   3 intent before effect    checks/intents.ts   journaled before sent; asked before sent again
//   4 nothing left behind     checks/promises.ts  true previous values, break-glass, payable-when, the end
//   5 weights                 checks/weights.ts   whole hash, own keys, floor, one write at a time, lost ones waited out; not to a Gitaly that is down
//   6 proof, 7 one reboot     checks/proof.ts     another boot id, healthy, soaked, watched; reboots per node and order
//   8 never late              checks/time.ts      p95 + soak + allowance before closing
//   9 hosts, 10 packages      checks/hosts.ts     nothing refused or taken back is done; manifests; the last look
//   11 why, 12 fail closed    checks/reasons.ts   typed reasons, named people, fresh readings
//   12 fail closed            checks/alerts.ts    the gate on alerts: others' hold beginnings, ours do not; fresh readings
//
// For each of them test/simulate/planted.test.ts plants a bug that must be seen here.
import { alerts } from './checks/alerts.ts'
import { fencing } from './checks/fencing.ts'
import { hosts } from './checks/hosts.ts'
import { intents } from './checks/intents.ts'
import { promises } from './checks/promises.ts'
import { proof } from './checks/proof.ts'
import { reasons } from './checks/reasons.ts'
import { slots } from './checks/slots.ts'
import { time } from './checks/time.ts'
import { type Evidence, runChecks } from './checks/timeline.ts'
import { weights } from './checks/weights.ts'

export type { Evidence } from './checks/timeline.ts'

export const checkHistory = (source: Evidence | { evidence(): Evidence }): string[] =>
  runChecks('happenings' in source ? source : source.evidence(), [fencing, slots, intents, promises, weights, proof, time, hosts, reasons, alerts])
