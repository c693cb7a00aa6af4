// gRPC errors → faults. What the agent said keeps its own code; what never arrived is AGENT_UNREACHABLE, and whether the
// agent acted is then not known.
import * as grpc from '@grpc/grpc-js'
import { faultCodeTrailer } from '@pitstop/proto'
import { Fault } from '@pitstop/shared/fault'
import { isFaultCode } from '@pitstop/shared/fault-table'

const isServiceError = (error: unknown): error is grpc.ServiceError =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' && 'metadata' in error

export function agentFault(node: string, call: string, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown
  if (!isServiceError(thrown)) return new Fault('AGENT_ANSWER_INVALID', `${call} of ${node}`, { cause: thrown })
  const [told] = thrown.metadata.get(faultCodeTrailer)
  const details = thrown.details === '' ? thrown.message : thrown.details
  if (typeof told === 'string' && isFaultCode(told)) return new Fault(told, `${node}: ${details}`)
  switch (thrown.code) {
    case grpc.status.UNAVAILABLE: return new Fault('AGENT_UNREACHABLE', `the agent of ${node} cannot be reached: ${details}`)
    case grpc.status.DEADLINE_EXCEEDED: return new Fault('AGENT_UNREACHABLE', `the agent of ${node} did not answer ${call} in time`)
    case grpc.status.CANCELLED: return new Fault('AGENT_UNREACHABLE', `${call} of ${node} was cut off`)
    case grpc.status.UNIMPLEMENTED: return new Fault('AGENT_PROTOCOL', `the agent of ${node} does not know ${call}`)
    default: return new Fault('AGENT_ANSWER_INVALID', `${call} of ${node}: ${grpc.status[thrown.code] ?? thrown.code} ${details}`)
  }
}
