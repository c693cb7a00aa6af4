// Calls the coordinator for the one thing an agent calls it for: "I am back". Mutual TLS; the coordinator must show the
// role "coordinator" of our own fleet. One deadline per call, no transparent retries.
import { readFileSync } from 'node:fs'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import * as grpc from '@grpc/grpc-js'
import { CoordinatorService, holderTrailer } from '@pitstop/proto'
import { chain } from '@pitstop/shared/fault'
import { identityFromAltNames } from '@pitstop/shared/identity'
import type { TlsFiles } from '../grpc/server.ts'
import { verdictToWire } from '../grpc/wire-health.ts'
import type { CoordinatorLink } from '../readiness.ts'

const callDeadlineMs = 5000

const clientOptions: grpc.ClientOptions = {
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // Node 26 refuses an IP address as the TLS server name; who answers is proven by the URI in the certificate.
  'grpc.ssl_target_name_override': 'coordinator.pitstop.internal'
}

export function coordinatorRpc(self: { readonly fleet: string, readonly node: string }, tls: TlsFiles): CoordinatorLink {
  // Our own authority vouches for the name in the URI; the address is only where it is found.
  const checkIdentity = (host: string, certificate: PeerCertificate): Error | undefined => {
    const identity = identityFromAltNames(certificate.subjectaltname)
    if (identity === undefined) return checkServerIdentity(host, certificate) ?? new Error('the certificate names no pitstop identity')
    if (identity.role !== 'coordinator' || identity.fleet !== self.fleet) {
      return new Error(`the certificate shown has role ${identity.role}, fleet ${identity.fleet}; a coordinator of ${self.fleet} is expected`)
    }
    return undefined
  }
  return {
    report: async (address, report) => {
      let client: InstanceType<typeof CoordinatorService>
      try {
        // Read for each call, so that renewed files are used without a restart.
        const credentials = grpc.credentials.createSsl(readFileSync(tls.authority), readFileSync(tls.key), readFileSync(tls.certificate), { checkServerIdentity: checkIdentity })
        client = new CoordinatorService(address, credentials, clientOptions)
      } catch (error) { return { holder: undefined, error: chain(error) } }
      try {
        return await new Promise((resolve) => {
          client.reportReady({
            fleet: self.fleet,
            node: self.node,
            order_id: report.orderId,
            boot_id: report.bootId,
            verdict: verdictToWire(report.verdict)
          }, new grpc.Metadata(), { deadline: Date.now() + callDeadlineMs }, (error, answer) => {
            if (error !== null) resolve({ holder: holderOf(error), error: `${grpc.status[error.code] ?? error.code}: ${error.details}` })
            // An answer that is not understood acknowledges nothing.
            else if (answer === undefined || answer.result === 'REPORT_RESULT_UNSPECIFIED') resolve({ holder: undefined, error: 'the answer has no known result' })
            else resolve({ result: answer.result })
          })
        })
      } finally { client.close() }
    },
    close: () => undefined
  }
}

function holderOf(error: grpc.ServiceError): string | undefined {
  const holder = error.metadata?.get(holderTrailer)[0]
  return typeof holder === 'string' && /^[\w.:[\]-]{3,262}$/.test(holder) ? holder : undefined
}
