// Who may call, as GitLab decides it: 401 without a good token, 403 for scopes, for non-administrators and, with
// Admin Mode, for an administrator's token without the scope admin_mode.
import type { FastifyRequest } from 'fastify'
import type { Token } from './world.ts'

export class Refused extends Error {
  readonly status: number
  readonly body: object
  constructor(status: number, body: object) {
    super(JSON.stringify(body))
    this.status = status
    this.body = body
  }
}

export interface Access {
  tokenOf(request: FastifyRequest): Token | undefined
  authenticated(request: FastifyRequest, need: 'read' | 'write'): Token
  admin(request: FastifyRequest, need: 'read' | 'write'): Token
  actsAsAdmin(token: Token): boolean
}

export const forbidden = (): Refused => new Refused(403, { message: '403 Forbidden' })

/** @param tokens asked at each request, so that tests can rotate them. */
export function createAccess(tokens: () => readonly Token[], adminMode: () => boolean): Access {
  const access: Access = {
    tokenOf(request) {
      const given = request.headers['private-token'] ?? /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1]
      return tokens().find(({ value }) => value === given)
    },
    authenticated(request, need) {
      const token = access.tokenOf(request)
      if (token === undefined) throw new Refused(401, { message: '401 Unauthorized' })
      if (token.active === false) throw new Refused(401, { error: 'invalid_token', error_description: 'Token was revoked. You have to re-authorize from the user.' })
      if (token.expiresAt !== null && Date.parse(token.expiresAt) <= Date.now()) throw new Refused(401, { error: 'invalid_token', error_description: 'Token is expired. You can either do re-authorization or token refresh.' })
      const enough = token.scopes.includes('api') || (need === 'read' && token.scopes.includes('read_api'))
      if (!enough) throw new Refused(403, { error: 'insufficient_scope', error_description: 'The request requires higher privileges than provided by the access token.', scope: need === 'read' ? 'api read_api' : 'api' })
      return token
    },
    actsAsAdmin: (token) => token.user.admin && (!adminMode() || token.scopes.includes('admin_mode')),
    admin(request, need) {
      const token = access.authenticated(request, need)
      if (!access.actsAsAdmin(token)) throw forbidden()
      return token
    }
  }
  return access
}
