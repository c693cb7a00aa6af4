// An Alertmanager stand-in: GET /api/v2/alerts as the real one answers it, with its filters, silences, tokens and faults. It reads
// matchers by itself, so that it does not share the product's mistakes. A test tool: never reachable from outside loopback.
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'

export interface StandInAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly startsAt: string
  /** Ids of silences; one is enough. */
  readonly silencedBy?: readonly string[]
  readonly inhibitedBy?: readonly string[]
  /** Just taken in, and not routed yet. */
  readonly unprocessed?: boolean
}

export type AlertmanagerFault =
  | { readonly kind: 'status', readonly status: number, readonly headers?: Readonly<Record<string, string>>, readonly body?: string }
  | { readonly kind: 'hang' } | { readonly kind: 'reset' } | { readonly kind: 'truncate' } | { readonly kind: 'filters-dropped' } | { readonly kind: 'cut' }
  /** Answers with this instead. */
  | { readonly kind: 'body', readonly body: string }

export interface AlertmanagerOptions {
  /** Whoever shows no such bearer token is refused. */
  readonly token?: string
  /** Behind a path, as Mimir's. */
  readonly prefix?: string
  readonly tls?: { readonly cert: string, readonly key: string }
}

export interface AlertmanagerStandIn {
  alerts: readonly StandInAlert[]
  /** For every request until it is null again. */
  fault: AlertmanagerFault | null
  token: string | undefined
  /** What was asked: path and query. */
  readonly asked: string[]
  /** Base URL. */
  listen(): Promise<string>
  close(): Promise<void>
}

export function createAlertmanager({ token, prefix = '', tls }: AlertmanagerOptions = {}): AlertmanagerStandIn {
  const asked: string[] = []
  const answer = (request: IncomingMessage, reply: ServerResponse): void => {
    const url = new URL(request.url ?? '/', 'http://stand-in')
    asked.push(decodeURIComponent(`${url.pathname}${url.search}`).replaceAll('+', ' '))
    const { fault } = standIn
    const send = (status: number, body: unknown): void => { reply.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body)) }
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'reset') { request.socket.destroy(); return }
    if (fault?.kind === 'status') { reply.writeHead(fault.status, fault.headers).end(fault.body ?? '"said so"'); return }
    if (fault?.kind === 'body') { send(200, fault.body); return }
    if (standIn.token !== undefined && request.headers.authorization !== `Bearer ${standIn.token}`) { send(401, '"unauthorized"'); return }
    if (request.method !== 'GET' || url.pathname !== `${prefix}/api/v2/alerts`) { send(404, '"not found"'); return }
    const filters = url.searchParams.getAll('filter').map(readFilter)
    if (filters.includes(null)) { send(400, '"bad matcher format"'); return }
    const shown = standIn.alerts.filter((alert) => (fault?.kind === 'filters-dropped' || filters.every((applies) => applies?.(alert.labels) === true)) && isShown(alert, url.searchParams))
    const body = JSON.stringify(shown.map(toAnswer))
    if (fault?.kind === 'cut') { reply.writeHead(200, { 'content-length': String(body.length + 10) }); reply.write(body); request.socket.destroySoon(); return }
    send(200, fault?.kind === 'truncate' ? body.slice(0, Math.floor(body.length / 2)) : body)
  }
  const server = tls === undefined ? createPlainServer(answer) : createSecureServer(tls, answer)
  const standIn: AlertmanagerStandIn = {
    alerts: [], fault: null, token, asked,
    async listen() {
      await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
      const address = server.address()
      return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${typeof address === 'object' ? address?.port ?? 0 : 0}${prefix}`
    },
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
    }
  }
  return standIn
}

function isShown({ silencedBy = [], inhibitedBy = [], unprocessed = false }: StandInAlert, params: URLSearchParams): boolean {
  const wants = (kind: string): boolean => params.get(kind) !== 'false'
  if (silencedBy.length > 0 && !wants('silenced')) return false
  if (inhibitedBy.length > 0 && !wants('inhibited')) return false
  if (unprocessed) return wants('unprocessed')
  return silencedBy.length + inhibitedBy.length > 0 || wants('active')
}

const toAnswer = ({ labels, startsAt, silencedBy = [], inhibitedBy = [], unprocessed = false }: StandInAlert): object => ({
  annotations: { summary: 'as the rule says' }, endsAt: '2099-01-01T00:00:00.000Z', fingerprint: '8a2c3f', receivers: [{ name: 'sre' }], startsAt,
  status: { inhibitedBy, mutedBy: [], silencedBy, state: unprocessed ? 'unprocessed' : silencedBy.length + inhibitedBy.length > 0 ? 'suppressed' : 'active' },
  updatedAt: startsAt, generatorURL: 'http://prometheus.test/graph', labels
})

/** Null = Alertmanager says 400. */
function readFilter(text: string): ((labels: Readonly<Record<string, string>>) => boolean) | null {
  const [, label = '', operator, quoted] = /^([A-Za-z_]\w*)(=~|!~|!=|=)(".*")$/s.exec(text) ?? []
  if (operator === undefined || quoted === undefined) return null
  try {
    const value = JSON.parse(quoted) as string
    // Its regular expressions match from end to end.
    const applies = operator.endsWith('~') ? (found: string): boolean => new RegExp(`^(?:${value})$`, 's').test(found) : (found: string): boolean => found === value
    if (operator.endsWith('~')) applies('')
    return (labels) => applies(labels[label] ?? '') !== operator.startsWith('!')
  } catch {
    return null
  }
}
