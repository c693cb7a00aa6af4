// Original file: proto/pitstop/v1/coordinator.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ReportReadyRequest as _pitstop_v1_ReportReadyRequest, ReportReadyRequest__Output as _pitstop_v1_ReportReadyRequest__Output } from '../../pitstop/v1/ReportReadyRequest.ts';
import type { ReportReadyResponse as _pitstop_v1_ReportReadyResponse, ReportReadyResponse__Output as _pitstop_v1_ReportReadyResponse__Output } from '../../pitstop/v1/ReportReadyResponse.ts';

export interface CoordinatorServiceClient extends grpc.Client {
  ReportReady(argument: _pitstop_v1_ReportReadyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ReportReadyResponse__Output>): grpc.ClientUnaryCall;
  ReportReady(argument: _pitstop_v1_ReportReadyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_ReportReadyResponse__Output>): grpc.ClientUnaryCall;
  ReportReady(argument: _pitstop_v1_ReportReadyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ReportReadyResponse__Output>): grpc.ClientUnaryCall;
  ReportReady(argument: _pitstop_v1_ReportReadyRequest, callback: grpc.requestCallback<_pitstop_v1_ReportReadyResponse__Output>): grpc.ClientUnaryCall;
  reportReady(argument: _pitstop_v1_ReportReadyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ReportReadyResponse__Output>): grpc.ClientUnaryCall;
  reportReady(argument: _pitstop_v1_ReportReadyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_ReportReadyResponse__Output>): grpc.ClientUnaryCall;
  reportReady(argument: _pitstop_v1_ReportReadyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ReportReadyResponse__Output>): grpc.ClientUnaryCall;
  reportReady(argument: _pitstop_v1_ReportReadyRequest, callback: grpc.requestCallback<_pitstop_v1_ReportReadyResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface CoordinatorServiceHandlers extends grpc.UntypedServiceImplementation {
  ReportReady: grpc.handleUnaryCall<_pitstop_v1_ReportReadyRequest__Output, _pitstop_v1_ReportReadyResponse>;
  
}

export interface CoordinatorServiceDefinition extends grpc.ServiceDefinition {
  ReportReady: MethodDefinition<_pitstop_v1_ReportReadyRequest, _pitstop_v1_ReportReadyResponse, _pitstop_v1_ReportReadyRequest__Output, _pitstop_v1_ReportReadyResponse__Output>
}
