// Original file: proto/pitstop/v1/agent.proto

import type { CancelResult as _pitstop_v1_CancelResult, CancelResult__Output as _pitstop_v1_CancelResult__Output } from '../../pitstop/v1/CancelResult.ts';
import type { OrderState as _pitstop_v1_OrderState, OrderState__Output as _pitstop_v1_OrderState__Output } from '../../pitstop/v1/OrderState.ts';

export interface CancelRebootResponse {
  'result'?: (_pitstop_v1_CancelResult);
  'reboot'?: (_pitstop_v1_OrderState | null);
}

export interface CancelRebootResponse__Output {
  'result': (_pitstop_v1_CancelResult__Output);
  'reboot': (_pitstop_v1_OrderState__Output | null);
}
