// Original file: proto/pitstop/v1/order.proto

import type { OrderStatus as _pitstop_v1_OrderStatus, OrderStatus__Output as _pitstop_v1_OrderStatus__Output } from '../../pitstop/v1/OrderStatus.ts';
import type { Reason as _pitstop_v1_Reason, Reason__Output as _pitstop_v1_Reason__Output } from '../../pitstop/v1/Reason.ts';
import type { PackageChange as _pitstop_v1_PackageChange, PackageChange__Output as _pitstop_v1_PackageChange__Output } from '../../pitstop/v1/PackageChange.ts';
import type { Long } from '@grpc/proto-loader';

export interface OrderState {
  'id'?: (string);
  'step'?: (string);
  'status'?: (_pitstop_v1_OrderStatus);
  'reasons'?: (_pitstop_v1_Reason)[];
  'accepted_at_ms'?: (number | string | Long);
  'begun_at_ms'?: (number | string | Long);
  'ended_at_ms'?: (number | string | Long);
  'boot_id'?: (string);
  'changes'?: (_pitstop_v1_PackageChange)[];
  'notes'?: (string)[];
  'gitaly_stop_begun_at_ms'?: (number | string | Long);
  'gitaly_stopped_at_ms'?: (number | string | Long);
  'reboot_required'?: (boolean);
}

export interface OrderState__Output {
  'id': (string);
  'step': (string);
  'status': (_pitstop_v1_OrderStatus__Output);
  'reasons': (_pitstop_v1_Reason__Output)[];
  'accepted_at_ms': (number);
  'begun_at_ms': (number);
  'ended_at_ms': (number);
  'boot_id': (string);
  'changes': (_pitstop_v1_PackageChange__Output)[];
  'notes': (string)[];
  'gitaly_stop_begun_at_ms': (number);
  'gitaly_stopped_at_ms': (number);
  'reboot_required': (boolean);
}
