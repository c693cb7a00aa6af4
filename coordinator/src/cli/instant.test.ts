// Local times around clock changes, against a stupid twin that knows nothing but how an instant is shown in a zone: a time
// that people see once is that instant, one that they see twice or never is refused, and nothing is guessed.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { formatInstant } from '@pitstop/shared/instant'
import { parseInstant } from './instant.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** An hour, half an hour (Lord Howe), far from UTC, a day that was left out (Apia, 2011), midnight that does not exist (Beirut), none. */
const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Chatham', 'Pacific/Apia', 'Asia/Beirut', 'America/Havana', 'Asia/Kolkata', 'UTC']
/** Of this zone, on the minute. */
const changesOf = (zone: string): number[] => {
  const found: number[] = []
  for (let at = Temporal.Instant.from('2026-01-01T00:00Z').toZonedDateTimeISO(zone), next = at.getTimeZoneTransition('next'); next !== null && found.length < 6; next = at.getTimeZoneTransition('next')) {
    found.push(next.epochMilliseconds)
    at = next
  }
  return found
}

const shown = new Map(zones.map((zone) => [zone, new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' })]))
/** "2027-03-28T02:30", as a clock on the wall shows it. */
const wall = (zone: string, at: number): string => shown.get(zone)?.format(at).replace(' ', 'T') ?? ''

/** Every instant at which the wall shows this; zones are at most 15 hours from UTC, offsets are whole quarters of an hour. */
function instantsShowing(zone: string, text: string): number[] {
  const asUtc = Date.parse(`${text}Z`)
  const found: number[] = []
  for (let at = asUtc - 15 * hourMs; at <= asUtc + 15 * hourMs; at += 15 * minuteMs) if (wall(zone, at) === text) found.push(at)
  return found
}

const parsed = (text: string, zone: string, now: number): number | string => {
  try {
    return parseInstant(text, zone, now)
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Close to a change of clocks in a zone that has any. */
const around = fc.constantFrom(...zones).chain((zone) => {
  const changes = changesOf(zone)
  return fc.record({ zone: fc.constant(zone), change: fc.constantFrom(...changes.length > 0 ? changes : [Date.UTC(2027, 2, 28, 1)]), minutes: fc.integer({ min: -48 * 60, max: 48 * 60 }) })
    .map(({ zone: of, change, minutes }) => ({ zone: of, at: change + minutes * minuteMs }))
})

void t.test('a date and time is the one instant at which the wall shows it, or refused', async (t) => {
  let [once, twice, never] = [0, 0, 0]
  fc.assert(fc.property(around, fc.integer({ min: -90, max: 90 }), ({ zone, at }, off) => {
    // Moved as text, so that it may name a time that no wall shows.
    const text = new Date(Date.parse(`${wall(zone, at)}Z`) + off * minuteMs).toISOString().slice(0, 16)
    const instants = instantsShowing(zone, text)
    if (instants.length === 1) once++
    else if (instants.length === 2) twice++
    else never++
    const got = parsed(text, zone, 0)
    return got === (instants.length === 1 ? instants[0] : 'INVALID_INPUT')
  }), { numRuns: 4000, seed: 11 })
  t.ok(once > 1000 && twice > 5 && never > 5, `${once} once, ${twice} twice, ${never} never`)
})

void t.test('a time of day is its next showing: ahead, within two days, never past one that is a riddle', async (t) => {
  let [taken, refused] = [0, 0]
  fc.assert(fc.property(around, fc.integer({ min: 0, max: 24 * 60 - 1 }), ({ zone, at: now }, minute) => {
    const time = new Date(minute * minuteMs).toISOString().slice(11, 16)
    const dayOf = (days: number): string => new Date(Date.parse(`${wall(zone, now).slice(0, 10)}T12:00Z`) + days * dayMs).toISOString().slice(0, 10)
    const today = instantsShowing(zone, `${dayOf(0)}T${time}`)
    const tomorrow = instantsShowing(zone, `${dayOf(1)}T${time}`)
    // Without a showing today it is over when what comes later today is shown already.
    const isOver = today.length > 0 ? today.every((each) => each <= now) : wall(zone, now).slice(11) > time
    const of = isOver ? tomorrow : today
    const got = parsed(time, zone, now)
    if (typeof got === 'number') taken++
    else refused++
    return got === (of.length === 1 ? of[0] : 'INVALID_INPUT')
  }), { numRuns: 4000, seed: 12 })
  t.ok(taken > 3000 && refused > 5, `${taken} taken, ${refused} refused`)
})

void t.test('the night of the change in Berlin: 02:30 is refused when it does not exist or exists twice, and again a time the day after', async (t) => {
  const zone = 'Europe/Berlin'
  const at = (text: string, now: number): string => {
    const got = parsed(text, zone, now)
    return typeof got === 'number' ? formatInstant(got) : got
  }
  const [spring, autumn] = [Date.UTC(2027, 2, 28, 1), Date.UTC(2027, 9, 31, 1)]
  t.equal(at('02:30', spring - hourMs), 'INVALID_INPUT', 'tonight it does not exist')
  t.equal(at('02:30', spring + hourMs), '2027-03-29 00:30:00Z', 'tonight is over')
  t.equal(at('02:30', autumn - 2 * hourMs), 'INVALID_INPUT', 'tonight it exists twice')
  t.equal(at('02:30', autumn - 10 * minuteMs), 'INVALID_INPUT', 'the first is over, the second is not: still nobody guesses')
  t.equal(at('02:30', autumn + hourMs), '2027-11-01 01:30:00Z')
  t.equal(at('2027-10-31T02:30+02:00', 0), '2027-10-31 00:30:00Z', 'with its offset it is one of the two')
  t.equal(at('2027-10-31T02:30:00+01:00[Europe/Berlin]', 0), '2027-10-31 01:30:00Z')
  t.equal(at('2027-10-31T02:30:00[Europe/Berlin]', 0), 'INVALID_INPUT')
  t.equal(at('2027-03-28T02:30:00+01:00[Europe/Berlin]', 0), 'INVALID_INPUT', 'an offset that the zone does not have then')
})

void t.test('without a zone it is the host\'s, whatever TZ says', async (t) => {
  const had = process.env['TZ']
  t.teardown(() => { if (had === undefined) delete process.env['TZ']; else process.env['TZ'] = had })
  for (const zone of zones) {
    process.env['TZ'] = zone
    for (const text of ['2027-03-28T02:30', '2027-11-07T01:30', '2027-06-01T12:00']) {
      const own = ((): number | string => { try { return parseInstant(text, undefined, 0) } catch (error) { return (error as { code: string }).code } })()
      t.equal(own, parsed(text, zone, 0), `${text} in ${zone}`)
    }
  }
})

void t.test('people read every instant in one form: nothing of the coordinator writes another', async (t) => {
  t.equal(formatInstant(Date.UTC(2026, 10, 23, 22, 0, 0, 999)), '2026-11-23 22:00:00Z')
  const sources = join(import.meta.dirname, '../')
  const texts = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  t.ok(texts.length > 100)
  t.same(texts.filter((name) => /toISOString|toLocale\w*String|toUTCString|DateTimeFormat/.test(readFileSync(join(sources, name), 'utf8'))), [], 'formatInstant of shared/instant is the one form')
})
