// Original file: proto/pitstop/v1/agent.proto

import type { Order as _pitstop_v1_Order, Order__Output as _pitstop_v1_Order__Output } from '../../pitstop/v1/Order.ts';
import type { Package as _pitstop_v1_Package, Package__Output as _pitstop_v1_Package__Output } from '../../pitstop/v1/Package.ts';

export interface UpgradeRequest {
  'order'?: (_pitstop_v1_Order | null);
  'manifest'?: (_pitstop_v1_Package)[];
}

export interface UpgradeRequest__Output {
  'order': (_pitstop_v1_Order__Output | null);
  'manifest': (_pitstop_v1_Package__Output)[];
}
