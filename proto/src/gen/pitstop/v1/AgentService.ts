// Original file: proto/pitstop/v1/agent.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CancelRebootRequest as _pitstop_v1_CancelRebootRequest, CancelRebootRequest__Output as _pitstop_v1_CancelRebootRequest__Output } from '../../pitstop/v1/CancelRebootRequest.ts';
import type { CancelRebootResponse as _pitstop_v1_CancelRebootResponse, CancelRebootResponse__Output as _pitstop_v1_CancelRebootResponse__Output } from '../../pitstop/v1/CancelRebootResponse.ts';
import type { DescribeRequest as _pitstop_v1_DescribeRequest, DescribeRequest__Output as _pitstop_v1_DescribeRequest__Output } from '../../pitstop/v1/DescribeRequest.ts';
import type { DescribeResponse as _pitstop_v1_DescribeResponse, DescribeResponse__Output as _pitstop_v1_DescribeResponse__Output } from '../../pitstop/v1/DescribeResponse.ts';
import type { HealthRequest as _pitstop_v1_HealthRequest, HealthRequest__Output as _pitstop_v1_HealthRequest__Output } from '../../pitstop/v1/HealthRequest.ts';
import type { HealthResponse as _pitstop_v1_HealthResponse, HealthResponse__Output as _pitstop_v1_HealthResponse__Output } from '../../pitstop/v1/HealthResponse.ts';
import type { LogLine as _pitstop_v1_LogLine, LogLine__Output as _pitstop_v1_LogLine__Output } from '../../pitstop/v1/LogLine.ts';
import type { ScheduleRebootRequest as _pitstop_v1_ScheduleRebootRequest, ScheduleRebootRequest__Output as _pitstop_v1_ScheduleRebootRequest__Output } from '../../pitstop/v1/ScheduleRebootRequest.ts';
import type { ScheduleRebootResponse as _pitstop_v1_ScheduleRebootResponse, ScheduleRebootResponse__Output as _pitstop_v1_ScheduleRebootResponse__Output } from '../../pitstop/v1/ScheduleRebootResponse.ts';
import type { ServiceStatusRequest as _pitstop_v1_ServiceStatusRequest, ServiceStatusRequest__Output as _pitstop_v1_ServiceStatusRequest__Output } from '../../pitstop/v1/ServiceStatusRequest.ts';
import type { ServiceStatusResponse as _pitstop_v1_ServiceStatusResponse, ServiceStatusResponse__Output as _pitstop_v1_ServiceStatusResponse__Output } from '../../pitstop/v1/ServiceStatusResponse.ts';
import type { StageProgress as _pitstop_v1_StageProgress, StageProgress__Output as _pitstop_v1_StageProgress__Output } from '../../pitstop/v1/StageProgress.ts';
import type { StageRequest as _pitstop_v1_StageRequest, StageRequest__Output as _pitstop_v1_StageRequest__Output } from '../../pitstop/v1/StageRequest.ts';
import type { TailLogRequest as _pitstop_v1_TailLogRequest, TailLogRequest__Output as _pitstop_v1_TailLogRequest__Output } from '../../pitstop/v1/TailLogRequest.ts';
import type { UpgradeProgress as _pitstop_v1_UpgradeProgress, UpgradeProgress__Output as _pitstop_v1_UpgradeProgress__Output } from '../../pitstop/v1/UpgradeProgress.ts';
import type { UpgradeRequest as _pitstop_v1_UpgradeRequest, UpgradeRequest__Output as _pitstop_v1_UpgradeRequest__Output } from '../../pitstop/v1/UpgradeRequest.ts';

export interface AgentServiceClient extends grpc.Client {
  CancelReboot(argument: _pitstop_v1_CancelRebootRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_CancelRebootResponse__Output>): grpc.ClientUnaryCall;
  CancelReboot(argument: _pitstop_v1_CancelRebootRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_CancelRebootResponse__Output>): grpc.ClientUnaryCall;
  CancelReboot(argument: _pitstop_v1_CancelRebootRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_CancelRebootResponse__Output>): grpc.ClientUnaryCall;
  CancelReboot(argument: _pitstop_v1_CancelRebootRequest, callback: grpc.requestCallback<_pitstop_v1_CancelRebootResponse__Output>): grpc.ClientUnaryCall;
  cancelReboot(argument: _pitstop_v1_CancelRebootRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_CancelRebootResponse__Output>): grpc.ClientUnaryCall;
  cancelReboot(argument: _pitstop_v1_CancelRebootRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_CancelRebootResponse__Output>): grpc.ClientUnaryCall;
  cancelReboot(argument: _pitstop_v1_CancelRebootRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_CancelRebootResponse__Output>): grpc.ClientUnaryCall;
  cancelReboot(argument: _pitstop_v1_CancelRebootRequest, callback: grpc.requestCallback<_pitstop_v1_CancelRebootResponse__Output>): grpc.ClientUnaryCall;
  
