// The last look before a unit begins: may the order still be carried out? Used by the units and by `may-reboot`. Pure.
// All reasons at once; none = begin.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { OrderFiles } from './order-record.ts'
import { type HostFacts, timeVetoes, vetoes } from './veto.ts'

export interface FiringFacts {
  readonly highestEpoch: number
  readonly bootId: string
  readonly nowMs: number
  readonly maximumOffsetMs: number
  readonly host: HostFacts
}

export function firingReasons(files: OrderFiles, facts: FiringFacts): readonly Reason[] {
  const { accepted, grant, decision } = files
  if (accepted === undefined || grant === undefined) return [reason('NOT_FOUND', `there is no order ${files.id} here`, 'orders of this host: pitstop-agent status')]
  return [
    ...decision?.kind === 'cancelled' ? [reason('ORDER_CANCELLED', `order ${files.id} was taken back by ${decision.by}`)] : [],
    ...overtaken(grant.epoch, facts.highestEpoch),
    ...accepted.bootId === facts.bootId ? [] : [reason('OTHER_BOOT', `order ${files.id} belongs to boot ${accepted.bootId}; this is boot ${facts.bootId}`)],
    ...timeVetoes(grant, facts.nowMs, facts.maximumOffsetMs),
    ...vetoes(accepted.step, facts.host)
  ]
}

export const overtaken = (epoch: number, highest: number): readonly Reason[] =>
  epoch < highest ? [reason('STALE_EPOCH', `the order stands under epoch ${epoch}; this host has seen epoch ${highest} since`)] : []
