import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { ServerInfoRequest as _gitaly_ServerInfoRequest, ServerInfoRequest__Output as _gitaly_ServerInfoRequest__Output } from './gitaly/ServerInfoRequest.ts';
import type { ServerInfoResponse as _gitaly_ServerInfoResponse, ServerInfoResponse__Output as _gitaly_ServerInfoResponse__Output } from './gitaly/ServerInfoResponse.ts';
import type { ServerServiceClient as _gitaly_ServerServiceClient, ServerServiceDefinition as _gitaly_ServerServiceDefinition } from './gitaly/ServerService.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  gitaly: {
    ServerInfoRequest: MessageTypeDefinition<_gitaly_ServerInfoRequest, _gitaly_ServerInfoRequest__Output>
    ServerInfoResponse: MessageTypeDefinition<_gitaly_ServerInfoResponse, _gitaly_ServerInfoResponse__Output>
    ServerService: SubtypeConstructor<typeof grpc.Client, _gitaly_ServerServiceClient> & { service: _gitaly_ServerServiceDefinition }
  }
}

