// Original file: proto/pitstop/v1/agent.proto

import type { Long } from '@grpc/proto-loader';

export interface DescribeRequest {
  'epoch'?: (number | string | Long);
  'order_ids'?: (string)[];
  'include_pending_updates'?: (boolean);
  'storages'?: (string)[];
}

export interface DescribeRequest__Output {
  'epoch': (number);
  'order_ids': (string)[];
  'include_pending_updates': (boolean);
  'storages': (string)[];
}
