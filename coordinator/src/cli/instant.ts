// Times that people type, as instants: with an offset, in a named zone, or in the zone of this host. A local time that
// does not exist or exists twice (clocks changing) is refused, not guessed.
import { parseDuration } from '@pitstop/shared/duration'
import { Fault } from '@pitstop/shared/fault'

const forms = '"22:00", "2026-11-23T22:00", "2026-11-23T22:00Z" or "now"'

/** @returns epoch ms. @throws Fault INVALID_INPUT */
export function parseInstant(text: string, zone: string | undefined, now: number): number {
  if (text === 'now') return now
  const timeZone = checkedZone(zone)
  try {
    if (/(?:Z|[+-]\d\d:?\d\d)$/i.test(text)) return Temporal.Instant.from(text).epochMilliseconds
    if (text.endsWith(']')) return Temporal.ZonedDateTime.from(text, { disambiguation: 'reject', offset: 'reject' }).epochMilliseconds
    if (/^\d{1,2}:\d{2}$/.test(text)) return nextTime(text.padStart(5, '0'), timeZone, now)
    return Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone, { disambiguation: 'reject' }).epochMilliseconds
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('INVALID_INPUT', `"${text}" is no time in ${timeZone}, or not exactly one: ${error instanceof Error ? error.message : String(error)}`, { hint: `use ${forms}` })
  }
}

/** Today, or tomorrow when that is over. Refused while a day is ahead on which it does not exist, or exists twice. */
function nextTime(text: string, timeZone: string, now: number): number {
  const time = Temporal.PlainTime.from(text)
  const here = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone)
  const onDay = (days: number, disambiguation: 'later' | 'reject'): Temporal.ZonedDateTime =>
    here.toPlainDate().add({ days }).toPlainDateTime(time).toZonedDateTime(timeZone, { disambiguation })
  const last = onDay(0, 'later')
  // A change of clocks that is over makes today's time no riddle for tomorrow's.
  const isOver = last.toPlainTime().equals(time) ? last.epochMilliseconds <= now : Temporal.PlainTime.compare(here.toPlainTime(), time) > 0
  return onDay(isOver ? 1 : 0, 'reject').epochMilliseconds
}

function checkedZone(zone: string | undefined): string {
  const name = zone ?? Temporal.Now.timeZoneId()
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name).timeZoneId
  } catch {
    throw new Fault('INVALID_INPUT', `"${name}" is no time zone`, { hint: 'use an IANA name such as Europe/Berlin' })
  }
}

/** @throws Fault INVALID_INPUT */
export function durationOf(text: string, option: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new Fault('INVALID_INPUT', `${option} must be a duration, not "${text}"`, { hint: 'such as 90s, 10m or 1h30m' })
  return ms
}

/** @throws Fault INVALID_INPUT */
export function wholeOf(text: string, option: string, least = 1): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(number >= least)) throw new Fault('INVALID_INPUT', `${option} must be a whole number from ${least}, not "${text}"`)
  return number
}
