// Hears agents: "I am back." An agent is heard only about itself; a standby says who acts.
import * as grpc from '@grpc/grpc-js'
import { CoordinatorService, type CoordinatorServiceHandlers, HealthService, type TlsFiles, faultCodeTrailer, holderTrailer, watchedServerCredentials } from '@pitstop/proto'
import { Fault, asFault } from '@pitstop/shared/fault'
import { faultTable } from '@pitstop/shared/fault-table'
import { identityFromAltNames } from '@pitstop/shared/identity'
import type { ReadyReport } from '../../engine/coordinator.ts'
import type { LeaseRow } from '../../ports.ts'

export interface ReadinessParts {
  /** host:port */
  readonly listen: string
  readonly fleet: string
  readonly tls: TlsFiles
  readonly coordinator: {
    readonly acting: boolean
    readonly holder: LeaseRow | null
    ready(report: ReadyReport): Promise<{ readonly result: 'accepted' | 'observed' | 'outdated', readonly epoch: number }>
  }
}

/** What is told travels as a header: a larger one would tear the connection down. */
const longestDetails = 4000

const results = { accepted: 'REPORT_RESULT_ACCEPTED', observed: 'REPORT_RESULT_OBSERVED', outdated: 'REPORT_RESULT_OUTDATED' } as const
const statuses: Readonly<Record<string, ReadyReport['status']>> = { HEALTH_STATUS_HEALTHY: 'healthy', HEALTH_STATUS_UNHEALTHY: 'unhealthy' }

export async function serveReadiness({ listen, fleet, tls, coordinator }: ReadinessParts): Promise<{ readonly port: number, close(): Promise<void> }> {
  const server = new grpc.Server()
  const handlers: CoordinatorServiceHandlers = {
    ReportReady(call, callback) {
      const { request } = call
      const answer = async (): Promise<void> => {
        requireIdentity(call.getAuthContext(), fleet, request.node, request.fleet)
        const status = statuses[request.verdict?.status ?? ''] ?? 'unknown'
        const { result, epoch } = await coordinator.ready({ node: request.node, orderId: request.order_id, bootId: request.boot_id, status })
        callback(null, { result: results[result], epoch })
      }
      answer().catch((error: unknown) => { callback(toServiceError(asFault(error), coordinator.holder)) })
    }
  }
  server.addService(CoordinatorService.service, handlers)
  server.addService(HealthService.service, {
    Check(_call: unknown, callback: (error: null, answer: { status: string }) => void) { callback(null, { status: coordinator.acting ? 'SERVING' : 'NOT_SERVING' }) }
  })
  const { credentials, release } = await watchedServerCredentials(tls).catch((error: unknown) => {
    throw new Fault('CERTIFICATE_INVALID', 'certificate, key and authority could not be loaded', { cause: error })
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, bound) => {
      if (error === null) resolve(bound)
      else reject(new Fault('INVALID_CONFIGURATION', `cannot listen for agents on ${listen}`, { cause: error, hint: 'is the port taken? change listen.agents' }))
    })
  }).finally(release)
  return {
    port,
    close: () => new Promise((resolve) => {
      const force = setTimeout(() => { server.forceShutdown() }, 1000)
      server.tryShutdown(() => {
        clearTimeout(force)
        resolve()
      })
    })
  }
}

/** @throws Fault UNAUTHENTICATED, WRONG_ROLE, WRONG_FLEET, WRONG_NODE naming what was shown */
function requireIdentity(context: ReturnType<grpc.ServerUnaryCall<unknown, unknown>['getAuthContext']>, fleet: string, node: string, claimedFleet: string): void {
  const shown = identityFromAltNames(context.sslPeerCertificate?.subjectaltname)
  if (shown === undefined) throw new Fault('UNAUTHENTICATED', 'the certificate shown carries no pitstop identity')
  if (shown.fleet !== fleet || claimedFleet !== fleet) throw new Fault('WRONG_FLEET', `this coordinator is of fleet ${fleet}; the certificate is of ${shown.fleet}, the report of ${claimedFleet}`)
  if (shown.role !== 'agent') throw new Fault('WRONG_ROLE', `readiness is reported by agents; the certificate is of a ${shown.role}`)
  if (shown.name !== node) throw new Fault('WRONG_NODE', `${shown.name} may speak for itself alone, not for ${node}`)
}

function toServiceError(fault: Fault, holder: LeaseRow | null): Partial<grpc.StatusObject> & Error {
  const metadata = new grpc.Metadata()
  metadata.set(faultCodeTrailer, fault.code)
  if (fault.code === 'STANDBY' && holder !== null) metadata.set(holderTrailer, holder.address)
  return Object.assign(new Error(fault.message), { code: grpc.status[faultTable[fault.code].grpc], details: `${fault.message}: ${fault.hint}`.slice(0, longestDetails), metadata })
}
