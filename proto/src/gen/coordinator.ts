import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AgentObligation as _pitstop_v1_AgentObligation, AgentObligation__Output as _pitstop_v1_AgentObligation__Output } from './pitstop/v1/AgentObligation.ts';
import type { AgentServiceClient as _pitstop_v1_AgentServiceClient, AgentServiceDefinition as _pitstop_v1_AgentServiceDefinition } from './pitstop/v1/AgentService.ts';
import type { CancelRebootRequest as _pitstop_v1_CancelRebootRequest, CancelRebootRequest__Output as _pitstop_v1_CancelRebootRequest__Output } from './pitstop/v1/CancelRebootRequest.ts';
import type { CancelRebootResponse as _pitstop_v1_CancelRebootResponse, CancelRebootResponse__Output as _pitstop_v1_CancelRebootResponse__Output } from './pitstop/v1/CancelRebootResponse.ts';
import type { CoordinatorServiceClient as _pitstop_v1_CoordinatorServiceClient, CoordinatorServiceDefinition as _pitstop_v1_CoordinatorServiceDefinition } from './pitstop/v1/CoordinatorService.ts';
import type { DescribeRequest as _pitstop_v1_DescribeRequest, DescribeRequest__Output as _pitstop_v1_DescribeRequest__Output } from './pitstop/v1/DescribeRequest.ts';
import type { DescribeResponse as _pitstop_v1_DescribeResponse, DescribeResponse__Output as _pitstop_v1_DescribeResponse__Output } from './pitstop/v1/DescribeResponse.ts';
import type { Evidence as _pitstop_v1_Evidence, Evidence__Output as _pitstop_v1_Evidence__Output } from './pitstop/v1/Evidence.ts';
import type { HealthRequest as _pitstop_v1_HealthRequest, HealthRequest__Output as _pitstop_v1_HealthRequest__Output } from './pitstop/v1/HealthRequest.ts';
import type { HealthResponse as _pitstop_v1_HealthResponse, HealthResponse__Output as _pitstop_v1_HealthResponse__Output } from './pitstop/v1/HealthResponse.ts';
import type { LogLine as _pitstop_v1_LogLine, LogLine__Output as _pitstop_v1_LogLine__Output } from './pitstop/v1/LogLine.ts';
import type { Order as _pitstop_v1_Order, Order__Output as _pitstop_v1_Order__Output } from './pitstop/v1/Order.ts';
import type { OrderState as _pitstop_v1_OrderState, OrderState__Output as _pitstop_v1_OrderState__Output } from './pitstop/v1/OrderState.ts';
import type { Package as _pitstop_v1_Package, Package__Output as _pitstop_v1_Package__Output } from './pitstop/v1/Package.ts';
import type { PackageChange as _pitstop_v1_PackageChange, PackageChange__Output as _pitstop_v1_PackageChange__Output } from './pitstop/v1/PackageChange.ts';
import type { Progress as _pitstop_v1_Progress, Progress__Output as _pitstop_v1_Progress__Output } from './pitstop/v1/Progress.ts';
import type { Reason as _pitstop_v1_Reason, Reason__Output as _pitstop_v1_Reason__Output } from './pitstop/v1/Reason.ts';
import type { ReportReadyRequest as _pitstop_v1_ReportReadyRequest, ReportReadyRequest__Output as _pitstop_v1_ReportReadyRequest__Output } from './pitstop/v1/ReportReadyRequest.ts';
import type { ReportReadyResponse as _pitstop_v1_ReportReadyResponse, ReportReadyResponse__Output as _pitstop_v1_ReportReadyResponse__Output } from './pitstop/v1/ReportReadyResponse.ts';
import type { ScheduleRebootRequest as _pitstop_v1_ScheduleRebootRequest, ScheduleRebootRequest__Output as _pitstop_v1_ScheduleRebootRequest__Output } from './pitstop/v1/ScheduleRebootRequest.ts';
import type { ScheduleRebootResponse as _pitstop_v1_ScheduleRebootResponse, ScheduleRebootResponse__Output as _pitstop_v1_ScheduleRebootResponse__Output } from './pitstop/v1/ScheduleRebootResponse.ts';
import type { ServiceState as _pitstop_v1_ServiceState, ServiceState__Output as _pitstop_v1_ServiceState__Output } from './pitstop/v1/ServiceState.ts';
import type { ServiceStatusRequest as _pitstop_v1_ServiceStatusRequest, ServiceStatusRequest__Output as _pitstop_v1_ServiceStatusRequest__Output } from './pitstop/v1/ServiceStatusRequest.ts';
import type { ServiceStatusResponse as _pitstop_v1_ServiceStatusResponse, ServiceStatusResponse__Output as _pitstop_v1_ServiceStatusResponse__Output } from './pitstop/v1/ServiceStatusResponse.ts';
import type { StageProgress as _pitstop_v1_StageProgress, StageProgress__Output as _pitstop_v1_StageProgress__Output } from './pitstop/v1/StageProgress.ts';
import type { StageRequest as _pitstop_v1_StageRequest, StageRequest__Output as _pitstop_v1_StageRequest__Output } from './pitstop/v1/StageRequest.ts';
import type { StorageState as _pitstop_v1_StorageState, StorageState__Output as _pitstop_v1_StorageState__Output } from './pitstop/v1/StorageState.ts';
import type { TailLogRequest as _pitstop_v1_TailLogRequest, TailLogRequest__Output as _pitstop_v1_TailLogRequest__Output } from './pitstop/v1/TailLogRequest.ts';
import type { TakenOrder as _pitstop_v1_TakenOrder, TakenOrder__Output as _pitstop_v1_TakenOrder__Output } from './pitstop/v1/TakenOrder.ts';
import type { UpgradeProgress as _pitstop_v1_UpgradeProgress, UpgradeProgress__Output as _pitstop_v1_UpgradeProgress__Output } from './pitstop/v1/UpgradeProgress.ts';
import type { UpgradeRequest as _pitstop_v1_UpgradeRequest, UpgradeRequest__Output as _pitstop_v1_UpgradeRequest__Output } from './pitstop/v1/UpgradeRequest.ts';
import type { Verdict as _pitstop_v1_Verdict, Verdict__Output as _pitstop_v1_Verdict__Output } from './pitstop/v1/Verdict.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  pitstop: {
    v1: {
      AgentObligation: MessageTypeDefinition<_pitstop_v1_AgentObligation, _pitstop_v1_AgentObligation__Output>
      AgentService: SubtypeConstructor<typeof grpc.Client, _pitstop_v1_AgentServiceClient> & { service: _pitstop_v1_AgentServiceDefinition }
      CancelRebootRequest: MessageTypeDefinition<_pitstop_v1_CancelRebootRequest, _pitstop_v1_CancelRebootRequest__Output>
      CancelRebootResponse: MessageTypeDefinition<_pitstop_v1_CancelRebootResponse, _pitstop_v1_CancelRebootResponse__Output>
      CancelResult: EnumTypeDefinition
      CoordinatorService: SubtypeConstructor<typeof grpc.Client, _pitstop_v1_CoordinatorServiceClient> & { service: _pitstop_v1_CoordinatorServiceDefinition }
      DescribeRequest: MessageTypeDefinition<_pitstop_v1_DescribeRequest, _pitstop_v1_DescribeRequest__Output>
      DescribeResponse: MessageTypeDefinition<_pitstop_v1_DescribeResponse, _pitstop_v1_DescribeResponse__Output>
      Evidence: MessageTypeDefinition<_pitstop_v1_Evidence, _pitstop_v1_Evidence__Output>
      HealthRequest: MessageTypeDefinition<_pitstop_v1_HealthRequest, _pitstop_v1_HealthRequest__Output>
      HealthResponse: MessageTypeDefinition<_pitstop_v1_HealthResponse, _pitstop_v1_HealthResponse__Output>
      HealthStatus: EnumTypeDefinition
      LogLine: MessageTypeDefinition<_pitstop_v1_LogLine, _pitstop_v1_LogLine__Output>
      LogLineClass: EnumTypeDefinition
      Order: MessageTypeDefinition<_pitstop_v1_Order, _pitstop_v1_Order__Output>
      OrderState: MessageTypeDefinition<_pitstop_v1_OrderState, _pitstop_v1_OrderState__Output>
      OrderStatus: EnumTypeDefinition
      Package: MessageTypeDefinition<_pitstop_v1_Package, _pitstop_v1_Package__Output>
      PackageChange: MessageTypeDefinition<_pitstop_v1_PackageChange, _pitstop_v1_PackageChange__Output>
      Progress: MessageTypeDefinition<_pitstop_v1_Progress, _pitstop_v1_Progress__Output>
      Reason: MessageTypeDefinition<_pitstop_v1_Reason, _pitstop_v1_Reason__Output>
      ReportReadyRequest: MessageTypeDefinition<_pitstop_v1_ReportReadyRequest, _pitstop_v1_ReportReadyRequest__Output>
      ReportReadyResponse: MessageTypeDefinition<_pitstop_v1_ReportReadyResponse, _pitstop_v1_ReportReadyResponse__Output>
      ReportResult: EnumTypeDefinition
      ScheduleRebootRequest: MessageTypeDefinition<_pitstop_v1_ScheduleRebootRequest, _pitstop_v1_ScheduleRebootRequest__Output>
      ScheduleRebootResponse: MessageTypeDefinition<_pitstop_v1_ScheduleRebootResponse, _pitstop_v1_ScheduleRebootResponse__Output>
      ServiceRunState: EnumTypeDefinition
      ServiceState: MessageTypeDefinition<_pitstop_v1_ServiceState, _pitstop_v1_ServiceState__Output>
      ServiceStatusRequest: MessageTypeDefinition<_pitstop_v1_ServiceStatusRequest, _pitstop_v1_ServiceStatusRequest__Output>
      ServiceStatusResponse: MessageTypeDefinition<_pitstop_v1_ServiceStatusResponse, _pitstop_v1_ServiceStatusResponse__Output>
      StageProgress: MessageTypeDefinition<_pitstop_v1_StageProgress, _pitstop_v1_StageProgress__Output>
      StageRequest: MessageTypeDefinition<_pitstop_v1_StageRequest, _pitstop_v1_StageRequest__Output>
      StorageState: MessageTypeDefinition<_pitstop_v1_StorageState, _pitstop_v1_StorageState__Output>
      TailLogRequest: MessageTypeDefinition<_pitstop_v1_TailLogRequest, _pitstop_v1_TailLogRequest__Output>
      TakenOrder: MessageTypeDefinition<_pitstop_v1_TakenOrder, _pitstop_v1_TakenOrder__Output>
      UpgradeProgress: MessageTypeDefinition<_pitstop_v1_UpgradeProgress, _pitstop_v1_UpgradeProgress__Output>
      UpgradeRequest: MessageTypeDefinition<_pitstop_v1_UpgradeRequest, _pitstop_v1_UpgradeRequest__Output>
      Verdict: MessageTypeDefinition<_pitstop_v1_Verdict, _pitstop_v1_Verdict__Output>
    }
  }
}

