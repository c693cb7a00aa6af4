// The HTTP API, built without listening. Strict input: unknown fields, wrong types and large bodies are refused. What
// it answers is what the coordinator says; nothing is decided here.
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance } from 'fastify'
import { redact } from '@pitstop/shared/redaction'
import { requireActor } from './access.ts'
import { answerFaults, answerFrameworkError } from './fault-reply.ts'
import type { Api, ApiSettings, Served } from './ports.ts'
import { eventRoutes } from './routes/events.ts'
import { fleetRoutes } from './routes/fleet.ts'
import { nodeRoutes } from './routes/nodes.ts'
import { planRoutes } from './routes/plans.ts'
import { publicRoutes } from './routes/public.ts'
import { windowRoutes } from './routes/window.ts'
import { faultAnswer } from './schema.ts'

/** A plan names at most a few hundred nodes; anything larger is a mistake. */
const bodyLimit = 256 * 1024
/** Characters; proxies allow a few KiB for all headers together. */
const noticeLimit = 600
/** Ms to send a whole request. */
const requestTimeout = 30_000

export async function buildApi(coordinator: Served, settings: ApiSettings): Promise<Api> {
  const options = {
    logger: false, bodyLimit, requestTimeout, forceCloseConnections: true, exposeHeadRoutes: false,
    // Before any route is found: a path that is no path.
    frameworkErrors: answerFrameworkError,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: true } }
  } as const
  // With TLS the server is another class with the same face.
  const fastify = (settings.tls === undefined ? Fastify(options) : Fastify({ ...options, https: settings.tls })) as unknown as FastifyInstance
  const api: Api = fastify.withTypeProvider<TypeBoxTypeProvider>()
  // Response schemas are documentation: what the coordinator says is sent whole.
  api.setSerializerCompiler(() => (answer) => JSON.stringify(answer))
  api.decorateRequest('actor', null)
  answerFaults(api, settings)
  logCommands(api, settings)
  await api.register(swagger, {
    openapi: {
      info: { title: 'pitstop coordinator', version: settings.version, description: 'Rolling OS patching for Gitaly fleets. Instants are epoch milliseconds, durations milliseconds.' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }
    }
  })
  await api.register(async (routes: Api) => { publicRoutes(routes, coordinator) })
  await api.register(async (routes: Api) => {
    describeFaults(routes)
    requireActor(routes, settings)
    tellStandby(routes, coordinator)
    fleetRoutes(routes, coordinator, settings)
    planRoutes(routes, coordinator, settings)
    windowRoutes(routes, coordinator)
    nodeRoutes(routes, coordinator, settings)
    eventRoutes(routes, coordinator, settings)
  }, { prefix: '/api/v1' })
  await api.ready()
  return api
}

/** Every route may answer a fault, and all in one form. */
function describeFaults(api: Api): void {
  api.addHook('onRoute', (route) => {
    route.schema = { ...route.schema, security: [{ token: [] }], response: { ...route.schema?.response as object | undefined, default: faultAnswer } }
  })
}

/** Answers of a standby that look like those of the acting one: they come from the shared journal, and who acts is said beside them. */
const journalOnly = /\/(?:window|nodes|nodes\/:node|obligations)$/

function tellStandby(api: Api, coordinator: Served): void {
  api.addHook('onSend', async (request, reply) => {
    const { standing } = coordinator
    if (standing === null || request.method !== 'GET' || reply.statusCode >= 400 || !journalOnly.test(request.routeOptions.url ?? '')) return
    // Encoded: what kept it from acting may be told in any language.
    void reply.header('pitstop-standby', encodeURIComponent(redact(`${standing.text}. This is what the journal holds, without progress and waiting reasons; ${standing.hint}`).slice(0, noticeLimit).toWellFormed()))
  })
}

/** What people did, by name. Looking is not logged. */
function logCommands(api: Api, { log }: ApiSettings): void {
  api.addHook('onResponse', async (request, reply) => {
    if (request.method === 'GET' || request.actor === null) return
    log('info', `${request.actor.name}: ${request.method} ${request.url.split('?')[0] ?? ''} ${reply.statusCode}`, { ms: Math.round(reply.elapsedTime) })
  })
}
