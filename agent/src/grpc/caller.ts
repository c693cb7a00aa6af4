// Who calls: only certificates with the role "coordinator" of this agent's own fleet are served; anyone else hears
// plainly what was shown and what is needed. Faults leave as gRPC errors with the fault code in the trailer.
import * as grpc from '@grpc/grpc-js'
import { faultCodeTrailer } from '@pitstop/proto'
import { asFault, chain, Fault } from '@pitstop/shared/fault'
import { faultTable } from '@pitstop/shared/fault-table'
import { type Identity, identityFromAltNames } from '@pitstop/shared/identity'
import { redact } from '@pitstop/shared/redaction'
import type { Logger } from '../ports.ts'

interface AnyCall {
  readonly getAuthContext: () => { readonly sslPeerCertificate?: { readonly subjectaltname?: string | undefined } }
  readonly getPeer: () => string
}

/** @throws Fault UNAUTHENTICATED, WRONG_FLEET or WRONG_ROLE. */
export function requireCoordinator(call: AnyCall, fleet: string): Identity {
  const shown = call.getAuthContext().sslPeerCertificate?.subjectaltname
  const identity = identityFromAltNames(shown)
  if (identity === undefined) throw new Fault('UNAUTHENTICATED', `the certificate names no pitstop identity (${shown ?? 'no alternative names'})`)
  const who = `role ${identity.role}, fleet ${identity.fleet}, name ${identity.name}`
  if (identity.fleet !== fleet) throw new Fault('WRONG_FLEET', `the certificate shown has ${who}; this agent belongs to fleet ${fleet}`)
  if (identity.role !== 'coordinator') throw new Fault('WRONG_ROLE', `the certificate shown has ${who}; agents obey the role coordinator only`)
  return identity
}

export function serviceError(thrown: unknown): grpc.ServiceError {
  const fault = asFault(thrown)
  const metadata = new grpc.Metadata()
  metadata.set(faultCodeTrailer, fault.code)
  const details = redact(`${chain(fault)}${fault.hint === '' ? '' : ` (${fault.hint})`}`).replace(/\s*\n\s*/g, '; ').slice(0, 4000)
  return Object.assign(new Error(details), { code: grpc.status[faultTable[fault.code].grpc], details, metadata })
}

export interface Guard {
  readonly unary: <Request, Response>(work: (request: Request) => Promise<Response>) => grpc.handleUnaryCall<Request, Response>
  readonly stream: <Request, Message>(work: (call: grpc.ServerWritableStream<Request, Message>, signal: AbortSignal) => Promise<void>) => grpc.handleServerStreamingCall<Request, Message>
  /** Ends every open stream; infinite ones would hold a graceful shutdown for ever. */
  readonly endStreams: () => void
}

export function guard(fleet: string, log: Logger): Guard {
  const open = new Set<() => void>()
  const refuse = (call: AnyCall, error: grpc.ServiceError): void => {
    log.warn({ peer: call.getPeer(), code: error.metadata.get(faultCodeTrailer)[0], error: error.details }, 'call refused')
  }
  return {
    unary: (work) => (call, callback) => {
      const answer = async (): Promise<void> => {
        try {
          requireCoordinator(call, fleet)
          callback(null, await work(call.request))
        } catch (thrown) {
          const error = serviceError(thrown)
          refuse(call, error)
          callback(error)
        }
      }
      void answer()
    },
    stream: (work) => (call) => {
      const gone = new AbortController()
      const end = (): void => gone.abort()
      const answer = async (): Promise<void> => {
        open.add(end)
        call.on('cancelled', end)
        // A stream without a listener for its error would end the process.
        call.on('error', end)
        try {
          requireCoordinator(call, fleet)
          await work(call, gone.signal)
          call.end()
        } catch (thrown) {
          const error = serviceError(thrown)
          refuse(call, error)
          call.emit('error', error)
        } finally { open.delete(end) }
      }
      void answer()
    },
    endStreams: () => { for (const end of open) end() }
  }
}
