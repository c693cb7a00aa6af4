// Requests in flight, from Gitaly's Prometheus page: started minus handled (go-grpc-prometheus). Pure; never throws.
// Health checks, reflection and ServerInfo are pitstop's and the monitoring's own, some of them endless: no user waits for them.

const line = /^grpc_server_(started|handled)_total\{([^}]*)\}\s+([0-9.eE+]+)/
const ours = /^(?:grpc\.health\.|grpc\.reflection\.|gitaly\.ServerService$)/

/** undefined = the page has no such counters. */
export function requestsInFlight(page: string): number | undefined {
  const counts = new Map<string, number>()
  let seen = false
  for (const text of page.split('\n')) {
    const [, what, labels = '', value = ''] = line.exec(text) ?? []
    if (what === undefined) continue
    seen = true
    const service = /grpc_service="([^"]*)"/.exec(labels)?.[1] ?? ''
    if (ours.test(service)) continue
    const method = `${service}/${/grpc_method="([^"]*)"/.exec(labels)?.[1] ?? ''}`
    counts.set(method, (counts.get(method) ?? 0) + (what === 'started' ? 1 : -1) * Number(value))
  }
  if (!seen) return undefined
  // Counters are not read at one instant: a method may seem to have ended more than it began.
  return [...counts.values()].reduce((sum, count) => sum + Math.max(0, Math.round(count)), 0)
}
