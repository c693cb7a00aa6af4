// What anybody may ask: is it alive, does it act, and what does its API look like. Nothing about nodes or people.
import type { Api, Served } from '../ports.ts'

export function publicRoutes(api: Api, coordinator: Served): void {
  api.get('/healthz', { schema: { summary: 'The process runs' } }, () => ({ ok: true }))

  /** 200 for the acting coordinator alone, so that a load balancer finds it. */
  api.get('/readyz', { schema: { summary: 'Whether this coordinator acts, and who holds the lease' } }, (_request, reply) => {
    const { acting, holder, standing } = coordinator
    const lease = holder === null ? null : { holder: holder.holder, address: holder.address, api: holder.api, epoch: holder.epoch, expiresAt: holder.expiresAt, leftMs: holder.leftMs }
    if (standing === null) return { acting, state: 'acting', lease }
    return reply.code(503).send({ ...standing, reasons: [], acting, state: standing.code === 'STANDBY' ? 'standby' : 'waiting', lease })
  })

  api.get('/openapi.json', { schema: { hide: true } }, () => api.swagger())
}
