// Original file: proto/pitstop/v1/agent.proto

import type { OrderState as _pitstop_v1_OrderState, OrderState__Output as _pitstop_v1_OrderState__Output } from '../../pitstop/v1/OrderState.ts';

export interface ScheduleRebootResponse {
  'state'?: (_pitstop_v1_OrderState | null);
}

export interface ScheduleRebootResponse__Output {
  'state': (_pitstop_v1_OrderState__Output | null);
}
