// Where a PostgreSQL store is: postgres://USER@HOST:PORT/DATABASE?sslmode=…, or ?host=/run/postgresql for a unix socket.
// Pure. A password in it is refused, so that the address may be shown and logged as it is.
export interface PostgresTls {
  /** require: encrypted, whoever answers; with an authority it is verify-ca, as psql has it. verify-ca: by our authority. verify-full: and of this name. */
  readonly mode: 'require' | 'verify-ca' | 'verify-full'
  /** Paths. */
  readonly authority?: string
  readonly certificate?: string
  readonly key?: string
}

export interface PostgresAddress {
  /** Host name, or the folder of the unix socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Null = plain: a unix socket, loopback, or asked for. */
  readonly tls: PostgresTls | null
  /** For messages. */
  readonly shown: string
}

export const isPostgres = (store: string): boolean => /^postgres(?:ql)?:/i.test(store)

/** What a store's address says of TLS; null = plain, or no PostgreSQL. */
export function postgresTls(store: string): PostgresTls | null {
  const address = isPostgres(store) ? parsePostgresUrl(store) : null
  return address === null || 'problem' in address ? null : address.tls
}

/** Of a text that may be no address at all: what may be shown of it. */
export const withoutSecrets = (text: string): string => text.replace(/\/\/[^]*@/, '//…@').replace(/\?[^]*$/, '?…')

const known = new Set(['host', 'port', 'user', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey'])
const modes = new Set(['disable', 'require', 'verify-ca', 'verify-full'])

/** The address, or what is wrong with it. */
export function parsePostgresUrl(text: string): PostgresAddress | { readonly problem: string } {
  let url: URL
  let named: { host: string, user: string, database: string }
  try {
    url = new URL(text)
    named = { host: decodeURIComponent(url.hostname), user: decodeURIComponent(url.username), database: decodeURIComponent(url.pathname.slice(1)) }
  } catch {
    return { problem: 'must be postgres://USER@HOST:PORT/DATABASE; one host, no list' }
  }
  if (url.password !== '' || url.searchParams.has('password')) return { problem: 'must not carry the password: put it into a file and name that with store-password-file' }
  const unknown = [...url.searchParams.keys()].filter((key) => !known.has(key))
  if (unknown.length > 0) return { problem: `has parameters that pitstop does not know (${unknown.join(', ')}); it knows ${[...known].join(', ')}` }
  const twice = [...new Set(url.searchParams.keys())].filter((key) => url.searchParams.getAll(key).length > 1)
  if (twice.length > 0) return { problem: `has ${twice.join(', ')} more than once: one of them would be passed over` }
  const parameter = (name: string): string | undefined => url.searchParams.get(name) ?? undefined
  const host = parameter('host') ?? named.host.replace(/^\[|\]$/g, '')
  // One address that follows the primary; a list would be tried in turn, and may end at a server that nobody writes to any more.
  if (host.includes(',')) return { problem: 'must name one host, no list: name the primary, or an address that follows it' }
  const user = parameter('user') ?? named.user
  const { database } = named
  const port = Number(parameter('port') ?? (url.port === '' ? 5432 : url.port))
  if (host === '' || user === '' || database === '' || database.includes('/')) return { problem: 'must name user, host and database: postgres://USER@HOST:PORT/DATABASE' }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return { problem: 'must have a port from 1 to 65535' }
  const local = host.startsWith('/') || host === 'localhost' || host === '::1' || host.startsWith('127.')
  const mode = parameter('sslmode') ?? (local ? 'disable' : 'verify-full')
  if (!modes.has(mode)) return { problem: `must have sslmode ${[...modes].join(', ')}; prefer and allow would go on without TLS when somebody in between asks for it` }
  const relative = ['sslrootcert', 'sslcert', 'sslkey'].find((name) => !(parameter(name) ?? '/').startsWith('/'))
  if (relative !== undefined) return { problem: `must name ${relative} by its absolute path` }
  if ((parameter('sslcert') === undefined) !== (parameter('sslkey') === undefined)) return { problem: 'needs sslcert and sslkey together' }
  const shown = `postgres://${user}@${host.includes(':') ? `[${host}]` : encodeURIComponent(host)}:${port}/${database}`
  return { host, port, user, database, shown, tls: mode === 'disable' ? null : tlsOf(mode as PostgresTls['mode'], parameter) }
}

function tlsOf(mode: PostgresTls['mode'], parameter: (name: string) => string | undefined): PostgresTls {
  const [authority, certificate, key] = [parameter('sslrootcert'), parameter('sslcert'), parameter('sslkey')]
  return { mode: mode === 'require' && authority !== undefined ? 'verify-ca' : mode, ...authority === undefined ? {} : { authority }, ...certificate === undefined ? {} : { certificate }, ...key === undefined ? {} : { key } }
}
