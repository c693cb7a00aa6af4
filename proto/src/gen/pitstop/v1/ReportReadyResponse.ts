// Original file: proto/pitstop/v1/coordinator.proto

import type { ReportResult as _pitstop_v1_ReportResult, ReportResult__Output as _pitstop_v1_ReportResult__Output } from '../../pitstop/v1/ReportResult.ts';
import type { Long } from '@grpc/proto-loader';

export interface ReportReadyResponse {
  'result'?: (_pitstop_v1_ReportResult);
  'epoch'?: (number | string | Long);
}

export interface ReportReadyResponse__Output {
  'result': (_pitstop_v1_ReportResult__Output);
  'epoch': (number);
}
