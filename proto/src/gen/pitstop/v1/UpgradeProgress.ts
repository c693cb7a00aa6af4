// Original file: proto/pitstop/v1/agent.proto

import type { Progress as _pitstop_v1_Progress, Progress__Output as _pitstop_v1_Progress__Output } from '../../pitstop/v1/Progress.ts';
import type { OrderState as _pitstop_v1_OrderState, OrderState__Output as _pitstop_v1_OrderState__Output } from '../../pitstop/v1/OrderState.ts';

export interface UpgradeProgress {
  'progress'?: (_pitstop_v1_Progress | null);
  'outcome'?: (_pitstop_v1_OrderState | null);
  'event'?: "progress"|"outcome";
}

export interface UpgradeProgress__Output {
  'progress'?: (_pitstop_v1_Progress__Output | null);
  'outcome'?: (_pitstop_v1_OrderState__Output | null);
  'event'?: "progress"|"outcome";
}
