// The weight assigner: its pipeline schedule and whatever of its project still runs. Saving a schedule makes
// GitLab compute next_run_at anew, which stops runs that are queued; pipelines that exist go on, hence livePipelines.
import type * as v from 'valibot'
import { believe, pipelinesAnswer, scheduleAnswer } from './answers.ts'
import { GitLabFault } from './gitlab-fault.ts'
import type { AssignerSettings } from './gitlab-section.ts'
import type { Pipeline, Schedule } from './port.ts'
import type { Transport } from './transport.ts'

export type ScheduleAnswer = v.InferOutput<typeof scheduleAnswer>

const ownerHint = 'use a token of the schedule\'s owner, or of an administrator (where Admin Mode is on, with scope admin_mode)'

/** In the order in which a pipeline passes through them: asked one after the other, none slips by between two questions. */
const liveStatuses = ['created', 'waiting_for_resource', 'preparing', 'scheduled', 'pending', 'running'] as const
/** Whatever is not among these is live, also a status that this release does not know. */
const finished = new Set(['success', 'failed', 'canceled', 'skipped', 'manual'])

const projectPath = (settings: AssignerSettings): string => `/projects/${encodeURIComponent(settings.project)}`
const schedulePath = (settings: AssignerSettings): string => `${projectPath(settings)}/pipeline_schedules/${settings.schedule}`

const toSchedule = (answer: ScheduleAnswer): Schedule =>
  ({ active: answer.active, nextRunAt: answer.next_run_at, ownerId: answer.owner?.id ?? null, description: answer.description })

export async function askSchedule(transport: Transport, settings: AssignerSettings): Promise<ScheduleAnswer> {
  const doing = 'reading the weight assigner\'s schedule'
  const answer = believe(scheduleAnswer, (await transport.get(doing, schedulePath(settings))).body, doing)
  if (answer.id !== settings.schedule) throw new GitLabFault('GITLAB_ANSWER_INVALID', `GitLab answered with schedule ${answer.id} instead of ${settings.schedule}`)
  return answer
}

export const readSchedule = async (transport: Transport, settings: AssignerSettings): Promise<Schedule> =>
  toSchedule(await askSchedule(transport, settings))

export async function setScheduleActive(transport: Transport, settings: AssignerSettings, active: boolean): Promise<Schedule> {
  const doing = active ? 'enabling the weight assigner' : 'pausing the weight assigner'
  const answer = believe(scheduleAnswer, (await transport.send(doing, 'PUT', schedulePath(settings), { active }, ownerHint)).body, doing)
  if (answer.active !== active) throw new GitLabFault('GITLAB_ANSWER_INVALID', `GitLab answered 200 while ${doing}, yet the schedule is ${answer.active ? 'active' : 'inactive'}`)
  return toSchedule(answer)
}

export async function livePipelines(transport: Transport, settings: AssignerSettings): Promise<readonly Pipeline[]> {
  const doing = 'looking for running pipelines of the weight assigner'
  const found = new Map<number, Pipeline>()
  const look = async (query: string): Promise<void> => {
    const answer = await transport.get(doing, `${projectPath(settings)}/pipelines?per_page=100${query}`)
    for (const { id, status, source, web_url: webUrl } of believe(pipelinesAnswer, answer.body, doing)) {
      if (finished.has(status)) found.delete(id)
      else found.set(id, { id, status, source, webUrl })
    }
  }
  for (const status of liveStatuses) await look(`&status=${status}`)
  // The newest whatever their status: one may have stepped back, or be in a status that cannot be asked for.
  await look('')
  const { last_pipeline: last } = await askSchedule(transport, settings)
  if (last !== null && finished.has(last.status)) found.delete(last.id)
  else if (last !== null && !found.has(last.id)) found.set(last.id, { id: last.id, status: last.status, source: 'schedule', webUrl: '' })
  return [...found.values()]
}

export async function cancelPipeline(transport: Transport, settings: AssignerSettings, id: number): Promise<void> {
  await transport.send(`cancelling pipeline ${id} of the weight assigner`, 'POST', `${projectPath(settings)}/pipelines/${id}/cancel`)
}
