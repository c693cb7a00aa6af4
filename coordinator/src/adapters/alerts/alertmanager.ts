// Alertmanager over HTTP: one question for each gate (and one about all alerts, for preflight), nothing is ever changed there. Beside GitLab's transport the only user of
// undici; that one speaks of GitLab in its address, header and faults. Redirects are not followed: a token goes nowhere else.
import { readFile } from 'node:fs/promises'
import { Agent } from 'undici'
import { Fault } from '@pitstop/shared/fault'
import { formatDuration } from '@pitstop/shared/duration'
import { redact } from '@pitstop/shared/redaction'
import type { Alerts } from '../../ports.ts'
import { certificateTextProblem } from '../authority-file.ts'
import { errorCode, isDenied, readHint } from '../file-fault.ts'
import { saying } from '../error-body.ts'
import { readToken } from '../gitlab/token.ts'
import { firingIn, surveyOf } from './alerts-answer.ts'
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

  /** One question. @param about for messages: "the question about the gate gitaly". @throws Fault ALERTS_* */
  type Ask = (about: string, query: readonly (readonly [string, string])[]) => Promise<unknown>

  const asking = async <T>(use: (ask: Ask) => Promise<T>): Promise<T> => {
    // Counted from here on, with the files read anew each time: both may be renewed under a running coordinator.
    const signal = AbortSignal.timeout(timeoutMs)
    const secret = token === undefined ? null : await readToken(token, { code: 'ALERTS_TOKEN', name: 'Alertmanager' })
    const ca = authority === undefined ? undefined : await readAuthority(authority)
    // Connections of one reading: asked every few seconds at most, a kept one would be closed under us more often than it helps.
    const agent = new Agent({ allowH2: false, maxResponseSize: largestAnswer, headersTimeout: 0, bodyTimeout: 0, connections: atOnce, connect: { timeout: timeoutMs, ...ca === undefined ? {} : { ca } } })
    underWay.add(agent)
    const headers = { 'accept': 'application/json', 'user-agent': 'pitstop', ...secret === null ? {} : { authorization: `Bearer ${secret}` } }
    try {
      return await use(async (about, query) => {
        let status: number
        let text: string
        try {
          const answer = await agent.request({ origin, path: `${base}?${new URLSearchParams(query.map(([key, value]) => [key, value])).toString()}`, method: 'GET', signal, headers })
          status = answer.statusCode
          text = await answer.body.text()
        } catch (thrown) {
          throw silence(thrown, signal.aborted)
        }
        if (status !== 200) throw refusal(status, about, secret === null ? text : text.replaceAll(secret, '[token]'))
        return parse(text, about)
      })
    } finally {
      underWay.delete(agent)
      await agent.destroy()
    }
  }

  return {
    firing: () => asking(async (ask) => (await Promise.all(closeOn.map(async (gate) => firingIn(await ask(questionOf(gate), [['active', 'true'], ['silenced', 'false'], ['inhibited', 'false'], ...filtersOf(gate)]), gate, nodeLabel)))).flat()),
    survey: () => asking(async (ask) => {
      const [all, ...gates] = await Promise.all([ask('the question about all alerts', []), ...closeOn.map((gate) => ask(questionOf(gate), filtersOf(gate)))])
      return surveyOf(all, closeOn.map((gate, index) => ({ gate, body: gates[index] })), nodeLabel)
    }),
    async close() { await Promise.all([...underWay].map((agent) => agent.destroy())) }
  }

  function refusal(status: number, about: string, body: string): Fault {
    const says = `Alertmanager at ${url} answered ${status} to ${about}${saying(body)}`
    if (status === 401) return new Fault('ALERTS_TOKEN', says)
    if (status === 400) return new Fault('ALERTS_REFUSED', says, { hint: 'check the matchers of that gate in alerts.close-on: pitstop preflight asks again' })
    if (status === 404) return new Fault('ALERTS_REFUSED', says, { hint: `check alerts.url: ${base} has to be Alertmanager's; leave /api/v2 out of it, and keep a path that it lies behind` })
    if (status >= 500 || status === 408 || status === 429) return new Fault('ALERTS_UNREACHABLE', says, { hint: 'check Alertmanager\'s own health; until it answers nothing new begins' })
    return status < 400 ? new Fault('ALERTS_ANSWER_INVALID', says, { hint: 'put the final URL into alerts.url' }) : new Fault('ALERTS_REFUSED', says)
  }

  function silence(thrown: unknown, timedOut: boolean): Fault {
    const cause = thrown instanceof Error ? thrown.cause : undefined
    const code = [errorCode(thrown), errorCode(cause)].find((each) => each !== 'unknown error') ?? (thrown instanceof Error ? thrown.message : String(thrown))
    if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return new Fault('ALERTS_ANSWER_INVALID', `Alertmanager at ${url} answers with more than ${largestAnswer / 1024 / 1024} MiB`, { hint: 'make the matchers in alerts.close-on narrower' })
    const misnamed = code === 'ERR_TLS_CERT_ALTNAME_INVALID'
    const untrusted = /CERT|UNABLE_TO_VERIFY|ISSUER|ERR_TLS/.test(code)
    return new Fault('ALERTS_UNREACHABLE', `Alertmanager at ${url} could not be asked (${timedOut ? `no answer within ${formatDuration(timeoutMs)}` : redact(code)})`,
      misnamed ? { hint: 'its certificate names another host: put the name that it names into alerts.url' } : untrusted ? { hint: 'the certificate of Alertmanager is not trusted here: put its authority into alerts.ca-file' } : {})
  }
}

const questionOf = ({ gate }: AlertGateSettings): string => `the question about the gate ${gate}`
const filtersOf = ({ matchers }: AlertGateSettings): [string, string][] => matchers.map((matcher) => ['filter', matcherText(matcher)])

function parse(text: string, about: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Fault('ALERTS_ANSWER_INVALID', `Alertmanager's answer to ${about} is no JSON or only a part of it (${text.length} characters)`)
  }
}

async function readAuthority(file: string): Promise<string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw new Fault('ALERTS_UNREACHABLE', `The authority's file ${redact(file)} for Alertmanager cannot be read (${errorCode(error)})`, { hint: isDenied(error) ? readHint(redact(file)) : 'put it there, or correct alerts.ca-file' })
  }
  const problem = certificateTextProblem(text)
  if (problem !== undefined) throw new Fault('ALERTS_UNREACHABLE', `The authority's file ${redact(file)} for Alertmanager ${problem}`, { hint: 'put the authority\'s certificate there in PEM, or correct alerts.ca-file' })
  return text
}
