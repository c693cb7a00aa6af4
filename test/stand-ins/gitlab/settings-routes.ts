// GET and PUT /application/settings: the whole hash is replaced, other settings stand beside it, nothing helps
// against lost updates.
import type { FastifyInstance } from 'fastify'
import { type Access, Refused } from './access.ts'
import { paramsOf } from './request-params.ts'
import { coerceWeights } from './weight-rules.ts'
import type { World } from './world.ts'

export function addSettings(app: FastifyInstance, world: World, access: Access): void {
  const entity = (): object => ({
    id: 1, signup_enabled: false, default_branch_name: 'main', maintenance_mode: false, repository_checks_enabled: true,
    throttle_authenticated_api_enabled: false, updated_at: new Date().toISOString(), repository_storages_weighted: world.weights()
  })
  app.get('/api/v4/application/settings', (request) => {
    access.admin(request, 'read')
    return entity()
  })
  app.put('/api/v4/application/settings', (request) => {
    const token = access.admin(request, 'write')
    const params = paramsOf(request)
    if (Object.keys(params).length === 0) throw new Refused(400, { error: 'at least one parameter must be provided' })
    if ('repository_storages_weighted' in params) {
      const outcome = coerceWeights(params['repository_storages_weighted'], world.storages)
      if ('refusal' in outcome) throw new Refused(400, outcome.refusal)
      world.writeWeights(token.name, outcome.stored)
    }
    return entity()
  })
}
