// Original file: proto/pitstop/v1/agent.proto

import type { Verdict as _pitstop_v1_Verdict, Verdict__Output as _pitstop_v1_Verdict__Output } from '../../pitstop/v1/Verdict.ts';

export interface HealthResponse {
  'verdict'?: (_pitstop_v1_Verdict | null);
}

export interface HealthResponse__Output {
  'verdict': (_pitstop_v1_Verdict__Output | null);
}
