// What stays the same when Gitaly says the same thing at another start: an error line without times, numbers, ids and the
// random parts of paths. Two lines of one pattern are "the same error". Storage names stay: another storage is another error.
// Pure; never throws.
import { readLogText } from './log-fields.ts'

/** Fields that differ at each start, or say nothing about what went wrong. */
const passing = /^(?:time|ts|timestamp|pid|wrapper|process|level|correlation_id|.*_ms|.*\.time_ms|.*_duration(?:_s)?|duration|caller|file|line|stack|stacktrace)$/
/** Names that people gave: digits in them are part of the name. */
const names = /storage/
const longest = 600

export function errorPattern(line: string): string {
  const { body, fields } = readLogText(line)
  if (fields === undefined) return varying(body).slice(0, longest)
  return Object.keys(fields).filter((key) => !passing.test(key)).sort()
    .map((key) => `${key}=${names.test(key) && typeof fields[key] === 'string' ? fields[key] : varying(textOf(fields[key]))}`)
    .join(' ').slice(0, longest)
}

const textOf = (value: unknown): string => typeof value === 'string' ? value : JSON.stringify(value) ?? ''

const varying = (text: string): string => text.slice(0, 4 * longest)
  .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '#')
  .replace(/\d{4}-\d\d-\d\d[T_ ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?/g, '#')
  // Go's durations.
  .replace(/(?<![\w.])(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+(?!\w)/g, '#')
  .replace(/(?<!\w)0x[0-9a-f]+(?!\w)/gi, '#')
  // Hashes: hexadecimal, long, and with a digit, so that no word is taken for one.
  .replace(/(?<![a-z0-9])(?=[a-f]*\d)[0-9a-f]{8,}(?![a-z0-9])/gi, '#')
  // Random names, as mktemp makes them: small, large and digits mixed.
  .replace(/(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{6,}(?![A-Za-z0-9])/g, '#')
  // Where repositories lie: by hash, or by serial number.
  .replace(/@(hashed|pools|cluster|snapshots|groups)\/[^\s"':,]*/g, '@$1/#')
  .replace(/(?<![\w-])\d+(?:\.\d+)*(?![\w-])/g, '#')
  // Numbers inside a name: a process id or a serial, if it is long; gitaly-01 and data2 keep theirs.
  .replace(/\d{3,}/g, '#')
