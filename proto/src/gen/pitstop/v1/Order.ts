// Original file: proto/pitstop/v1/order.proto

import type { Long } from '@grpc/proto-loader';

export interface Order {
  'id'?: (string);
  'fleet'?: (string);
  'node'?: (string);
  'plan_hash'?: (string);
  'manifest_hash'?: (string);
  'epoch'?: (number | string | Long);
  'not_before_ms'?: (number | string | Long);
  'not_after_ms'?: (number | string | Long);
  'boot_id'?: (string);
}

export interface Order__Output {
  'id': (string);
  'fleet': (string);
  'node': (string);
  'plan_hash': (string);
  'manifest_hash': (string);
  'epoch': (number);
  'not_before_ms': (number);
  'not_after_ms': (number);
  'boot_id': (string);
}
