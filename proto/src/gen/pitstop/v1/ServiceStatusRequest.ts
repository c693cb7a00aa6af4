// Original file: proto/pitstop/v1/agent.proto

import type { Long } from '@grpc/proto-loader';

export interface ServiceStatusRequest {
  'epoch'?: (number | string | Long);
}

export interface ServiceStatusRequest__Output {
  'epoch': (number);
}
