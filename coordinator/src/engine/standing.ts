// Who acts, in words: for refusals of a standby, for /readyz and for people who asked the wrong one.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { LeaseRow } from '../ports.ts'

/** @param holder who holds the lease instead of us; null = nobody that we know of. @param why what keeps us from acting, if anything does. */
export function standbyReason(holder: LeaseRow | null, why: Reason | null): Reason {
  if (holder === null) return why ?? reason('STANDBY', 'this coordinator does not act', 'try again shortly')
  const machine = holder.holder.split('/')[0] ?? ''
  const way = holder.api === '' ? `on ${machine} type: pitstop …` : `pitstop --url ${holder.api} --token-file FILE …, or on ${machine}: pitstop …`
  return reason('STANDBY', `this coordinator stands by; ${holder.holder} at ${holder.address} acts${why === null ? '' : `. It could not take over: ${why.text}`}`, `ask it: ${way}`)
}
