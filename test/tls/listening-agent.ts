// An agent that says who it is, and notes who asked.
import * as grpc from '@grpc/grpc-js'
import type { PlanNode } from '@pitstop/coordinator/domain/plan'
import { AgentService, faultCodeTrailer, watchedServerCredentials } from '@pitstop/proto'
import { identityFromAltNames } from '@pitstop/shared/identity'
import type { Files } from './issue-certificates.ts'

/** @param epoch the highest that it says it has seen; a lower one is refused. */
export async function listeningAgent(t: { teardown(handler: () => unknown): void }, tls: Files, says = 'gitaly-01.test', epoch = 0): Promise<{ port: number, askedBy: string[] }> {
  const askedBy: string[] = []
  const server = new grpc.Server()
  server.addService(AgentService.service, {
    // Asked, and never answered.
    Health() {},
    Describe(call: grpc.ServerUnaryCall<{ readonly epoch: number }, unknown>, callback: grpc.sendUnaryData<object>) {
      askedBy.push(identityFromAltNames(call.getAuthContext().sslPeerCertificate?.subjectaltname)?.name ?? 'nobody')
      if (call.request.epoch > 0 && call.request.epoch < epoch) {
        const metadata = new grpc.Metadata()
        metadata.set(faultCodeTrailer, 'STALE_EPOCH')
        callback({ code: grpc.status.FAILED_PRECONDITION, details: `epoch ${call.request.epoch} is over`, metadata })
      } else callback(null, { fleet: 'lab', node: says, protocol_min: 1, protocol_max: 1, now_ms: Date.now(), highest_epoch: epoch })
    }
  })
  const { credentials, release } = await watchedServerCredentials(tls)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  release()
  t.teardown(() => { server.forceShutdown() })
  return { port, askedBy }
}

export const planNode = (port: number): PlanNode => ({ node: 'gitaly-01.test', address: `127.0.0.1:${port}`, gitaly: '', storages: ['s'], zone: 'z', platform: '' })
