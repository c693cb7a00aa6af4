// Shapes of GitLab's answers, checked before anything is believed. Only fields that pitstop uses are read, so the
// variables of a schedule (secrets) never leave the answer.
import * as v from 'valibot'
import { GitLabFault } from './gitlab-fault.ts'

const count = v.pipe(v.number(), v.integer())
const timestamp = v.pipe(v.string(), v.transform((text) => Date.parse(text)), v.check((at) => !Number.isNaN(at), 'is no time'))

export const settingsAnswer = v.object({
  repository_storages_weighted: v.pipe(
    v.record(v.string(), v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100))),
    v.check((weights) => Object.keys(weights).length > 0, 'names no storage')
  )
})

export const scheduleAnswer = v.object({
  id: count,
  active: v.boolean(),
  next_run_at: v.nullish(timestamp, null),
  description: v.nullish(v.string(), ''),
  owner: v.nullish(v.object({ id: count, username: v.optional(v.string(), '') }), null),
  last_pipeline: v.nullish(v.object({ id: count, status: v.string() }), null)
})

export const pipelinesAnswer = v.array(v.object({
  id: count, status: v.string(), source: v.nullish(v.string(), ''), web_url: v.nullish(v.string(), '')
}))

export const movesAnswer = v.array(v.object({
  state: v.string(), source_storage_name: v.string(), destination_storage_name: v.string(), created_at: timestamp
}))

export const tokenAnswer = v.object({
  active: v.boolean(), scopes: v.array(v.string()), expires_at: v.nullish(v.pipe(v.string(), v.regex(/^\d{4}-\d{2}-\d{2}/), timestamp), null)
})

export const userAnswer = v.object({ id: count, username: v.string(), is_admin: v.optional(v.boolean(), false) })

/** @throws Fault GITLAB_ANSWER_INVALID naming the first field that is wrong. */
export function believe<S extends v.GenericSchema>(schema: S, body: unknown, doing: string): v.InferOutput<S> {
  const result = v.safeParse(schema, body, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const field = issue.path?.map((item) => String(item.key)).join('.') ?? 'the answer as a whole'
  throw new GitLabFault('GITLAB_ANSWER_INVALID', `GitLab's answer while ${doing} is not what its API promises: ${field}: ${issue.message}`)
}
