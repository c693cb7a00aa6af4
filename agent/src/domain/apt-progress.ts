// apt's machine-readable progress (APT::Status-Fd): "pmstatus:libc6:42.5:Unpacking libc6". Pure; never throws.

export interface AptProgress {
  /** 0..100; -1 = not known. */
  readonly percent: number
  readonly text: string
}

const kinds = new Set(['pmstatus', 'dlstatus', 'pmerror', 'pmconffile', 'media-change'])

/** One line; undefined when it is none of apt's. */
export function parseStatusLine(line: string): AptProgress | undefined {
  const [kind = '', item = '', percentText = '', ...rest] = line.split(':')
  // "pmstatus:libc6:amd64:40:text": an architecture makes one field more.
  const shifted = kinds.has(kind) && !isPercent(percentText) && isPercent(rest[0] ?? '')
  const percent = shifted ? rest[0] ?? '' : percentText
  const text = (shifted ? rest.slice(1) : rest).join(':').trim()
  if (!kinds.has(kind) || !isPercent(percent)) return undefined
  const known = Math.min(100, Math.max(0, Number(percent)))
  return { percent: known, text: kind === 'pmerror' ? `error: ${item}: ${text}` : text || item }
}

const isPercent = (text: string): boolean => /^\d+(?:\.\d+)?$/.test(text)
