// What a database says → faults with a plain text and something to do. Nothing is tried again here.
import { Fault } from '@pitstop/shared/fault'
import { redact } from '@pitstop/shared/redaction'

/** SQLSTATE → what to do. Everything else that a server says is STORE_UNAVAILABLE with its own words. */
const advice: Readonly<Record<string, string>> = {
  '28000': 'check user, pg_hba.conf and sslmode', '28P01': 'check store-password-file (or PGPASSFILE)', '3D000': 'create the database: createdb -O USER DATABASE',
  '42501': 'the user must own the database\'s schema: it makes its tables itself', '25006': 'this server is read-only: name the primary in store',
  '53100': 'make room on the database server\'s disk', '53300': 'raise max_connections; pitstop takes 4', '57P03': 'nothing to do: the server is starting or stopping',
  '55P03': 'nothing to do: another coordinator has the row for a moment', '25P03': 'nothing to do: this process was paused in mid-transaction, which was undone'
}
const away = 'check that the store is there and can be reached and written from here; it is tried again by itself'
const corrupt = /malformed|not a database|corrupt/i

/** What SQLite says of its file. */
const ofTheFile = (text: string): string | undefined =>
  /disk is full|ENOSPC|no space/i.test(text) ? 'make room on the file system of the store; nothing is begun until then, and it goes on by itself'
    : /readonly|read-only|EACCES|EROFS|unable to open/i.test(text) ? 'check owner and mode of the store\'s file and folder: the user that runs the coordinator must be able to write both' : undefined

/** @param what "take the lease" */
export function storeFault(what: string, error: unknown): Fault {
  if (error instanceof Fault) return error
  const text = redact(error instanceof Error ? textOf(error) : String(error))
  const state = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (corrupt.test(text) || state === 'XX001' || state === 'XX002') return new Fault('STORE_CORRUPT', `cannot ${what}: ${text}`, { cause: error })
  const hint = advice[state] ?? ofTheFile(text) ?? (state === '' || state.startsWith('08') || state.startsWith('E') ? away : undefined)
  return new Fault('STORE_UNAVAILABLE', `cannot ${what}: ${text}`, { cause: error, ...hint === undefined ? {} : { hint } })
}

/** Several addresses were tried: the error itself says nothing then. */
const textOf = (error: Error): string => error.message !== '' ? error.message : error instanceof AggregateError ? error.errors.map(String).join('; ') : error.name
