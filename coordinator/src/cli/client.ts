// The CLI's way to the coordinator: HTTP over the unix socket of this host, or over TCP with a token. Refusals arrive
// as the faults that the coordinator raised; no connection is a fault of its own. Nothing is retried here.
import { readFileSync } from 'node:fs'
import { Agent, type Dispatcher, request } from 'undici'
import { Fault, type Reason } from '@pitstop/shared/fault'
import { unreadable } from '../adapters/file-fault.ts'
import { isFaultCode } from '@pitstop/shared/fault-table'
import { type ServerEvent, readServerEvents } from './server-events.ts'

export interface SocketTarget { readonly socket: string, readonly user: string }
export interface UrlTarget { readonly url: string, readonly tokenFile: string | undefined, readonly authority: string | undefined }

export interface Client {
  /** @param path below /api/v1, with leading slash. @throws Fault the coordinator's, or COORDINATOR_UNREACHABLE */
  get<T>(path: string): Promise<T>
  post<T>(path: string, body: object): Promise<T>
  /** What a command answers, as bytes. */
  download(path: string): Promise<Uint8Array>
  /** Ends when the coordinator ends the stream. */
  events(path: string, after: number, signal: AbortSignal): AsyncGenerator<ServerEvent>
  close(): Promise<void>
}

/** Plans and preflights ask a whole fleet before they answer. */
const answerWithinMs = 300_000
const connectWithinMs = 5000

function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw unreadable(file, error, { code: 'INVALID_INPUT', hint: 'name a readable file with --token-file or --authority' })
  }
}

/** @param onStandby told once, if what answers only stands by: who acts, and how to ask that one. */
export function createClient(target: SocketTarget | UrlTarget, onStandby: (text: string) => void = () => undefined): Client {
  const local = 'socket' in target
  const place = local ? target.socket : target.url
  const base = local ? 'http://pitstop' : target.url.replace(/\/+$/, '')
  const headers: Record<string, string> = local ? { 'pitstop-user': target.user }
    : target.tokenFile === undefined ? {} : { authorization: `Bearer ${readSecret(target.tokenFile)}` }
  const ca = local || target.authority === undefined ? undefined : readSecret(target.authority)
  const agent = new Agent({
    headersTimeout: answerWithinMs,
    connect: { timeout: connectWithinMs, ...local ? { socketPath: target.socket } : {}, ...ca === undefined ? {} : { ca } }
  })

  const ask = async (path: string, options: Partial<Dispatcher.RequestOptions>): Promise<Dispatcher.ResponseData> => {
    try {
      return await request(`${base}/api/v1${path}`, { dispatcher: agent, method: 'GET', ...options, headers: { ...headers, ...options.headers as Record<string, string> | undefined } })
    } catch (error) {
      throw unreachable(place, error)
    }
  }
  let told = false
  const tellStandby = (header: string | string[] | undefined): void => {
    if (told || typeof header !== 'string') return
    told = true
    onStandby(decoded(header))
  }
  const call = async <T>(path: string, options: Partial<Dispatcher.RequestOptions>): Promise<T> => {
    const answer = await ask(path, options)
    tellStandby(answer.headers['pitstop-standby'])
    const text = await answer.body.text().catch((error: unknown) => { throw unreachable(place, error) })
    const body = parse(text, place)
    if (answer.statusCode >= 400) throw faultOf(body, answer.statusCode, place)
    return body as T
  }

  return {
    get: (path) => call(path, {}),
    post: (path, body) => call(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    async download(path) {
      const answer = await ask(path, { method: 'POST' })
      if (answer.statusCode >= 400) throw faultOf(parse(await answer.body.text(), place), answer.statusCode, place)
      return new Uint8Array(await answer.body.arrayBuffer().catch((error: unknown) => { throw unreachable(place, error) }))
    },
    async* events(path, after, signal) {
      const answer = await ask(path, { headers: { 'last-event-id': String(after) }, signal, bodyTimeout: 0 })
      if (answer.statusCode >= 400) throw faultOf(parse(await answer.body.text(), place), answer.statusCode, place)
      try {
        yield* readServerEvents(answer.body)
      } catch (error) {
        throw unreachable(place, error)
      }
    },
    close: () => agent.destroy()
  }
}

function decoded(header: string): string {
  try {
    return decodeURIComponent(header)
  } catch {
    return 'this coordinator stands by; see pitstop status'
  }
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Fault('COORDINATOR_UNREACHABLE', `what answers at ${place} is no pitstop coordinator`, { hint: 'check --url or --socket' })
  }
}

function faultOf(body: unknown, status: number, place: string): Fault {
  const { code, text, hint, reasons } = (body ?? {}) as { code?: unknown, text?: unknown, hint?: unknown, reasons?: unknown }
  if (typeof code !== 'string' || typeof text !== 'string') return new Fault('COORDINATOR_UNREACHABLE', `${place} answered ${status} and no reason that pitstop knows`, { hint: 'check --url: is that the coordinator?' })
  const known = isFaultCode(code) ? code : 'INTERNAL'
  return new Fault(known, text, { ...typeof hint === 'string' ? { hint } : {}, reasons: Array.isArray(reasons) ? reasons as Reason[] : [] })
}

/** An installed coordinator is the service's; a second one by hand would be locked out or lock it out. */
const startIt = 'start it: systemctl start pitstop-coordinator (if it does not stay: journalctl -u pitstop-coordinator); from a checkout: pitstop coordinator --config FILE'

function unreachable(place: string, error: unknown): Fault {
  const code = (error as NodeJS.ErrnoException).code ?? 'no answer'
  if (code === 'EACCES') return new Fault('UNAUTHENTICATED', `you may not open ${place}`, { cause: error, hint: 'use sudo, or --url with --token-file' })
  const hints: Record<string, string> = {
    ENOENT: `${startIt}; or name its socket with --socket, --config or --url`,
    ECONNREFUSED: `nothing listens there; ${startIt}`
  }
  return new Fault('COORDINATOR_UNREACHABLE', `the coordinator at ${place} cannot be reached (${code})`, { cause: error, ...hints[code] === undefined ? {} : { hint: hints[code] } })
}
