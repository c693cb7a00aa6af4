// What a database says → faults with a plain text and something to do. Nothing is tried again here.
import { Fault } from '@pitstop/shared/fault'
import { redact } from '@pitstop/shared/redaction'

/** SQLSTATE → what to do. Everything else that a server says is STORE_UNAVAILABLE with its own words. */
const advice: Readonly<Record<string, string>> = {
  '28000': 'check user, pg_hba.conf and sslmode', '28P01': 'check store-password-file (or PGPASSFILE)', '3D000': 'create the database: createdb -O USER DATABASE',
  '42501': 'the user must own the database\'s schema: it makes its tables itself', '25006': 'this server is read-only: name the primary in store',
  '53100': 'make room on the database server\'s disk', '53300': 'raise max_connections; pitstop takes up to 5', '57P03': 'nothing to do: the server is starting or stopping',
  '55P03': 'nothing to do: another coordinator has the row for a moment', '25P03': 'nothing to do: this process was paused in mid-transaction, which was undone'
}
/** What TLS says, by its code: which side is not believed, and whose file or setting mends it. */
const ofTls: readonly (readonly [RegExp, string])[] = [
  [/^(SELF_SIGNED_CERT|DEPTH_ZERO|UNABLE_TO_(GET_ISSUER|VERIFY))|^CERT_UNTRUSTED$/, 'name the authority that issued the database server\'s certificate: sslrootcert=/path/to/ca.pem in store'],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, 'renew the database server\'s certificate; or correct the clock of this machine'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'name the server in store as its certificate does; sslmode=verify-ca takes any server of that authority'],
  [/^ERR_OSSL_X509_KEY_VALUES_MISMATCH$/, 'sslkey is not the key of sslcert: name two files that belong together in store'],
  [/^ERR_SSL_.*ALERT/, 'the database server refuses our client certificate: check sslcert in store, and ssl_ca_file there'],
  [/^ERR_(OSSL|SSL)/, 'check sslrootcert, sslcert and sslkey in store, and the TLS versions that the server allows']
]
/** Of SQLSTATE 28000, which has one word for many things. */
const ofAccess: readonly (readonly [RegExp, string])[] = [
  [/no encryption$/, 'the server wants TLS: add ?sslmode=verify-full (and sslrootcert=/path/to/ca.pem) to store'],
  [/client certificate/, 'add a certificate that the server believes to store: sslcert=/path/to/client.pem&sslkey=/path/to/client.key']
]
/** What is said by the driver alone, without a code. */
const ofDriver: readonly (readonly [RegExp, string, string])[] = [
  [/does not support SSL/, 'the database server has no TLS', 'turn it on there (ssl = on); sslmode=disable in store only where nobody can listen in between'],
  [/client password must be/, 'the database server asks for a password, and there is none', 'write it into a file and name that with store-password-file (or use PGPASSFILE)']
]

const away = 'check that the store is there and can be reached and written from here'
const again = 'it is tried again by itself'
const corrupt = /malformed|not a database|corrupt/i

/** What SQLite says of its file. */
const ofTheFile = (text: string): string | undefined =>
  /disk is full|ENOSPC|no space/i.test(text) ? 'make room on the file system of the store; nothing is begun until then, and it goes on by itself'
    : /readonly|read-only|EACCES|EROFS|unable to open/i.test(text) ? 'check owner and mode of the store\'s file and folder: the user that runs the coordinator must be able to write both' : undefined

/** @param what "take the lease" @param repeats false: whoever asks does so once, and has to type it again. */
export function storeFault(what: string, error: unknown, repeats = true): Fault {
  if (error instanceof Fault) return error
  const said = redact(error instanceof Error ? textOf(error) : String(error))
  const own = ofDriver.find(([form]) => form.test(said))
  const text = own?.[1] ?? said
  const state = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (corrupt.test(text) || state === 'XX001' || state === 'XX002') return new Fault('STORE_CORRUPT', `cannot ${what}: ${text}`, { cause: error })
  const plain = state === '28000' ? ofAccess.find(([form]) => form.test(said))?.[1] : undefined
  const hint = own?.[2] ?? plain ?? advice[state] ?? ofTls.find(([code]) => code.test(state))?.[1] ?? ofTheFile(text) ?? (state === '' || state.startsWith('08') || state.startsWith('E') ? `${away}; ${again}` : undefined)
  return new Fault('STORE_UNAVAILABLE', `cannot ${what}: ${text}`, { cause: error, ...hint === undefined ? {} : { hint: repeats ? hint : hint.replace(again, 'then type this again').replace(/^nothing to do: (.*)$/, '$1: type this again in a moment') } })
}

/** Several addresses were tried: the error itself says nothing then. OpenSSL's errors carry places in its own source. */
function textOf(error: Error): string {
  if (error.message === '') return error instanceof AggregateError ? error.errors.map(String).join('; ') : error.name
  const [, routine] = /error:[0-9A-F]{8}:[^:]*:[^:]*:([^:\n]+)/.exec(error.message) ?? []
  return routine === undefined ? error.message : `TLS: ${routine}`
}
