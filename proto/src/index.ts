// The wire: service definitions and message types of pitstop.v1, of the standard health protocol and of the part
// of Gitaly's interface that pitstop asks. Proto enums stop at the callers' edge; nothing here decides.
import * as grpc from '@grpc/grpc-js'
import * as protoLoader from '@grpc/proto-loader'
import descriptors from './descriptors.json' with { type: 'json' }
import type { ProtoGrpcType as AgentTypes } from './gen/agent.ts'
import type { ProtoGrpcType as CoordinatorTypes } from './gen/coordinator.ts'
import type { ProtoGrpcType as HealthTypes } from './gen/health.ts'
import type { ProtoGrpcType as GitalyTypes } from './gen/server.ts'

const definition = protoLoader.fromJSON(descriptors as Parameters<typeof protoLoader.fromJSON>[0], {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true
})
const loaded = grpc.loadPackageDefinition(definition) as unknown as AgentTypes & CoordinatorTypes & HealthTypes & GitalyTypes

/** Client constructor; `.service` is the definition that a server adds. */
export const AgentService = loaded.pitstop.v1.AgentService
export const CoordinatorService = loaded.pitstop.v1.CoordinatorService
export const HealthService = loaded.grpc.health.v1.Health
export const GitalyServerService = loaded.gitaly.ServerService

export { gitalyChannel, systemAuthorities } from './gitaly-channel.ts'
export { type TlsFiles, watchedServerCredentials } from './server-credentials.ts'

/** Protocol versions that this release speaks, both ends included. Told by Describe. */
export const protocolRange = { min: 1, max: 1 } as const

/** Trailer keys of gRPC errors. */
export const faultCodeTrailer = 'pitstop-fault-code'
export const holderTrailer = 'pitstop-holder'

export type { AgentServiceClient, AgentServiceHandlers } from './gen/pitstop/v1/AgentService.ts'
export type { CoordinatorServiceClient, CoordinatorServiceHandlers } from './gen/pitstop/v1/CoordinatorService.ts'
export type { HealthClient } from './gen/grpc/health/v1/Health.ts'
export type { ServerServiceClient as GitalyServerServiceClient } from './gen/gitaly/ServerService.ts'
export type * as wire from './wire.ts'
