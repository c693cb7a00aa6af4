// Original file: proto/pitstop/v1/agent.proto

import type { HealthStatus as _pitstop_v1_HealthStatus, HealthStatus__Output as _pitstop_v1_HealthStatus__Output } from '../../pitstop/v1/HealthStatus.ts';

export interface Evidence {
  'check'?: (string);
  'status'?: (_pitstop_v1_HealthStatus);
  'text'?: (string);
}

export interface Evidence__Output {
  'check': (string);
  'status': (_pitstop_v1_HealthStatus__Output);
  'text': (string);
}
