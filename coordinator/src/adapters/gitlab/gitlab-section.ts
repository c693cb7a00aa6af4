// The `gitlab:` part of the coordinator's YAML: fragments in kebab-case, settings in domain words. Tokens are
// named here, never held: they are read from file or environment at each use.
import * as v from 'valibot'
import { duration } from '@pitstop/shared/configuration'
import { baseUrlWithout } from '../base-url.ts'
import type { TokenSource } from './token.ts'

export interface InstanceSettings {
  /** Base URL without trailing slash, relative URL root included. */
  readonly url: string
  readonly token: TokenSource
}

export interface AssignerSettings extends InstanceSettings {
  /** Number or full path. */
  readonly project: string
  /** Id of the pipeline schedule. */
  readonly schedule: number
}

export interface GitLabSettings extends InstanceSettings {
  readonly requestTimeoutMs: number
  /** How long after it was abandoned GitLab may still carry a request out. */
  readonly landsWithinMs: number
  readonly assigner?: AssignerSettings
  /** Ask GitLab for running repository moves. */
  readonly moves: boolean
}

const baseUrl = baseUrlWithout('/api/v4')

const tokenKeys = {
  'token-file': v.optional(v.pipe(v.string(), v.nonEmpty('must be a path'))),
  'token-env': v.optional(v.pipe(v.string(), v.nonEmpty('must be the name of an environment variable')))
}

interface TokenKeys { 'token-file'?: string | undefined, 'token-env'?: string | undefined }

const hasOneToken = (keys: TokenKeys): boolean => (keys['token-file'] === undefined) !== (keys['token-env'] === undefined)
const oneToken = 'needs exactly one of token-file and token-env'

const tokenOf = (keys: TokenKeys): TokenSource =>
  keys['token-file'] === undefined ? { env: keys['token-env'] ?? '' } : { file: keys['token-file'] }

const projectForm = 'must be the project\'s number or its path GROUP/PROJECT'

const assigner = v.pipe(
  v.strictObject({
    url: baseUrl,
    project: v.pipe(v.union([v.number(), v.string()], projectForm), v.transform(String), v.regex(/^(?:[1-9]\d*|(?:[\w.-]+\/)+[\w.-]+)$/, projectForm)),
    schedule: v.pipe(v.number('must be the number of the pipeline schedule'), v.integer(), v.minValue(1)),
    ...tokenKeys
  }),
  v.check((keys) => hasOneToken(keys), oneToken),
  v.transform((keys): AssignerSettings => ({ url: keys.url, project: keys.project, schedule: keys.schedule, token: tokenOf(keys) }))
)

const requestTime = v.pipe(duration, v.minValue(100, 'must be 100ms or more'), v.maxValue(300_000, 'must be 5m or less'))

/** Weights wait for so long after each lost write. With none at all a late one would land on a weight that was just put back. */
const landingTime = v.pipe(duration, v.minValue(1000, 'must be 1s or more: GitLab may carry out what we gave up'), v.maxValue(3_600_000, 'must be 1h or less: no weight is written for so long after a lost write'))

export const gitLabSection = v.pipe(
  v.strictObject({
    url: baseUrl,
    ...tokenKeys,
    'request-timeout': v.optional(requestTime, '10s'),
    // GitLab's own limit for one request is 60 s; after that a lost write cannot land any more.
    'lands-within': v.optional(landingTime, '60s'),
    assigner: v.optional(assigner),
    moves: v.optional(v.boolean('must be true or false'), false)
  }),
  v.check((keys) => hasOneToken(keys), oneToken),
  v.transform((keys): GitLabSettings => ({
    url: keys.url,
    token: tokenOf(keys),
    requestTimeoutMs: keys['request-timeout'],
    landsWithinMs: keys['lands-within'],
    ...(keys.assigner === undefined ? {} : { assigner: keys.assigner }),
    moves: keys.moves
  }))
)
