// A GitLab stand-in with the traps of the real API, as a small fastify program. Tests build it without listening,
// hold its world in their hands and plant faults; main.ts runs the same thing as a process.
// It is a test tool: it must never be reachable from outside loopback.
import fastify from 'fastify'
import { createAccess, Refused } from './access.ts'
import { addAssigner } from './assigner-routes.ts'
import { addControl } from './control-routes.ts'
import { createFaultBox, type FaultBox } from './faults.ts'
import { addIdentity } from './identity-routes.ts'
import { acceptForms } from './request-params.ts'
import { createRequestLog, type RequestLog } from './request-log.ts'
import { addSettings } from './settings-routes.ts'
import { addTrips } from './trips.ts'
import { type AssignerRun, createWorld, type Move, type ScheduleState, type Token, type World } from './world.ts'

export interface GitLabOptions {
  /** Names in the order of gitlab.yml. */
  readonly storages: readonly string[]
  /** Stored hash; storages left out are shown with weight 0. */
  readonly weights: Readonly<Record<string, number>>
  readonly tokens: readonly Token[]
  readonly schedule?: Omit<ScheduleState, 'nextRunAt'>
  readonly moves?: readonly Move[]
  readonly adminMode?: boolean
  readonly edition?: 'ce' | 'ee'
  /** JSON lines are appended here too. */
  readonly logFile?: string
  /** What the assigner does when played by hand. */
  readonly play?: AssignerRun
  /** 0 = any free port. */
  readonly port?: number
}

export interface GitLabStandIn {
  /** Base URL, once listening. */
  readonly url: string
  readonly world: World
  readonly log: RequestLog
  readonly faults: FaultBox
  /** Replaceable: rotation of tokens, Admin Mode. */
  tokens: readonly Token[]
  adminMode: boolean
  listen(): Promise<string>
  close(): Promise<void>
}

export function createGitLab(options: GitLabOptions): GitLabStandIn {
  const log = createRequestLog(options.logFile)
  const world = createWorld(options, log)
  const faults = createFaultBox()
  const app = fastify({ forceCloseConnections: true, routerOptions: { maxParamLength: 500 } })
  const access = createAccess(() => standIn.tokens, () => standIn.adminMode)
  const timers = new Set<NodeJS.Timeout>()
  let url = ''
  const standIn: GitLabStandIn = {
    get url() { return url },
    world, log, faults,
    tokens: options.tokens,
    adminMode: options.adminMode ?? false,
    async listen() {
      url = await app.listen({ host: '127.0.0.1', port: options.port ?? 0 })
      return url
    },
    async close() {
      for (const timer of timers) clearTimeout(timer)
      world.close()
      await app.close()
    }
  }
  const pause = (ms: number): Promise<void> => new Promise((resolve) => {
    const timer = setTimeout(() => { timers.delete(timer); resolve() }, ms)
    timers.add(timer)
  })

  acceptForms(app)
  addTrips(app, { log, faults, pause, tokenName: (request) => access.tokenOf(request)?.name ?? null })
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof Refused) return reply.code(error.status).send(error.body)
    return reply.code(500).send({ message: '500 Internal Server Error' })
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: '404 Not Found' }))
  addSettings(app, world, access)
  addAssigner(app, world, access, options.play ?? { finishAfterMs: 100 })
  addIdentity(app, world, access, options.edition ?? 'ee')
  addControl(app, standIn)
  return standIn
}
