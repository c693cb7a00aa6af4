// Original file: proto/pitstop/v1/coordinator.proto

import type { Verdict as _pitstop_v1_Verdict, Verdict__Output as _pitstop_v1_Verdict__Output } from '../../pitstop/v1/Verdict.ts';

export interface ReportReadyRequest {
  'fleet'?: (string);
  'node'?: (string);
  'order_id'?: (string);
  'boot_id'?: (string);
  'verdict'?: (_pitstop_v1_Verdict | null);
}

export interface ReportReadyRequest__Output {
  'fleet': (string);
  'node': (string);
  'order_id': (string);
  'boot_id': (string);
  'verdict': (_pitstop_v1_Verdict__Output | null);
}
