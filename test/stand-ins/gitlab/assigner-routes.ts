// The project of the weight assigner: its schedule (only owner or administrator may save it; every save computes
// next_run_at anew) and its pipelines (of the schedule: oldest first, paginated).
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Access, forbidden, Refused } from './access.ts'
import { booleanIn, paramsOf } from './request-params.ts'
import type { AssignerRun, PipelineState, ScheduleState, World } from './world.ts'

type Query = Record<string, string | undefined>

/** One page with GitLab's headers. */
export function paginate<T>(request: FastifyRequest, reply: FastifyReply, all: readonly T[]): readonly T[] {
  const query = request.query as Query
  const size = Math.min(Number(query['per_page'] ?? 20), 100)
  const page = Number(query['page'] ?? 1)
  const pages = Math.max(1, Math.ceil(all.length / size))
  void reply.headers({ 'x-page': page, 'x-per-page': size, 'x-total': all.length, 'x-total-pages': pages, 'x-next-page': page < pages ? page + 1 : '' })
  return all.slice((page - 1) * size, page * size)
}

const statuses = ['created', 'waiting_for_resource', 'preparing', 'pending', 'running', 'success', 'failed', 'canceled', 'canceling', 'skipped', 'manual', 'scheduled']

/** @param play what the assigner does when its schedule is played by hand. */
export function addAssigner(app: FastifyInstance, world: World, access: Access, play: AssignerRun): void {
  const path = '/api/v4/projects/:id'
  const project = (request: FastifyRequest): ScheduleState => {
    const { id, sid } = request.params as { id: string, sid?: string }
    const schedule = world.schedule
    if (schedule === undefined || (id !== schedule.project.path && id !== String(schedule.project.id))) throw new Refused(404, { message: '404 Project Not Found' })
    if (sid !== undefined && sid !== String(schedule.id)) throw new Refused(404, { message: '404 Pipeline Schedule Not Found' })
    return schedule
  }
  const shown = (pipeline: PipelineState): object => ({
    id: pipeline.id, iid: pipeline.id - 999, project_id: world.schedule?.project.id, status: pipeline.status, source: pipeline.source, ref: 'master', sha: 'f'.repeat(40),
    web_url: `https://ops.example/${world.schedule?.project.path ?? ''}/-/pipelines/${pipeline.id}`, created_at: new Date(pipeline.createdAt).toISOString()
  })
  const ofSchedule = (): PipelineState[] => world.pipelines.filter(({ source }) => source === 'schedule')
  const entity = (schedule: ScheduleState): object => {
    const last = ofSchedule().at(-1)
    return {
      id: schedule.id, description: schedule.description, ref: 'master', cron: `0 ${schedule.hour} * * *`, cron_timezone: 'UTC',
      next_run_at: new Date(schedule.nextRunAt).toISOString(), active: schedule.active,
      last_pipeline: last === undefined ? null : { id: last.id, sha: 'f'.repeat(40), ref: 'master', status: last.status },
      owner: { id: schedule.ownerId, username: `user${schedule.ownerId}`, state: 'active' },
      variables: schedule.variables.map((variable) => ({ variable_type: 'env_var', raw: false, ...variable })), inputs: []
    }
  }
  app.get(`${path}/pipeline_schedules/:sid`, (request) => {
    access.authenticated(request, 'read')
    return entity(project(request))
  })
  app.put(`${path}/pipeline_schedules/:sid`, (request) => {
    const token = access.authenticated(request, 'write')
    const schedule = project(request)
    if (token.user.id !== schedule.ownerId && !access.actsAsAdmin(token)) throw forbidden()
    world.saveSchedule(token.name, booleanIn(paramsOf(request), 'active') ?? schedule.active)
    return entity(schedule)
  })
  app.get(`${path}/pipeline_schedules/:sid/pipelines`, (request, reply) => {
    access.authenticated(request, 'read')
    project(request)
    return paginate(request, reply, ofSchedule().map(shown))
  })
  app.post(`${path}/pipeline_schedules/:sid/play`, (request, reply) => {
    access.authenticated(request, 'write')
    project(request)
    world.startAssigner(play)
    void reply.code(201)
    return { message: '201 Created' }
  })
  app.get(`${path}/pipelines`, (request, reply) => {
    access.authenticated(request, 'read')
    project(request)
    const { status } = request.query as Query
    if (status !== undefined && !statuses.includes(status)) throw new Refused(400, { error: 'status does not have a valid value' })
    return paginate(request, reply, world.pipelines.filter((each) => (status ?? each.status) === each.status).map(shown).reverse())
  })
  app.post(`${path}/pipelines/:pid/cancel`, (request, reply) => {
    access.authenticated(request, 'write')
    project(request)
    const pid = Number((request.params as { pid: string }).pid)
    const pipeline = world.pipelines.find(({ id }) => id === pid)
    if (pipeline === undefined) throw new Refused(404, { message: '404 Pipeline Not Found' })
    if (!['success', 'failed', 'canceled', 'skipped'].includes(pipeline.status)) world.endPipeline(pid, 'canceled')
    void reply.code(201)
    return shown(pipeline)
  })
}
