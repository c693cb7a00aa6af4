// Original file: proto/pitstop/v1/agent.proto

import type { Order as _pitstop_v1_Order, Order__Output as _pitstop_v1_Order__Output } from '../../pitstop/v1/Order.ts';
import type { Long } from '@grpc/proto-loader';

export interface ScheduleRebootRequest {
  'order'?: (_pitstop_v1_Order | null);
  'delay_ms'?: (number | string | Long);
  'reason'?: (string);
  'storages'?: (string)[];
}

export interface ScheduleRebootRequest__Output {
  'order': (_pitstop_v1_Order__Output | null);
  'delay_ms': (number);
  'reason': (string);
  'storages': (string)[];
}
