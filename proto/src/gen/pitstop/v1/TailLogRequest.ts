// Original file: proto/pitstop/v1/agent.proto

import type { Long } from '@grpc/proto-loader';

export interface TailLogRequest {
  'epoch'?: (number | string | Long);
  'since_boot'?: (boolean);
  'since_ms'?: (number | string | Long);
  'follow'?: (boolean);
  'from'?: "since_boot"|"since_ms";
}

export interface TailLogRequest__Output {
  'epoch': (number);
  'since_boot'?: (boolean);
  'since_ms'?: (number);
  'follow': (boolean);
  'from'?: "since_boot"|"since_ms";
}