  Describe(argument: _pitstop_v1_DescribeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_DescribeResponse__Output>): grpc.ClientUnaryCall;
  Describe(argument: _pitstop_v1_DescribeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_DescribeResponse__Output>): grpc.ClientUnaryCall;
  Describe(argument: _pitstop_v1_DescribeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_DescribeResponse__Output>): grpc.ClientUnaryCall;
  Describe(argument: _pitstop_v1_DescribeRequest, callback: grpc.requestCallback<_pitstop_v1_DescribeResponse__Output>): grpc.ClientUnaryCall;
  describe(argument: _pitstop_v1_DescribeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_DescribeResponse__Output>): grpc.ClientUnaryCall;
  describe(argument: _pitstop_v1_DescribeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_DescribeResponse__Output>): grpc.ClientUnaryCall;
  describe(argument: _pitstop_v1_DescribeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_DescribeResponse__Output>): grpc.ClientUnaryCall;
  describe(argument: _pitstop_v1_DescribeRequest, callback: grpc.requestCallback<_pitstop_v1_DescribeResponse__Output>): grpc.ClientUnaryCall;
  
  Health(argument: _pitstop_v1_HealthRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_HealthResponse__Output>): grpc.ClientUnaryCall;
  Health(argument: _pitstop_v1_HealthRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_HealthResponse__Output>): grpc.ClientUnaryCall;
  Health(argument: _pitstop_v1_HealthRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_HealthResponse__Output>): grpc.ClientUnaryCall;
  Health(argument: _pitstop_v1_HealthRequest, callback: grpc.requestCallback<_pitstop_v1_HealthResponse__Output>): grpc.ClientUnaryCall;
  health(argument: _pitstop_v1_HealthRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_HealthResponse__Output>): grpc.ClientUnaryCall;
  health(argument: _pitstop_v1_HealthRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_HealthResponse__Output>): grpc.ClientUnaryCall;
  health(argument: _pitstop_v1_HealthRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_HealthResponse__Output>): grpc.ClientUnaryCall;
  health(argument: _pitstop_v1_HealthRequest, callback: grpc.requestCallback<_pitstop_v1_HealthResponse__Output>): grpc.ClientUnaryCall;
  
  ScheduleReboot(argument: _pitstop_v1_ScheduleRebootRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ScheduleRebootResponse__Output>): grpc.ClientUnaryCall;
  ScheduleReboot(argument: _pitstop_v1_ScheduleRebootRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_ScheduleRebootResponse__Output>): grpc.ClientUnaryCall;
  ScheduleReboot(argument: _pitstop_v1_ScheduleRebootRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ScheduleRebootResponse__Output>): grpc.ClientUnaryCall;
  ScheduleReboot(argument: _pitstop_v1_ScheduleRebootRequest, callback: grpc.requestCallback<_pitstop_v1_ScheduleRebootResponse__Output>): grpc.ClientUnaryCall;
  scheduleReboot(argument: _pitstop_v1_ScheduleRebootRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ScheduleRebootResponse__Output>): grpc.ClientUnaryCall;
  scheduleReboot(argument: _pitstop_v1_ScheduleRebootRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_ScheduleRebootResponse__Output>): grpc.ClientUnaryCall;
  scheduleReboot(argument: _pitstop_v1_ScheduleRebootRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ScheduleRebootResponse__Output>): grpc.ClientUnaryCall;
  scheduleReboot(argument: _pitstop_v1_ScheduleRebootRequest, callback: grpc.requestCallback<_pitstop_v1_ScheduleRebootResponse__Output>): grpc.ClientUnaryCall;
  
  ServiceStatus(argument: _pitstop_v1_ServiceStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ServiceStatusResponse__Output>): grpc.ClientUnaryCall;
  ServiceStatus(argument: _pitstop_v1_ServiceStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_ServiceStatusResponse__Output>): grpc.ClientUnaryCall;
  ServiceStatus(argument: _pitstop_v1_ServiceStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ServiceStatusResponse__Output>): grpc.ClientUnaryCall;
  ServiceStatus(argument: _pitstop_v1_ServiceStatusRequest, callback: grpc.requestCallback<_pitstop_v1_ServiceStatusResponse__Output>): grpc.ClientUnaryCall;
  serviceStatus(argument: _pitstop_v1_ServiceStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ServiceStatusResponse__Output>): grpc.ClientUnaryCall;
  serviceStatus(argument: _pitstop_v1_ServiceStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_pitstop_v1_ServiceStatusResponse__Output>): grpc.ClientUnaryCall;
  serviceStatus(argument: _pitstop_v1_ServiceStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_pitstop_v1_ServiceStatusResponse__Output>): grpc.ClientUnaryCall;
  serviceStatus(argument: _pitstop_v1_ServiceStatusRequest, callback: grpc.requestCallback<_pitstop_v1_ServiceStatusResponse__Output>): grpc.ClientUnaryCall;
  
