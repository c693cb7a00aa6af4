// Original file: proto/pitstop/v1/agent.proto

import type { Order as _pitstop_v1_Order, Order__Output as _pitstop_v1_Order__Output } from '../../pitstop/v1/Order.ts';

export interface CancelRebootRequest {
  'order'?: (_pitstop_v1_Order | null);
  'reboot_order_id'?: (string);
  'reason'?: (string);
}

export interface CancelRebootRequest__Output {
  'order': (_pitstop_v1_Order__Output | null);
  'reboot_order_id': (string);
  'reason': (string);
}
