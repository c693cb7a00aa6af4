// Original file: proto/pitstop/v1/agent.proto

import type { HealthStatus as _pitstop_v1_HealthStatus, HealthStatus__Output as _pitstop_v1_HealthStatus__Output } from '../../pitstop/v1/HealthStatus.ts';
import type { Evidence as _pitstop_v1_Evidence, Evidence__Output as _pitstop_v1_Evidence__Output } from '../../pitstop/v1/Evidence.ts';
import type { Reason as _pitstop_v1_Reason, Reason__Output as _pitstop_v1_Reason__Output } from '../../pitstop/v1/Reason.ts';
import type { Long } from '@grpc/proto-loader';

export interface Verdict {
  'status'?: (_pitstop_v1_HealthStatus);
  'boot_id'?: (string);
  'evidence'?: (_pitstop_v1_Evidence)[];
  'reasons'?: (_pitstop_v1_Reason)[];
  'healthy_for_ms'?: (number | string | Long);
  'gitaly_pid'?: (number | string | Long);
  'gitaly_uptime_s'?: (number | string | Long);
  'serving_since_ms'?: (number | string | Long);
  'boots_since_order'?: (number);
  'booted_at_ms'?: (number | string | Long);
  'gitaly_stop_begun_at_ms'?: (number | string | Long);
}

export interface Verdict__Output {
  'status': (_pitstop_v1_HealthStatus__Output);
  'boot_id': (string);
  'evidence': (_pitstop_v1_Evidence__Output)[];
  'reasons': (_pitstop_v1_Reason__Output)[];
  'healthy_for_ms': (number);
  'gitaly_pid': (number);
  'gitaly_uptime_s': (number);
  'serving_since_ms': (number);
  'boots_since_order': (number);
  'booted_at_ms': (number);
  'gitaly_stop_begun_at_ms': (number);
}
