// One line of Gitaly's log, taken apart: what svlogd put before it, then JSON, logfmt text, or plain words. Pure; never
// throws. Shared by the classes of lines and by the patterns of errors, so that both read a line alike.

export type Fields = Readonly<Record<string, unknown>>

export interface LogText {
  /** Without svlogd's prefix. */
  readonly body: string
  /** undefined = plain text. */
  readonly fields: Fields | undefined
  /** Unix ms by svlogd's prefix; 0 = none. */
  readonly prefixMs: number
}

/** svlogd -tt and -ttt; -t writes a TAI64N label, which is as good as none here. */
const svlogdPrefix = /^(\d{4}-\d\d-\d\d)[_T](\d\d:\d\d:\d\d(?:\.\d+)?) /
const tai64n = /^@4[0-9a-f]{23} /

export function readLogText(line: string): LogText {
  // After a power cut the end of a file may be zeros, and the next line stands right behind them.
  const text = line.includes('\0') ? line.replaceAll('\0', '') : line
  const prefix = svlogdPrefix.exec(text)
  const body = text.slice(prefix?.[0].length ?? 0).replace(tai64n, '').trim()
  return {
    body,
    fields: (body.startsWith('{') ? parseObject(body) : undefined) ?? parseLogfmt(body),
    prefixMs: prefix === null ? 0 : milliseconds(`${prefix[1]}T${prefix[2]}Z`)
  }
}

export const asText = (value: unknown): string => typeof value === 'string' ? value : ''

export const messageOf = (fields: Fields): string => asText(fields['msg'] ?? fields['message'])

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value as Fields : undefined
  } catch { return undefined }
}

/** logrus text: time="..." level=info msg="Starting Gitaly" version=16.7. */
function parseLogfmt(text: string): Fields | undefined {
  if (!/\blevel=\w+/.test(text) || !/\bmsg=/.test(text)) return undefined
  const fields: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const [, key, quoted, bare] of text.matchAll(/(?<![\w.])([\w.]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)) {
    if (key !== undefined) fields[key] ??= quoted ?? bare ?? ''
  }
  return fields
}

export function milliseconds(value: unknown): number {
  if (typeof value === 'number') return Number.isFinite(value) && value > 0 ? Math.round(value < 1e11 ? value * 1000 : value) : 0
  const parsed = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(parsed) ? 0 : parsed
}
