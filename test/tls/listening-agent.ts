// An agent that says who it is, and notes who asked.
import * as grpc from '@grpc/grpc-js'
import type { PlanNode } from '@pitstop/coordinator/domain/plan'
import { AgentService, watchedServerCredentials } from '@pitstop/proto'
import { identityFromAltNames } from '@pitstop/shared/identity'
import type { Files } from './issue-certificates.ts'

export async function listeningAgent(t: { teardown(handler: () => unknown): void }, tls: Files, says = 'gitaly-01.test'): Promise<{ port: number, askedBy: string[] }> {
  const askedBy: string[] = []
  const server = new grpc.Server()
  server.addService(AgentService.service, {
    // Asked, and never answered.
    Health() {},
    Describe(call: grpc.ServerUnaryCall<unknown, unknown>, callback: grpc.sendUnaryData<object>) {
      askedBy.push(identityFromAltNames(call.getAuthContext().sslPeerCertificate?.subjectaltname)?.name ?? 'nobody')
      callback(null, { fleet: 'lab', node: says, protocol_min: 1, protocol_max: 1, now_ms: Date.now() })
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
