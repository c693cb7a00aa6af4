// What anybody may ask: is it alive, does it act, and what does its API look like. Nothing about nodes or people.
import type { Api, Served } from '../ports.ts'

export function publicRoutes(api: Api, coordinator: Served): void {
  api.get('/healthz', { schema: { summary: 'The process runs' } }, () => ({ ok: true }))

  /** 200 for the acting coordinator alone, so that a load balancer finds it. */
  api.get('/readyz', { schema: { summary: 'This coordinator acts' } }, (_request, reply) => {
    if (coordinator.acting) return { acting: true }
    const { holder } = coordinator
    return reply.code(503).send({
      code: 'STANDBY', text: holder === null ? 'this coordinator does not act' : `this coordinator stands by; ${holder.holder} acts`,
      hint: holder === null ? 'try again shortly' : `ask ${holder.address}`, reasons: []
    })
  })

  api.get('/openapi.json', { schema: { hide: true } }, () => api.swagger())
}
