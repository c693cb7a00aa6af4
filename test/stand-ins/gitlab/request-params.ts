// Parameters of a request as GitLab (Grape) sees them: query and body are one; where both name something the body wins.
// `?active=true`, `-d active=true` and {"active": true} say the same.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refused } from './access.ts'

export type Params = Readonly<Record<string, unknown>>

/** Form bodies, which curl sends by itself. */
export function acceptForms(app: FastifyInstance): void {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => { done(null, nested([...new URLSearchParams(String(body))])) })
}

export const paramsOf = (request: FastifyRequest): Params => ({ ...nested(Object.entries(request.query as Record<string, unknown>)), ...request.body as Params | undefined })

/** `weights[one]=5` is a hash, as Rack reads it. */
function nested(pairs: readonly (readonly [string, unknown])[]): Params {
  const params: Record<string, unknown> = {}
  for (const [name, value] of pairs) {
    const [, outer, inner] = /^([^[]+)\[([^\]]+)\]$/.exec(name) ?? []
    if (outer === undefined || inner === undefined) params[name] = value
    else params[outer] = { ...params[outer] as object | undefined, [inner]: value }
  }
  return params
}

const yes = ['1', 'true', 't', 'on', 'yes', 'y']
const no = ['0', 'false', 'f', 'off', 'no', 'n']

/** Grape's Boolean; undefined = not given. @throws Refused 400 */
export function booleanIn(params: Params, name: string): boolean | undefined {
  const given = params[name]
  if (given === undefined || typeof given === 'boolean') return given
  const word = typeof given === 'string' || typeof given === 'number' ? String(given).toLowerCase() : ''
  if (yes.includes(word)) return true
  if (no.includes(word)) return false
  throw new Refused(400, { error: `${name} is invalid` })
}
