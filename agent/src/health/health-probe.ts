// One look at Gitaly from inside the host, all probes at once. Callers that come while a look is under way share the
// next one: each gets facts that are younger than its question. Decides nothing.
import { known, knownNow } from '../adapters/host-checks.ts'
import type { ServiceReading } from '../domain/service-status.ts'
import type { Known } from '../domain/veto.ts'
import type { Host } from '../host.ts'
import type { Clock, GitalyFacts } from '../ports.ts'

export interface Look {
  readonly atMs: number
  readonly uptimeMs: number
  readonly bootId: string
  readonly kernel: Known<string>
  readonly service: Known<ServiceReading>
  readonly grpc: Known<string>
  readonly info: Known<GitalyFacts>
}

export function healthProbe(host: Host, clock: Clock): () => Promise<Look> {
  let running: Promise<Look> | undefined
  let next: Promise<Look> | undefined
  const look = async (): Promise<Look> => {
    const [service, grpc, info] = await Promise.all([known(() => host.manager.status()), host.gitaly.check(), host.gitaly.serverInfo()])
    return {
      atMs: clock.now(),
      uptimeMs: host.files.uptimeMs(),
      bootId: host.files.bootId(),
      kernel: knownNow(() => host.files.kernel()),
      service,
      grpc,
      info
    }
  }
  const start = (): Promise<Look> => {
    running = look().finally(() => { running = undefined })
    return running
  }
  return () => {
    if (running === undefined) return start()
    next ??= running.catch(() => undefined).then(() => { next = undefined; return start() })
    return next
  }
}
