// Nodes of the open or latest window, and what a person may tell them. Patching one node ad hoc is a window of one
// node: same engine, same lease, refused while another window runs.
/* oxlint-disable oxc/no-async-endpoint-handlers -- the rule is about Express; Fastify awaits its handlers. */
import { Fault } from '@pitstop/shared/fault'
import { type PolicyWishes, policyOf } from '../../config/policy-section.ts'
import type { NodeView } from '../../domain/view.ts'
import { actorOf } from '../access.ts'
import type { Api, ApiSettings, Served } from '../ports.ts'
import { nodeAnswer, nodeParams, patchBody, retryBody, saidBody } from '../schema.ts'
import { tell, windowOf } from './window.ts'

const tags = ['nodes']
const patchMs = 2 * 3_600_000

async function nodeOf(coordinator: Served, name: string): Promise<NodeView> {
  const view = await windowOf(coordinator)
  const node = view.nodes.find((each) => each.node === name.toLowerCase())
  if (node === undefined) throw new Fault('NOT_FOUND', `${name} is not in plan ${view.plan.slice(0, 12)}`, { hint: 'pitstop node list' })
  return node
}

export function nodeRoutes(api: Api, coordinator: Served, { policy, hasAssigner, inventory, now }: ApiSettings): void {
  api.get('/inventory', { schema: { tags, summary: 'What the inventory says now, excluded hosts with their reasons' } }, () => inventory.read())

  api.get('/nodes', { schema: { tags, summary: 'Nodes of the open window, or of the latest' } }, async () => {
    const view = await coordinator.view()
    return { plan: view?.plan ?? null, window: view?.window ?? null, label: view?.label ?? null, nodes: view?.nodes ?? [] }
  })

  api.get('/nodes/:node', { schema: { tags, summary: 'One node', params: nodeParams, response: { 200: nodeAnswer } } },
    async ({ params }, reply) => reply.send(await nodeOf(coordinator, params.node) as never))

  api.post('/nodes/:node/retry', { schema: { tags, summary: 'Judge it again, or with a mode reboot or begin it again', params: nodeParams, body: retryBody } }, async (request) => {
    await tell(coordinator, { kind: 'retry', node: request.params.node.toLowerCase(), by: actorOf(request), ...request.body })
    return await nodeOf(coordinator, request.params.node)
  })

  for (const kind of ['skip', 'write-off'] as const) {
    const summary = kind === 'skip' ? 'Leave out a node that has not begun' : 'A named person takes over a failed node: its slot is freed, its budget stays spent'
    api.post(`/nodes/:node/${kind}`, { schema: { tags, summary, params: nodeParams, body: saidBody } }, async (request) => {
      await tell(coordinator, { kind, node: request.params.node.toLowerCase(), by: actorOf(request), ...request.body })
      return await nodeOf(coordinator, request.params.node)
    })
  }

  api.post('/nodes/:node/patch', { schema: { tags, summary: 'Plan and open a window of this one node, now', params: nodeParams, body: patchBody } }, async (request, reply) => {
    // Asked first, so that a refused try leaves no plan behind; opening asks again.
    coordinator.requireNoWindow()
    const by = actorOf(request)
    const { reason, forMs, policy: wishes } = request.body
    const single: PolicyWishes = { ...wishes, groupSize: 1, prepareAhead: 1 }
    const opensAt = now()
    const { hash } = await coordinator.makePlan({
      by, reason, opensAt, closesAt: opensAt + (forMs ?? patchMs), only: [request.params.node.toLowerCase()], policy: policyOf(policy, hasAssigner, single)
    })
    await coordinator.openWindow(hash, { by, reason, confirm: hash })
    return reply.code(201).send(await windowOf(coordinator, hash))
  })
}