  Stage(argument: _pitstop_v1_StageRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_StageProgress__Output>;
  Stage(argument: _pitstop_v1_StageRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_StageProgress__Output>;
  stage(argument: _pitstop_v1_StageRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_StageProgress__Output>;
  stage(argument: _pitstop_v1_StageRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_StageProgress__Output>;
  
  TailLog(argument: _pitstop_v1_TailLogRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_LogLine__Output>;
  TailLog(argument: _pitstop_v1_TailLogRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_LogLine__Output>;
  tailLog(argument: _pitstop_v1_TailLogRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_LogLine__Output>;
  tailLog(argument: _pitstop_v1_TailLogRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_LogLine__Output>;
  
  Upgrade(argument: _pitstop_v1_UpgradeRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_UpgradeProgress__Output>;
  Upgrade(argument: _pitstop_v1_UpgradeRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_UpgradeProgress__Output>;
  upgrade(argument: _pitstop_v1_UpgradeRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_UpgradeProgress__Output>;
  upgrade(argument: _pitstop_v1_UpgradeRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_pitstop_v1_UpgradeProgress__Output>;
  
}

export interface AgentServiceHandlers extends grpc.UntypedServiceImplementation {
  CancelReboot: grpc.handleUnaryCall<_pitstop_v1_CancelRebootRequest__Output, _pitstop_v1_CancelRebootResponse>;
  
  Describe: grpc.handleUnaryCall<_pitstop_v1_DescribeRequest__Output, _pitstop_v1_DescribeResponse>;
  
  Health: grpc.handleUnaryCall<_pitstop_v1_HealthRequest__Output, _pitstop_v1_HealthResponse>;
  
  ScheduleReboot: grpc.handleUnaryCall<_pitstop_v1_ScheduleRebootRequest__Output, _pitstop_v1_ScheduleRebootResponse>;
  
  ServiceStatus: grpc.handleUnaryCall<_pitstop_v1_ServiceStatusRequest__Output, _pitstop_v1_ServiceStatusResponse>;
  
  Stage: grpc.handleServerStreamingCall<_pitstop_v1_StageRequest__Output, _pitstop_v1_StageProgress>;
  
  TailLog: grpc.handleServerStreamingCall<_pitstop_v1_TailLogRequest__Output, _pitstop_v1_LogLine>;
  
  Upgrade: grpc.handleServerStreamingCall<_pitstop_v1_UpgradeRequest__Output, _pitstop_v1_UpgradeProgress>;
  
}

export interface AgentServiceDefinition extends grpc.ServiceDefinition {
  CancelReboot: MethodDefinition<_pitstop_v1_CancelRebootRequest, _pitstop_v1_CancelRebootResponse, _pitstop_v1_CancelRebootRequest__Output, _pitstop_v1_CancelRebootResponse__Output>
  Describe: MethodDefinition<_pitstop_v1_DescribeRequest, _pitstop_v1_DescribeResponse, _pitstop_v1_DescribeRequest__Output, _pitstop_v1_DescribeResponse__Output>
  Health: MethodDefinition<_pitstop_v1_HealthRequest, _pitstop_v1_HealthResponse, _pitstop_v1_HealthRequest__Output, _pitstop_v1_HealthResponse__Output>
  ScheduleReboot: MethodDefinition<_pitstop_v1_ScheduleRebootRequest, _pitstop_v1_ScheduleRebootResponse, _pitstop_v1_ScheduleRebootRequest__Output, _pitstop_v1_ScheduleRebootResponse__Output>
  ServiceStatus: MethodDefinition<_pitstop_v1_ServiceStatusRequest, _pitstop_v1_ServiceStatusResponse, _pitstop_v1_ServiceStatusRequest__Output, _pitstop_v1_ServiceStatusResponse__Output>
  Stage: MethodDefinition<_pitstop_v1_StageRequest, _pitstop_v1_StageProgress, _pitstop_v1_StageRequest__Output, _pitstop_v1_StageProgress__Output>
  TailLog: MethodDefinition<_pitstop_v1_TailLogRequest, _pitstop_v1_LogLine, _pitstop_v1_TailLogRequest__Output, _pitstop_v1_LogLine__Output>
  Upgrade: MethodDefinition<_pitstop_v1_UpgradeRequest, _pitstop_v1_UpgradeProgress, _pitstop_v1_UpgradeRequest__Output, _pitstop_v1_UpgradeProgress__Output>
}
