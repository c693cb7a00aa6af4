// Plans: made, listed, shown. A plan never changes; another wish is another plan.
import { Type } from 'typebox'
import { policyOf } from '../../config/policy-section.ts'
import type { StoredPlan } from '../../domain/plan.ts'
import { actorOf } from '../access.ts'
import type { Api, ApiSettings, Served } from '../ports.ts'
import { planBody, planHash } from '../schema.ts'

const whole = ({ hash, plan }: StoredPlan): object => ({ hash, ...plan })

const summary = ({ hash, plan }: StoredPlan): object => ({
  hash, createdAt: plan.createdAt, createdBy: plan.createdBy, reason: plan.reason, opensAt: plan.opensAt, closesAt: plan.closesAt,
  nodes: plan.nodes.length, excluded: plan.excluded.length, estimateMs: plan.estimateMs
})

export function planRoutes(api: Api, coordinator: Served, { policy, hasAssigner, now }: ApiSettings): void {
  api.get('/plans', { schema: { tags: ['plans'], summary: 'Every plan, oldest first' } }, async () => ({ plans: (await coordinator.listPlans()).map(summary) }))

  api.get('/plans/:hash', { schema: { tags: ['plans'], summary: 'One plan, whole', params: Type.Object({ hash: planHash }) } },
    async ({ params }) => whole(await coordinator.findPlan(params.hash)))

  api.post('/plans', { schema: { tags: ['plans'], summary: 'Make a plan from the inventory; changes nothing anywhere', body: planBody } }, async (request, reply) => {
    const { reason, opensAt, closesAt, only, policy: wishes } = request.body
    const stored = await coordinator.makePlan({ by: actorOf(request), reason, opensAt: opensAt ?? now(), closesAt, only, policy: policyOf(policy, hasAssigner, wishes) })
    return reply.code(201).send(whole(stored))
  })
}
