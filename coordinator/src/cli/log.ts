// The coordinator's log: JSON lines on stderr, one sentence each, with everything that looks like a secret taken out.
import { pino } from 'pino'
import { redact, secretNames } from '@pitstop/shared/redaction'
import type { Log } from '../main.ts'

export function createLog(destination: { write(line: string): void } = process.stderr): Log {
  const paths = secretNames.flatMap((name) => [`["${name}"]`, `*["${name}"]`])
  const logger = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) }, redact: { paths, censor: '[hidden]' } }, destination)
  return (level, text, facts) => { logger[level](redactAll(facts), redact(text)) }
}

/** Texts inside the facts may quote others: they are cleaned too. */
function redactAll(facts: Record<string, unknown> = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, typeof value === 'string' ? redact(value) : value]))
}
