// One line of Gitaly's log, classified: JSON, svlogd-prefixed text, logfmt text, or a plain fatal line. Pure; never throws.
// What is not understood is 'unknown'; it is never counted as proof of health, nor as an error by itself.

export type LogLineClass = 'info' | 'start-marker' | 'startup-error' | 'request-error' | 'harmless' | 'stop' | 'unknown' | 'gap'

export interface ClassifiedLine {
  readonly class: LogLineClass
  /** Unix ms; 0 = the line has no time. */
  readonly timeMs: number
}

const startMarkers = /^(?:Starting Gitaly\b|listening at |Started Gitaly\b)/
/** The first line of each start. Wrapper lines come before it and belong to no start. */
export const isStartOfGitaly = (text: string): boolean => /Starting Gitaly\b/.test(text)
/** Said by gitaly-wrapper with level=error on every healthy boot; only with its own field `wrapper`. */
const wrapperNoise = /^(?:find process|wrapper for process shutting down|waiting for supervised command)$/
/** A normal stop: before 16.10 SIGTERM ends with this plain line and exit 1, later with "Gitaly shutdown". */
const stopText = /^unclean Gitaly shutdown: received signal "(?:terminated|interrupt)"|^Gitaly shutdown\b|^forwarding signal\b|^starting grace period\b/
const fatalText = /^(?:unclean Gitaly shutdown:|load config:|Refusing to start because|panic:|fatal error:|goroutine \d+ \[|runtime: |SIG(?:SEGV|ILL|BUS|ABRT))/
const svlogdPrefix = /^(\d{4}-\d\d-\d\d)_(\d\d:\d\d:\d\d(?:\.\d+)?) /
const tai64n = /^@4[0-9a-f]{23} /

export function classifyLine(text: string): ClassifiedLine {
  const prefix = svlogdPrefix.exec(text)
  const prefixTime = prefix === null ? 0 : milliseconds(`${prefix[1]}T${prefix[2]}Z`)
  const body = text.replace(svlogdPrefix, '').replace(tai64n, '').trim()
  if (body.startsWith('{')) {
    const fields = parseObject(body)
    if (fields !== undefined) return { class: classOfFields(fields), timeMs: milliseconds(fields['time'] ?? fields['ts']) || prefixTime }
  }
  const logfmt = parseLogfmt(body)
  if (logfmt !== undefined) return { class: classOfFields(logfmt), timeMs: milliseconds(logfmt['time']) || prefixTime }
  if (stopText.test(body)) return { class: 'stop', timeMs: prefixTime }
  if (fatalText.test(body)) return { class: 'startup-error', timeMs: prefixTime }
  if (startMarkers.test(body)) return { class: 'start-marker', timeMs: prefixTime }
  return { class: 'unknown', timeMs: prefixTime }
}

type Fields = Readonly<Record<string, unknown>>

function classOfFields(fields: Fields): LogLineClass {
  const message = asText(fields['msg'] ?? fields['message'])
  const level = asText(fields['level']).toLowerCase()
  if (stopText.test(message)) return 'stop'
  if (['error', 'fatal', 'panic'].includes(level)) {
    if ('grpc.method' in fields) return 'request-error'
    if ('wrapper' in fields && wrapperNoise.test(message)) return 'harmless'
    return 'startup-error'
  }
  if (startMarkers.test(message)) return 'start-marker'
  return ['info', 'debug', 'trace', 'warn', 'warning'].includes(level) ? 'info' : 'unknown'
}

const asText = (value: unknown): string => typeof value === 'string' ? value : ''

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value as Fields : undefined
  } catch { return undefined }
}

/** logrus text: time="..." level=info msg="Starting Gitaly" version=16.7. */
function parseLogfmt(text: string): Fields | undefined {
  if (!/\blevel=\w+/.test(text) || !/\bmsg=/.test(text)) return undefined
  const fields: Record<string, unknown> = {}
  for (const [, key, quoted, bare] of text.matchAll(/([\w.]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)) {
    if (key !== undefined) fields[key] ??= quoted ?? bare ?? ''
  }
  return fields
}

function milliseconds(value: unknown): number {
  if (typeof value === 'number') return Number.isFinite(value) && value > 0 ? Math.round(value < 1e11 ? value * 1000 : value) : 0
  const parsed = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(parsed) ? 0 : parsed
}
