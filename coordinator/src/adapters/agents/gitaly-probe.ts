// Asks Gitaly itself from the coordinator's side: healthy inside and unreachable outside is not healthy for anybody.
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import { type HealthClient, HealthService } from '@pitstop/proto'

const deadlineMs = 1000

export function gitalyProbe(tokenFile: string | undefined): { ask(address: string): Promise<{ serving: boolean, text: string }>, close(): void } {
  const clients = new Map<string, HealthClient>()

  /** Gitaly's own scheme: an HMAC over the Unix time, valid for half a minute. */
  function authorization(): grpc.Metadata {
    // A host that has just come back is waited for, not given up on because the channel still backs off.
    const metadata = new grpc.Metadata({ waitForReady: true })
    if (tokenFile !== undefined) {
      const issued = String(Math.floor(Date.now() / 1000))
      const signature = createHmac('sha256', readFileSync(tokenFile, 'utf8').trim()).update(issued).digest('hex')
      metadata.set('authorization', `Bearer v2.${signature}.${issued}`)
    }
    return metadata
  }

  return {
    ask: (address) => new Promise((resolve) => {
      let client = clients.get(address)
      if (client === undefined) {
        client = new HealthService(address, grpc.credentials.createInsecure(), { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.min_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 250 })
        clients.set(address, client)
      }
      client.Check({ service: '' }, authorization(), { deadline: Date.now() + deadlineMs }, (error, answer) => {
        if (error === null) return resolve({ serving: answer?.status === 'SERVING', text: `Gitaly at ${address} says ${answer?.status ?? 'nothing'}` })
        // Without a token Gitaly answers, and says no: it is reachable, which is what is asked here.
        const refused = tokenFile === undefined && (error.code === grpc.status.UNAUTHENTICATED || error.code === grpc.status.PERMISSION_DENIED)
        resolve({ serving: refused, text: `Gitaly at ${address}: ${error.details}` })
      })
    }),
    close() { for (const client of clients.values()) client.close() }
  }
}
