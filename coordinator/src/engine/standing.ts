// Who acts, in words: for refusals of a standby, for /readyz and for people who asked the wrong one. It says what is known:
// that somebody holds the lease, and since when nobody has heard of them; they may be dead.
import { formatDuration } from '@pitstop/shared/duration'
import { type Reason, reason } from '@pitstop/shared/fault'
import type { LeaseSeen } from './lease-watch.ts'

/** The file on a host that stops pitstop there without pitstop. */
const stopNow = 'To stop a host now, there: echo WHY > /etc/pitstop/disabled'

/** @param seen another's lease; null = nobody's that we know of. @param why what keeps us from acting, if anything does. */
export function standbyReason(seen: LeaseSeen | null, why: Reason | null): Reason {
  if (seen === null) return why ?? reason('STANDBY', 'this coordinator does not act', 'try again shortly')
  const { row: { holder, address, api }, readMs, renewedMs, freeInMs } = seen
  const machine = holder.split('/')[0] ?? ''
  const way = api === '' ? `on ${machine} type: pitstop …` : `pitstop --url ${api} --token-file FILE …, or on ${machine}: pitstop …`
  if (why?.code === 'STORE_UNAVAILABLE') {
    return reason('STORE_UNAVAILABLE', `this coordinator does not act and cannot see who does: ${why.text}. ${inSeconds(readMs)} ago ${holder} at ${address} held the lease`, `${why.hint}. If ${machine} acts still, ask it: ${way}. ${stopNow}`)
  }
  const free = freeInMs > 0 ? `if it is dead this one acts in ${inSeconds(freeInMs)}: type it again then` : 'its lease has ended: type it again in a moment'
  return reason('STANDBY', `this coordinator stands by; ${holder} at ${address} holds the lease, last renewed ${inSeconds(renewedMs)} ago${why === null ? '' : `. This one could not take over: ${why.text}`}`, `ask it: ${way}; ${free}. ${stopNow}`)
}

/** Nobody waits for parts of a second; never "0s". */
const inSeconds = (ms: number): string => formatDuration(Math.max(1, Math.round(ms / 1000)) * 1000)
