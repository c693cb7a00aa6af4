// Original file: proto/pitstop/v1/agent.proto

import type { ServiceState as _pitstop_v1_ServiceState, ServiceState__Output as _pitstop_v1_ServiceState__Output } from '../../pitstop/v1/ServiceState.ts';

export interface ServiceStatusResponse {
  'boot_id'?: (string);
  'services'?: (_pitstop_v1_ServiceState)[];
}

export interface ServiceStatusResponse__Output {
  'boot_id': (string);
  'services': (_pitstop_v1_ServiceState__Output)[];
}
