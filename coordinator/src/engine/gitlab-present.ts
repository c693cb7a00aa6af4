// What GitLab shows at this moment, for whoever settles a promise or holds a journal against it.
import { asFault } from '@pitstop/shared/fault'
import { type Promised, type Shown, shownNow } from '../domain/obligations.ts'
import type { Present } from '../domain/lost-promises.ts'
import type { Clock, GitLab } from '../ports.ts'

/** A moment of trouble is no reason to tell less than there is. */
const readAgainMs = 2000

/** @throws Fault GITLAB_*: twice. */
export async function readPresent(gitlab: GitLab, clock: Pick<Clock, 'after'>): Promise<Present> {
  const read = async (): Promise<Present> => ({ weights: await gitlab.readWeights(), scheduleActive: gitlab.hasAssigner ? (await gitlab.readSchedule()).active : null })
  return await read().catch(async () => {
    await new Promise<void>((resolve) => { clock.after(readAgainMs, resolve) })
    return await read()
  })
}

/** Never throws: a promise can be taken over while GitLab is away. */
export async function whatGitLabShows(gitlab: GitLab, { kind, subject, previous }: Promised): Promise<Shown> {
  try {
    const now = kind === 'weight' ? (await gitlab.readWeights())[subject] ?? null : gitlab.hasAssigner ? (await gitlab.readSchedule()).active : null
    return { now, text: shownNow({ kind, previous }, now) }
  } catch (error) {
    return { now: null, text: `GitLab could not be asked: ${asFault(error).message}` }
  }
}
