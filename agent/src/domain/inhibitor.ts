// Who keeps the host from rebooting, in logind's words: the answer of ListInhibitors, read. Pure.
// Only "block" counts. systemd 257 refuses even root's reboot then, 252 goes ahead and cuts off whoever asked for time:
// apt holds such a lock while it runs dpkg. "delay" is waited for by logind itself, "block-weak" does not bind root.

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

export const blockers = (inhibitors: readonly Inhibitor[]): readonly string[] => inhibitors
  .filter(({ what, mode }) => mode === 'block' && what.split(':').includes('shutdown'))
  .map(({ who, why, pid }) => `${who} (process ${pid}): ${why}`)
