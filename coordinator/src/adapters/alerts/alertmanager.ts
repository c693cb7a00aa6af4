// Alertmanager over HTTP: one question for each gate, nothing is ever changed there. Beside GitLab's transport the only user of
// undici; that one speaks of GitLab in its address, header and faults. Redirects are not followed: a token goes nowhere else.
import { readFile } from 'node:fs/promises'
import { Agent } from 'undici'
import { Fault } from '@pitstop/shared/fault'
import { formatDuration } from '@pitstop/shared/duration'
import { redact } from '@pitstop/shared/redaction'
import type { FiringAlert } from '../../domain/observed.ts'
import type { Alerts } from '../../ports.ts'
import { errorCode, isDenied, readHint } from '../file-fault.ts'
import { readToken } from '../gitlab/token.ts'
import { firingIn } from './alerts-answer.ts'
import type { AlertGateSettings, AlertsSettings } from './alerts-section.ts'
import { matcherText } from './matcher.ts'

/** Less than a final check may be old (3 s): a slower answer would be asked for again and again while a node holds its slot. */
const answersWithinMs = 2500
/** Thousands of alerts; guards against an answer that never ends. */
const largestAnswer = 8 * 1024 * 1024
const atOnce = 4

export function createAlerts({ url, token, authority, closeOn, nodeLabel }: AlertsSettings, timeoutMs = answersWithinMs): Alerts {
  const { origin, pathname } = new URL(url)
  const base = `${pathname.replace(/\/$/, '')}/api/v2/alerts`
  const underWay = new Set<Agent>()

  const ask = async (agent: Agent, gate: AlertGateSettings, headers: Record<string, string>, signal: AbortSignal): Promise<FiringAlert[]> => {
    const query = new URLSearchParams([['active', 'true'], ['silenced', 'false'], ['inhibited', 'false'], ...gate.matchers.map((matcher): [string, string] => ['filter', matcherText(matcher)])])
    let status: number
    let text: string
    try {
      const answer = await agent.request({ origin, path: `${base}?${query.toString()}`, method: 'GET', signal, headers })
      status = answer.statusCode
      text = await answer.body.text()
    } catch (thrown) {
      throw silence(thrown, signal.aborted)
    }
    if (status !== 200) throw refusal(status, gate.gate)
    return firingIn(parse(text, gate.gate), gate, nodeLabel)
  }

  return {
    async firing() {
      // Counted from here on, with the files read anew each time: both may be renewed under a running coordinator.
      const signal = AbortSignal.timeout(timeoutMs)
      const secret = token === undefined ? null : await readToken(token, { code: 'ALERTS_TOKEN', name: 'Alertmanager' })
      const ca = authority === undefined ? undefined : await readAuthority(authority)
      // Connections of one reading: asked every few seconds at most, a kept one would be closed under us more often than it helps.
      const agent = new Agent({ allowH2: false, maxResponseSize: largestAnswer, headersTimeout: 0, bodyTimeout: 0, connections: atOnce, connect: { timeout: timeoutMs, ...ca === undefined ? {} : { ca } } })
      underWay.add(agent)
      try {
        const headers = { 'accept': 'application/json', 'user-agent': 'pitstop', ...secret === null ? {} : { authorization: `Bearer ${secret}` } }
        return (await Promise.all(closeOn.map((gate) => ask(agent, gate, headers, signal)))).flat()
      } finally {
        underWay.delete(agent)
        await agent.destroy()
      }
    },
    async close() { await Promise.all([...underWay].map((agent) => agent.destroy())) }
  }

  function refusal(status: number, gate: string): Fault {
    const says = `Alertmanager at ${url} answered ${status} to the question about the gate ${gate}`
    if (status === 401) return new Fault('ALERTS_TOKEN', says)
    if (status === 400) return new Fault('ALERTS_REFUSED', says, { hint: `check the matchers of ${gate} in alerts.close-on: pitstop preflight asks again` })
    if (status >= 500 || status === 408 || status === 429) return new Fault('ALERTS_UNREACHABLE', says, { hint: 'check Alertmanager\'s own health; until it answers nothing new begins' })
    return status < 400 ? new Fault('ALERTS_ANSWER_INVALID', says, { hint: 'put the final URL into alerts.url' }) : new Fault('ALERTS_REFUSED', says)
  }

  function silence(thrown: unknown, timedOut: boolean): Fault {
    const cause = thrown instanceof Error ? thrown.cause : undefined
    const code = [errorCode(thrown), errorCode(cause)].find((each) => each !== 'unknown error') ?? (thrown instanceof Error ? thrown.message : String(thrown))
    if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return new Fault('ALERTS_ANSWER_INVALID', `Alertmanager at ${url} answers with more than ${largestAnswer / 1024 / 1024} MiB: make the matchers narrower`)
    const misnamed = code === 'ERR_TLS_CERT_ALTNAME_INVALID'
    const untrusted = /CERT|UNABLE_TO_VERIFY|ISSUER|ERR_TLS/.test(code)
    return new Fault('ALERTS_UNREACHABLE', `Alertmanager at ${url} could not be asked (${timedOut ? `no answer within ${formatDuration(timeoutMs)}` : redact(code)})`,
      misnamed ? { hint: 'its certificate names another host: put the name that it names into alerts.url' } : untrusted ? { hint: 'the certificate of Alertmanager is not trusted here: put its authority into alerts.ca-file' } : {})
  }
}

function parse(text: string, gate: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Fault('ALERTS_ANSWER_INVALID', `Alertmanager's answer about the gate ${gate} is no JSON or only a part of it (${text.length} characters)`)
  }
}

async function readAuthority(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Fault('ALERTS_UNREACHABLE', `The authority's file ${redact(file)} for Alertmanager cannot be read (${errorCode(error)})`, { hint: isDenied(error) ? readHint(redact(file)) : 'put it there, or correct alerts.ca-file' })
  }
}
