// The agent's log: one JSON object a line on stderr, which systemd's journal keeps, in the form that pino made known (level,
// time, msg). Written by hand because pino keeps two megabytes of a small service busy. Never throws: a log that
// cannot be written stops no order.
import { writeSync } from 'node:fs'
import { redact, secretNames } from '@pitstop/shared/redaction'
import type { Logger } from '../ports.ts'

const levels = { info: 30, warn: 40, error: 50 } as const
const standardError = 2

export function jsonLog(write: (line: string) => void = toStandardError): Logger {
  const at = (level: number) => (fields: object, msg: string): void => {
    write(`${JSON.stringify({ level, time: Date.now(), ...cleaned(fields), msg: redact(msg) })}\n`)
  }
  return { info: at(levels.info), warn: at(levels.warn), error: at(levels.error) }
}

function cleaned(fields: object): object {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) =>
    [name, secretNames.some((secret) => secret === name) ? '[hidden]' : typeof value === 'string' ? redact(value) : value as unknown]))
}

function toStandardError(line: string): void {
  const bytes = Buffer.from(line)
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(standardError, bytes, written)
  } catch { /* nobody is left to tell */ }
}
