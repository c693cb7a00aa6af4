// Original file: proto/pitstop/v1/agent.proto

import type { ServiceRunState as _pitstop_v1_ServiceRunState, ServiceRunState__Output as _pitstop_v1_ServiceRunState__Output } from '../../pitstop/v1/ServiceRunState.ts';
import type { Long } from '@grpc/proto-loader';

export interface ServiceState {
  'name'?: (string);
  'state'?: (_pitstop_v1_ServiceRunState);
  'pid'?: (number | string | Long);
  'uptime_s'?: (number | string | Long);
  'normally_down'?: (boolean);
  'text'?: (string);
}

export interface ServiceState__Output {
  'name': (string);
  'state': (_pitstop_v1_ServiceRunState__Output);
  'pid': (number);
  'uptime_s': (number);
  'normally_down': (boolean);
  'text': (string);
}
