// Original file: proto/pitstop/v1/agent.proto

import type { ServiceState as _pitstop_v1_ServiceState, ServiceState__Output as _pitstop_v1_ServiceState__Output } from '../../pitstop/v1/ServiceState.ts';
import type { PackageChange as _pitstop_v1_PackageChange, PackageChange__Output as _pitstop_v1_PackageChange__Output } from '../../pitstop/v1/PackageChange.ts';
import type { OrderState as _pitstop_v1_OrderState, OrderState__Output as _pitstop_v1_OrderState__Output } from '../../pitstop/v1/OrderState.ts';
import type { Reason as _pitstop_v1_Reason, Reason__Output as _pitstop_v1_Reason__Output } from '../../pitstop/v1/Reason.ts';
import type { StorageState as _pitstop_v1_StorageState, StorageState__Output as _pitstop_v1_StorageState__Output } from '../../pitstop/v1/StorageState.ts';
import type { AgentObligation as _pitstop_v1_AgentObligation, AgentObligation__Output as _pitstop_v1_AgentObligation__Output } from '../../pitstop/v1/AgentObligation.ts';
import type { TakenOrder as _pitstop_v1_TakenOrder, TakenOrder__Output as _pitstop_v1_TakenOrder__Output } from '../../pitstop/v1/TakenOrder.ts';
import type { Long } from '@grpc/proto-loader';

export interface DescribeResponse {
  'fleet'?: (string);
  'node'?: (string);
  'agent_version'?: (string);
  'protocol_min'?: (number);
  'protocol_max'?: (number);
  'os_id'?: (string);
  'os_version'?: (string);
  'architecture'?: (string);
  'kernel'?: (string);
  'boot_id'?: (string);
  'uptime_ms'?: (number | string | Long);
  'now_ms'?: (number | string | Long);
  'services'?: (_pitstop_v1_ServiceState)[];
  'pending_updates'?: (_pitstop_v1_PackageChange)[];
  'reboot_required'?: (boolean);
  'reboot_required_because'?: (string)[];
  'current_order'?: (_pitstop_v1_OrderState | null);
  'orders'?: (_pitstop_v1_OrderState)[];
  'highest_epoch'?: (number | string | Long);
  'vetoes'?: (_pitstop_v1_Reason)[];
  'storages'?: (_pitstop_v1_StorageState)[];
  'obligations'?: (_pitstop_v1_AgentObligation)[];
  'gitaly_version'?: (string);
  'requests_in_flight'?: (number | string | Long);
  'certificate_expires_at_ms'?: (number | string | Long);
  'before_reboot_hooks_ms'?: (number | string | Long);
  'latest_order'?: (_pitstop_v1_TakenOrder | null);
}

export interface DescribeResponse__Output {
  'fleet': (string);
  'node': (string);
  'agent_version': (string);
  'protocol_min': (number);
  'protocol_max': (number);
  'os_id': (string);
  'os_version': (string);
  'architecture': (string);
  'kernel': (string);
  'boot_id': (string);
  'uptime_ms': (number);
  'now_ms': (number);
  'services': (_pitstop_v1_ServiceState__Output)[];
  'pending_updates': (_pitstop_v1_PackageChange__Output)[];
  'reboot_required': (boolean);
  'reboot_required_because': (string)[];
  'current_order': (_pitstop_v1_OrderState__Output | null);
  'orders': (_pitstop_v1_OrderState__Output)[];
  'highest_epoch': (number);
  'vetoes': (_pitstop_v1_Reason__Output)[];
  'storages': (_pitstop_v1_StorageState__Output)[];
  'obligations': (_pitstop_v1_AgentObligation__Output)[];
  'gitaly_version': (string);
  'requests_in_flight': (number);
  'certificate_expires_at_ms': (number);
  'before_reboot_hooks_ms': (number);
  'latest_order': (_pitstop_v1_TakenOrder__Output | null);
}
