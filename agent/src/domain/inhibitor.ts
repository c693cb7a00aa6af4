// Who keeps the host from rebooting, in logind's words: the answer of ListInhibitors, read. Pure.
// Only "block" is a reason against it. systemd 257 refuses even root's reboot then, 252 goes ahead and cuts off whoever asked for time:
// apt holds such a lock while it runs dpkg. "delay" is waited for by logind itself, with Gitaly stopped: told, no reason; "block-weak" does not bind root.

export interface Inhibitor {
  readonly what: string
  readonly who: string
  readonly why: string
  readonly mode: string
  readonly pid: number
}

/** @param text output of `busctl --json=short call ... ListInhibitors`. @returns undefined = not understood. */
export function parseInhibitors(text: string): readonly Inhibitor[] | undefined {
  let value: unknown
  try { value = JSON.parse(text) } catch { return undefined }
  const list = (value as { data?: readonly unknown[] } | null)?.data?.[0]
  if (!Array.isArray(list)) return undefined
  const read = list.map((each: unknown) => {
    const [what, who, why, mode, , pid] = Array.isArray(each) ? each as unknown[] : []
    return typeof what === 'string' && typeof who === 'string' && typeof why === 'string' && typeof mode === 'string' ? { what, who, why, mode, pid: Number(pid) } : undefined
  })
  return read.includes(undefined) ? undefined : read.filter((each) => each !== undefined)
}

export const blockers = (inhibitors: readonly Inhibitor[]): readonly string[] => holders(inhibitors, 'block')

/** Inside the outage logind waits for these, up to InhibitDelayMaxSec. */
export const delayers = (inhibitors: readonly Inhibitor[]): readonly string[] => holders(inhibitors, 'delay')

const holders = (inhibitors: readonly Inhibitor[], wanted: string): readonly string[] => inhibitors
  .filter(({ what, mode }) => mode === wanted && what.split(':').includes('shutdown'))
  .map(({ who, why, pid }) => `${who} (process ${pid}): ${why}`)
