// The window: shown, opened, told to pause, go on or end; and the promises it keeps. Each command answers the window
// as it is right after.
/* oxlint-disable oxc/no-async-endpoint-handlers -- the rule is about Express; Fastify awaits its handlers. */
import { Type } from 'typebox'
import { Fault } from '@pitstop/shared/fault'
import type { Command } from '../../domain/command.ts'
import type { WindowView } from '../../domain/view.ts'
import { actorOf } from '../access.ts'
import type { Api, Served } from '../ports.ts'
import { obligationAnswer, planHash, reasonBody, resumeBody, saidBody, windowAnswer, windowBody } from '../schema.ts'

const tags = ['window']

/** The open window, or the latest there was. @throws Fault NOT_FOUND */
export async function windowOf(coordinator: Served, plan?: string): Promise<WindowView> {
  const view = await coordinator.view(plan)
  if (view === null) throw new Fault('NOT_FOUND', plan === undefined ? 'there has been no window yet' : `plan ${plan} has had no window yet`, { hint: await firstWindowHint(coordinator) })
  return view
}

/** Without a plan there is nothing that could be opened. */
export const firstWindowHint = async (coordinator: Served): Promise<string> =>
  (await coordinator.listPlans()).length === 0 ? 'make a plan first: pitstop plan create --for 6h --reason "…"' : 'open one: pitstop window start PLAN; see pitstop plan list'

export async function tell(coordinator: Served, said: Command): Promise<WindowView> {
  await coordinator.command(said)
  return await windowOf(coordinator)
}

export function windowRoutes(api: Api, coordinator: Served): void {
  api.get('/window', {
    schema: { tags, summary: 'The open window, or the latest', querystring: Type.Object({ plan: Type.Optional(planHash) }, { additionalProperties: false }), response: { 200: windowAnswer } }
  }, async ({ query }, reply) => reply.send(await windowOf(coordinator, query.plan) as never))

  api.post('/window', { schema: { tags, summary: 'Open a window of a plan', body: windowBody } }, async (request, reply) => {
    const { plan, confirm, reason } = request.body
    await coordinator.openWindow(plan, { by: actorOf(request), reason, confirm })
    return reply.code(201).send(await windowOf(coordinator, plan))
  })

  for (const kind of ['pause', 'abort'] as const) {
    api.post(`/window/${kind}`, { schema: { tags, summary: kind === 'pause' ? 'Start nothing new; what runs goes on' : 'Take back what is before the point of no return, finish the rest, pay all promises', body: saidBody } },
      async (request) => tell(coordinator, { kind, by: actorOf(request), ...request.body }))
  }

  api.post('/window/resume', { schema: { tags, summary: 'Go on after a halt or a pause', body: resumeBody } },
    async (request) => tell(coordinator, { kind: 'resume', by: actorOf(request), ...request.body }))

  api.get('/obligations', { schema: { tags, summary: 'What has to be put back', response: { 200: Type.Object({ obligations: Type.Array(obligationAnswer) }) } } },
    async (_request, reply) => reply.send({ obligations: [...await coordinator.lostPromises(), ...(await coordinator.view())?.obligations ?? []] } as never))

  api.post('/obligations/:id/hand-over', { schema: { tags, summary: 'A named person takes a promise over', params: Type.Object({ id: Type.String({ maxLength: 300 }) }), body: reasonBody } },
    async (request) => {
      const shown = await coordinator.handOver({ kind: 'hand-over', obligation: request.params.id, by: actorOf(request), reason: request.body.reason })
      // What a restored store had lost belongs to no window.
      return { ...await coordinator.view(), shown }
    })
}
