// Every "no" of the API in one form, {code, text, hint, reasons}, with the status of the fault table. Nothing that looks
// like a secret leaves here; what nobody foresaw is logged with its stack and answered without it.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { Fault, asFault, chain } from '@pitstop/shared/fault'
import { faultTable } from '@pitstop/shared/fault-table'
import { redact } from '@pitstop/shared/redaction'
import type { Api, ApiSettings } from './ports.ts'

interface FastifyTrouble { readonly statusCode?: unknown, readonly code?: unknown, readonly validation?: unknown, readonly message: string }

export interface FaultBody {
  readonly code: string
  readonly text: string
  readonly hint: string
  readonly reasons: readonly { readonly code: string, readonly text: string, readonly hint: string }[]
}

export const faultBody = (fault: Fault): FaultBody => ({
  code: fault.code, text: redact(chain(fault)), hint: redact(fault.hint),
  reasons: fault.reasons.map(({ code, text, hint }) => ({ code, text: redact(text), hint: redact(hint) }))
})

/** What the framework itself refuses: bad JSON, a body too large, unknown fields. */
function inputFault(error: unknown): { fault: Fault, status: number } | undefined {
  if (!(error instanceof Error) || error instanceof Fault) return undefined
  const { statusCode, message } = error as FastifyTrouble
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return undefined
  return { fault: new Fault('INVALID_INPUT', message, { hint: 'see /openapi.json for the form' }), status: statusCode }
}

/** Fastify has no error handler for these, so that they would leave in its own form. */
export function answerFrameworkError(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const input = inputFault(error)
  void reply.code(input?.status ?? 400).send(faultBody(input?.fault ?? new Fault('INVALID_INPUT', error.message)))
}

/** While the store is away nobody here can say what is owed; the file can. */
function withGlass(body: FaultBody, breakGlass: string | undefined): FaultBody {
  return body.code !== 'STORE_UNAVAILABLE' || breakGlass === undefined ? body : { ...body, hint: `${body.hint}. What must be put back stands in ${breakGlass} of the machine that acted last` }
}

export function answerFaults(api: Api, { log, breakGlass }: ApiSettings): void {
  api.setErrorHandler((error, request, reply) => {
    const input = inputFault(error)
    const fault = input?.fault ?? asFault(error)
    const status = input?.status ?? faultTable[fault.code].http
    if (status >= 500) log('error', `${request.method} ${request.routeOptions.url ?? '?'}: ${redact(chain(fault))}`, { code: fault.code, stack: fault.code === 'INTERNAL' && error instanceof Error ? redact(error.stack ?? '') : undefined })
    return reply.code(status).send(withGlass(faultBody(fault), breakGlass))
  })
  api.setNotFoundHandler((request, reply) =>
    reply.code(404).send(faultBody(new Fault('NOT_FOUND', `there is no ${request.method} ${request.url.split('?')[0] ?? ''}`, { hint: 'see /openapi.json for what there is' }))))
}
