// Whom a token speaks for, which release this is, and the repository storage moves (newest first, no filter by
// state, administrators only; group moves do not exist in the community edition).
import type { FastifyInstance } from 'fastify'
import { type Access, Refused } from './access.ts'
import { paginate } from './assigner-routes.ts'
import type { World } from './world.ts'

/** @param edition "ce" has no group moves. */
export function addIdentity(app: FastifyInstance, world: World, access: Access, edition: 'ce' | 'ee'): void {
  app.get('/api/v4/version', (request) => {
    access.authenticated(request, 'read')
    return { version: edition === 'ee' ? '18.6.0-ee' : '18.6.0', revision: '0123456789a' }
  })
  app.get('/api/v4/user', (request) => {
    const { user } = access.authenticated(request, 'read')
    return { id: user.id, username: user.username, state: 'active', ...(user.admin ? { is_admin: true } : {}) }
  })
  app.get('/api/v4/personal_access_tokens/self', (request) => {
    const token = access.tokenOf(request)
    if (token === undefined) throw new Refused(401, { message: '401 Unauthorized' })
    return { id: 7, name: token.name, revoked: false, scopes: token.scopes, user_id: token.user.id, active: token.active ?? true, expires_at: token.expiresAt }
  })
  for (const kind of ['project', 'snippet', 'group'] as const) {
    app.get(`/api/v4/${kind}_repository_storage_moves`, (request, reply) => {
      access.admin(request, 'read')
      if (kind === 'group' && edition === 'ce') throw new Refused(404, { error: '404 Not Found' })
      const moves = world.moves.flatMap((move, index) => move.kind === kind ? [{ ...move, id: index + 1 }] : [])
      return paginate(request, reply, moves.reverse().map((move) => ({
        id: move.id, created_at: new Date(move.createdAt ?? Date.now()).toISOString(), state: move.state,
        source_storage_name: move.source, destination_storage_name: move.destination, [kind]: { id: move.id }
      })))
    })
  }
}
