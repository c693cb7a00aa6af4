// Proof, without effect, that the work can be done and undone: asked before a plan is approved and before a window
// opens. GitLab has no dry run for writes, so the right to write is read off the token's scopes and its user.
import { asFault, type Reason, reason } from '@pitstop/shared/fault'
import { formatInstant } from '@pitstop/shared/instant'
import { believe, tokenAnswer, userAnswer } from './answers.ts'
import { askSchedule, livePipelines } from './assigner.ts'
import { GitLabFault } from './gitlab-fault.ts'
import type { AssignerSettings } from './gitlab-section.ts'
import { readWeights } from './weights.ts'
import type { Transport } from './transport.ts'

interface Bearer { readonly id: number, readonly username: string, readonly isAdmin: boolean, readonly scopes: readonly string[] }

/** Collects the reasons of steps that fail; answers undefined for those. */
async function attempt<T>(problems: Reason[], step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step()
  } catch (thrown) {
    problems.push(asFault(thrown).toReason())
    return undefined
  }
}

/** Whom the token speaks for; its own problems go to `problems`. */
async function examineToken(transport: Transport, notExpiringBefore: number, problems: Reason[]): Promise<Bearer | undefined> {
  const doing = 'asking about its own token'
  const found = await attempt(problems, async () => {
    const token = believe(tokenAnswer, (await transport.get(doing, '/personal_access_tokens/self')).body, doing)
    const user = believe(userAnswer, (await transport.get(doing, '/user')).body, doing)
    return { token, user }
  })
  if (found === undefined) return undefined
  const { token, user } = found
  const whose = `The token of ${user.username} (${transport.tokenPlace}) for ${transport.url}`
  if (!token.active) problems.push(reason('GITLAB_TOKEN', `${whose} is expired or revoked`, `put a valid token into ${transport.tokenPlace}`))
  if (!token.scopes.includes('api')) {
    problems.push(reason('GITLAB_FORBIDDEN', `${whose} has the scopes ${token.scopes.join(', ') || 'none'}: it cannot write`, 'make a token with scope api'))
  }
  // GitLab ends a token at the start of that day, UTC.
  if (token.expires_at !== null && token.expires_at < notExpiringBefore) {
    problems.push(reason('CERTIFICATE_EXPIRES', `${whose} ends on ${formatInstant(token.expires_at).slice(0, 10)}, before ${formatInstant(notExpiringBefore)}`, `put a fresh token into ${transport.tokenPlace}`))
  }
  return { id: user.id, username: user.username, isAdmin: user.is_admin, scopes: token.scopes }
}

/** GET of the settings is for acting administrators alone: it proves Admin Mode too. */
async function checkWeightRights(transport: Transport, bearer: Bearer, problems: Reason[]): Promise<void> {
  try {
    await readWeights(transport)
  } catch (thrown) {
    const isRefused = thrown instanceof GitLabFault && thrown.status === 403
    problems.push(isRefused ? reason('GITLAB_FORBIDDEN', `${bearer.username} may not read and set the weights: ${whyNoAdmin(bearer)}`) : asFault(thrown).toReason())
  }
}

const whyNoAdmin = ({ isAdmin, scopes }: Bearer): string =>
  !isAdmin ? 'GitLab does not show that user as an administrator' : scopes.includes('admin_mode') ? 'GitLab refuses this administrator\'s token' : 'Admin Mode is on and the token lacks the scope admin_mode'

async function checkScheduleRights(transport: Transport, settings: AssignerSettings, bearer: Bearer, problems: Reason[]): Promise<void> {
  const schedule = await attempt(problems, () => askSchedule(transport, settings))
  if (schedule === undefined) return
  await attempt(problems, () => livePipelines(transport, settings))
  if (schedule.owner?.id === bearer.id) return
  const owner = schedule.owner === null ? 'nobody' : schedule.owner.username || `user ${schedule.owner.id}`
  const text = `Schedule ${settings.schedule} of ${settings.project} belongs to ${owner}; ${bearer.username} may not save it`
  if (!bearer.isAdmin) {
    problems.push(reason('GITLAB_FORBIDDEN', text, `use a token of ${owner} or of an administrator`))
    return
  }
  const refused = await transport.get('proving an administrator\'s rights', '/application/settings').then(() => undefined, (thrown: unknown) => thrown)
  if (refused === undefined) return
  problems.push(refused instanceof GitLabFault && refused.status === 403
    ? reason('GITLAB_FORBIDDEN', `${text}: ${whyNoAdmin(bearer)}`, `use a token of ${owner}, or add the scope admin_mode`)
    : asFault(refused).toReason())
}

/** @param notExpiringBefore epoch ms. @returns every problem, each once. */
export async function checkRights(weights: Transport, assigner: { readonly transport: Transport, readonly settings: AssignerSettings } | undefined, moves: (() => Promise<unknown>) | undefined, notExpiringBefore: number): Promise<readonly Reason[]> {
  const problems: Reason[] = []
  const bearer = await examineToken(weights, notExpiringBefore, problems)
  if (bearer !== undefined) {
    await checkWeightRights(weights, bearer, problems)
    if (moves !== undefined) await attempt(problems, moves)
  }
  if (assigner !== undefined) {
    const runner = await examineToken(assigner.transport, notExpiringBefore, problems)
    if (runner !== undefined) await checkScheduleRights(assigner.transport, assigner.settings, runner, problems)
  }
  return problems.filter((one, index) => problems.findIndex((other) => other.code === one.code && other.text === one.text) === index)
}
