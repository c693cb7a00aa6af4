// HTTP to one GitLab instance; beside adapters/alerts the only user of undici. Reads may be repeated within their deadline; a write is
// sent once, on a fresh connection (a kept one may be closing under it), and never repeated by anybody here.
// Redirects are not followed: a token goes nowhere but to the configured URL.
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, Client, type Dispatcher } from 'undici'
import { Fault } from '@pitstop/shared/fault'
import type { InstanceSettings } from './gitlab-section.ts'
import { type Errand, faultOfSilence, faultOfStatus, GitLabFault } from './gitlab-fault.ts'
import { nameOf, readToken } from './token.ts'

export interface Answer {
  /** Parsed JSON; its shape is not known yet. */
  readonly body: unknown
  header(name: string): string | undefined
}

export interface Transport {
  readonly url: string
  readonly tokenPlace: string
  /** @param path below /api/v4. @param doing for messages: "reading the weights". */
  get(doing: string, path: string, forbiddenHint?: string): Promise<Answer>
  send(doing: string, method: 'PUT' | 'POST', path: string, body?: object, forbiddenHint?: string): Promise<Answer>
  close(): Promise<void>
}

/** Reads per call, the first included. */
const attempts = 3
/** More than any answer of the API that is asked here; guards against a page that never ends. */
const largestAnswer = 8 * 1024 * 1024

export function createTransport(instance: InstanceSettings, timeoutMs: number): Transport {
  const { origin, pathname } = new URL(instance.url)
  const base = `${pathname.replace(/\/$/, '')}/api/v4`
  // HTTP/2 off: its refused streams are sent again behind our back.
  const options = { allowH2: false, maxResponseSize: largestAnswer, headersTimeout: 0, bodyTimeout: 0, connect: { timeout: timeoutMs } } as const
  const agent = new Agent({ ...options, connections: 4 })
  const writes = new Set<Promise<unknown>>()
  let closed = false

  const errand = (doing: string, isWrite: boolean, forbiddenHint: string | undefined): Errand =>
    ({ doing, writes: isWrite, url: instance.url, tokenPlace: nameOf(instance.token), ...(forbiddenHint === undefined ? {} : { forbiddenHint }) })

  /** One request, answered or given up after `ms`. @param isSent whether a broken connection had been up. */
  const once = async (dispatcher: Dispatcher, method: Dispatcher.HttpMethod, path: string, body: object | undefined, about: Errand, ms: number, isSent: () => boolean): Promise<Answer> => {
    if (closed) throw new Fault('INTERNAL', `The connection to GitLab was closed before ${about.doing}`)
    // Counted from here on: a process that is paused while it reads the token finds itself too late when it wakes.
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(ms)))
    const token = await readToken(instance.token)
    let status: number
    let headers: Dispatcher.ResponseData['headers']
    let text: string
    try {
      const answer = await dispatcher.request({
        origin, path: base + path, method, signal,
        headers: { 'private-token': token, accept: 'application/json', 'user-agent': 'pitstop', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body)
      })
      status = answer.statusCode
      headers = answer.headers
      text = await answer.body.text()
    } catch (thrown) {
      throw faultOfSilence(about, thrown, isSent(), timeoutMs, signal.aborted)
    }
    if (status < 200 || status > 299) throw faultOfStatus(about, status, text, headers, Date.now())
    return { body: parse(about, text), header: (name) => [headers[name]].flat()[0] }
  }

  const write = async (method: 'PUT' | 'POST', path: string, body: object | undefined, about: Errand): Promise<Answer> => {
    const client = new Client(origin, { ...options, pipelining: 1 })
    let connected = false
    client.on('connect', () => { connected = true })
    try {
      return await once(client, method, path, body, about, timeoutMs, () => connected)
    } finally {
      await client.destroy()
    }
  }

  return {
    url: instance.url,
    tokenPlace: nameOf(instance.token),
    async get(doing, path, forbiddenHint) {
      const about = errand(doing, false, forbiddenHint)
      const deadline = performance.now() + timeoutMs
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(agent, 'GET', path, undefined, about, deadline - performance.now(), () => true)
        } catch (thrown) {
          if (!(thrown instanceof GitLabFault) || !thrown.transient || attempt >= attempts) throw thrown
          const pause = thrown.code === 'GITLAB_RATE_LIMITED' ? thrown.after ?? 1000 : 100 * attempt
          if (performance.now() + pause >= deadline) throw thrown
          await sleep(pause)
        }
      }
    },
    async send(doing, method, path, body, forbiddenHint) {
      const writing = write(method, path, body, errand(doing, true, forbiddenHint))
      writes.add(writing)
      try {
        return await writing
      } finally {
        writes.delete(writing)
      }
    },
    async close() {
      await Promise.allSettled(writes)
      closed = true
      await agent.destroy()
    }
  }
}

function parse(about: Errand, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new GitLabFault('GITLAB_ANSWER_INVALID', `The answer of GitLab at ${about.url} while ${about.doing} is no JSON or only a part of it (${text.length} characters)${about.writes ? '; it was carried out' : ''}`)
  }
}
