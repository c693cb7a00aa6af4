// Original file: proto/gitaly/server.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ServerInfoRequest as _gitaly_ServerInfoRequest, ServerInfoRequest__Output as _gitaly_ServerInfoRequest__Output } from '../gitaly/ServerInfoRequest.ts';
import type { ServerInfoResponse as _gitaly_ServerInfoResponse, ServerInfoResponse__Output as _gitaly_ServerInfoResponse__Output } from '../gitaly/ServerInfoResponse.ts';

export interface ServerServiceClient extends grpc.Client {
  ServerInfo(argument: _gitaly_ServerInfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_gitaly_ServerInfoResponse__Output>): grpc.ClientUnaryCall;
  ServerInfo(argument: _gitaly_ServerInfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_gitaly_ServerInfoResponse__Output>): grpc.ClientUnaryCall;
  ServerInfo(argument: _gitaly_ServerInfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_gitaly_ServerInfoResponse__Output>): grpc.ClientUnaryCall;
  ServerInfo(argument: _gitaly_ServerInfoRequest, callback: grpc.requestCallback<_gitaly_ServerInfoResponse__Output>): grpc.ClientUnaryCall;
  serverInfo(argument: _gitaly_ServerInfoRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_gitaly_ServerInfoResponse__Output>): grpc.ClientUnaryCall;
  serverInfo(argument: _gitaly_ServerInfoRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_gitaly_ServerInfoResponse__Output>): grpc.ClientUnaryCall;
  serverInfo(argument: _gitaly_ServerInfoRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_gitaly_ServerInfoResponse__Output>): grpc.ClientUnaryCall;
  serverInfo(argument: _gitaly_ServerInfoRequest, callback: grpc.requestCallback<_gitaly_ServerInfoResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface ServerServiceHandlers extends grpc.UntypedServiceImplementation {
  ServerInfo: grpc.handleUnaryCall<_gitaly_ServerInfoRequest__Output, _gitaly_ServerInfoResponse>;
  
}

export interface ServerServiceDefinition extends grpc.ServiceDefinition {
  ServerInfo: MethodDefinition<_gitaly_ServerInfoRequest, _gitaly_ServerInfoResponse, _gitaly_ServerInfoRequest__Output, _gitaly_ServerInfoResponse__Output>
}
