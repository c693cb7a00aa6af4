// The HTTP API, built without listening. Strict input: unknown fields, wrong types and large bodies are refused. What
// it answers is what the coordinator says; nothing is decided here.
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance } from 'fastify'
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

/** What people did, by name. Looking is not logged. */
function logCommands(api: Api, { log }: ApiSettings): void {
  api.addHook('onResponse', async (request, reply) => {
    if (request.method === 'GET' || request.actor === null) return
    log('info', `${request.actor.name}: ${request.method} ${request.url.split('?')[0] ?? ''} ${reply.statusCode}`, { ms: Math.round(reply.elapsedTime) })
  })
}
