// Original file: proto/pitstop/v1/agent.proto

import type { Long } from '@grpc/proto-loader';

export interface HealthRequest {
  'epoch'?: (number | string | Long);
  'storages'?: (string)[];
  'reboot_order_id'?: (string);
  'since_last_start'?: (boolean);
}

export interface HealthRequest__Output {
  'epoch': (number);
  'storages': (string)[];
  'reboot_order_id': (string);
  'since_last_start': (boolean);
}
