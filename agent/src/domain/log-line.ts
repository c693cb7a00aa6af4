// One line of Gitaly's log, classified: JSON, svlogd-prefixed text, logfmt text, or a plain fatal line. Pure; never throws.
// What is not understood is 'unknown'; it is never counted as proof of health, nor as an error by itself.
import { asText, type Fields, messageOf, milliseconds, readLogText } from './log-fields.ts'

export type LogLineClass = 'info' | 'start-marker' | 'startup-error' | 'request-error' | 'harmless' | 'stop' | 'unknown' | 'gap'

export interface ClassifiedLine {
  readonly class: LogLineClass
  /** Unix ms; 0 = the line has no time. */
  readonly timeMs: number
  /** The first line of each start. Wrapper lines come before it and belong to no start. */
  readonly begins: boolean
  /** A start-up error that no earlier boot may excuse. */
  readonly final: boolean
}

const startMarkers = /^(?:Starting Gitaly\b|listening at |Started Gitaly\b)/
const firstMarker = /^Starting Gitaly\b/
/** Said by gitaly-wrapper with level=error on every healthy boot; only with its own field `wrapper`. */
const wrapperNoise = /^(?:find process|wrapper for process shutting down|waiting for supervised command)$/
/** A normal stop: before 16.10 SIGTERM ends with this plain line and exit 1, later with "Gitaly shutdown". */
const stopText = /^unclean Gitaly shutdown: received signal "(?:terminated|interrupt)"|^Gitaly shutdown\b|^forwarding signal\b|^starting grace period\b/
const fatalText = /^(?:unclean Gitaly shutdown:|load config:|Refusing to start because|panic:|fatal error:|goroutine \d+ \[|runtime: |SIG(?:SEGV|ILL|BUS|ABRT))/
/** Gitaly goes on after it, on a disk that is read-only or full. */
const neverHarmless = /^Unable to write gitaly metadata file/

export function classifyLine(text: string): ClassifiedLine {
  const { body, fields, prefixMs } = readLogText(text)
  if (fields !== undefined) {
    const message = messageOf(fields)
    const kind = classOfFields(fields, message)
    const level = asText(fields['level']).toLowerCase()
    return {
      class: kind,
      timeMs: milliseconds(fields['time'] ?? fields['ts']) || prefixMs,
      begins: kind === 'start-marker' && firstMarker.test(message),
      final: kind === 'startup-error' && (level !== 'error' || neverHarmless.test(message) || fatalText.test(message))
    }
  }
  const line = (kind: LogLineClass, begins = false): ClassifiedLine => ({ class: kind, timeMs: prefixMs, begins, final: kind === 'startup-error' })
  if (stopText.test(body)) return line('stop')
  if (fatalText.test(body)) return line('startup-error')
  if (startMarkers.test(body)) return line('start-marker', firstMarker.test(body))
  return line('unknown')
}

function classOfFields(fields: Fields, message: string): LogLineClass {
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
