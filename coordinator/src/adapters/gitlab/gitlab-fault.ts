// GitLab's ways of saying no, as Faults: what happened, why, what to do. The one decision of weight made here is
// whether a write may still land: when in doubt it is GITLAB_TIMEOUT, so that the next write waits.
import { Fault } from '@pitstop/shared/fault'
import type { FaultCode } from '@pitstop/shared/fault-table'
import { formatDuration } from '@pitstop/shared/duration'
import { redact } from '@pitstop/shared/redaction'
import { saying } from '../error-body.ts'

/** What a request is about, for messages and advice. */
export interface Errand {
  /** "reading the weights" */
  readonly doing: string
  /** Sent with a method that changes something. */
  readonly writes: boolean
  /** Base URL of the instance. */
  readonly url: string
  /** Where the token comes from, as text. */
  readonly tokenPlace: string
  /** Advice for 403, if better than the table's. */
  readonly forbiddenHint?: string
}

interface Details { readonly hint?: string | undefined, readonly cause?: unknown, readonly status?: number, readonly after?: number | undefined, readonly transient?: boolean }

export class GitLabFault extends Fault {
  readonly status: number | undefined
  /** ms that GitLab asks to wait; only with GITLAB_RATE_LIMITED, and not always then. */
  readonly after: number | undefined
  /** The same read may work in a moment. */
  readonly transient: boolean
  constructor(code: FaultCode, text: string, details: Details = {}) {
    super(code, text, { ...(details.hint === undefined ? {} : { hint: details.hint }), ...(details.cause === undefined ? {} : { cause: details.cause }) })
    this.status = details.status
    this.after = details.after
    this.transient = details.transient ?? false
  }
}

/** ms from a Retry-After header in seconds or as a date; undefined when there is none to understand. */
export function retryAfter(header: string | string[] | undefined, now: number): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const at = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** A status that is no success, as a Fault. 502, 504 and a proxy's 52x come from something in between: GitLab may be at it still. */
export function faultOfStatus(errand: Errand, status: number, text: string, headers: Readonly<Record<string, string | string[] | undefined>>, now: number): GitLabFault {
  const says = `GitLab at ${errand.url} answered ${status} while ${errand.doing}${saying(text)}`
  const plain = (code: FaultCode, hint?: string): GitLabFault => new GitLabFault(code, says, { status, hint })
  if (errand.writes && (status === 408 || status === 502 || status === 504 || status >= 520)) {
    return plain('GITLAB_TIMEOUT')
  }
  if (status >= 500) return new GitLabFault('GITLAB_ERROR', says, { status, transient: status >= 502 && status <= 504 })
  switch (status) {
    case 401: return plain('GITLAB_TOKEN', `put a valid token into ${errand.tokenPlace}`)
    case 403: return plain('GITLAB_FORBIDDEN', errand.forbiddenHint)
    case 404: return plain('GITLAB_NOT_FOUND')
    case 409: return plain('GITLAB_CONFLICT')
    case 429: {
      const after = retryAfter(headers['retry-after'], now)
      return new GitLabFault('GITLAB_RATE_LIMITED', `${says}${after === undefined ? '' : `; it asks to wait ${formatDuration(after)}`}`, { status, after, transient: true })
    }
    default: return status < 400
      ? plain('GITLAB_ANSWER_INVALID', `it redirects${typeof headers['location'] === 'string' ? ` to ${redact(headers['location'].split('?')[0] ?? '')}` : ''}; put the final URL or the project's present path into the configuration`)
      : plain('GITLAB_REFUSED')
  }
}

/** A request without an answer. @param sent false: nothing can have reached GitLab. */
export function faultOfSilence(errand: Errand, thrown: unknown, sent: boolean, timeoutMs: number, timedOut: boolean): GitLabFault {
  const why = timedOut ? `no answer within ${formatDuration(timeoutMs)}` : wordsOf(thrown)
  if (!sent) {
    return new GitLabFault('GITLAB_UNREACHABLE', `GitLab at ${errand.url} could not be reached while ${errand.doing} (${timedOut ? `no connection within ${formatDuration(timeoutMs)}` : why}); nothing was sent`,
      { hint: hintOf(thrown), transient: !timedOut })
  }
  if (errand.writes) return new GitLabFault('GITLAB_TIMEOUT', `GitLab at ${errand.url} gave no answer while ${errand.doing} (${why}); it may have been carried out, or may yet be`)
  return timedOut
    ? new GitLabFault('GITLAB_TIMEOUT', `GitLab at ${errand.url} did not answer while ${errand.doing} (${why})`, { hint: 'check GitLab\'s own health; nothing was changed' })
    : new GitLabFault('GITLAB_UNREACHABLE', `GitLab at ${errand.url} could not be reached while ${errand.doing} (${why})`, { hint: hintOf(thrown), transient: true })
}

const codeOf = (thrown: unknown): string => {
  const { code, cause } = (thrown ?? {}) as { code?: unknown, cause?: { code?: unknown } }
  const found = code ?? cause?.code
  return typeof found === 'string' ? found : ''
}

const wordsOf = (thrown: unknown): string => redact(codeOf(thrown) || (thrown instanceof Error ? thrown.message : String(thrown)))

const hintOf = (thrown: unknown): string | undefined =>
  /CERT|UNABLE_TO_VERIFY|ISSUER|INVALID_PURPOSE|ERR_TLS/.test(codeOf(thrown)) ? 'the certificate of GitLab is not trusted here: start the coordinator with NODE_EXTRA_CA_CERTS=FILE for a private authority' : undefined
