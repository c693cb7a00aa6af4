// Original file: proto/pitstop/v1/agent.proto

export const HealthStatus = {
  HEALTH_STATUS_UNSPECIFIED: 'HEALTH_STATUS_UNSPECIFIED',
  HEALTH_STATUS_HEALTHY: 'HEALTH_STATUS_HEALTHY',
  HEALTH_STATUS_UNHEALTHY: 'HEALTH_STATUS_UNHEALTHY',
  HEALTH_STATUS_UNKNOWN: 'HEALTH_STATUS_UNKNOWN',
} as const;

export type HealthStatus =
  | 'HEALTH_STATUS_UNSPECIFIED'
  | 0
  | 'HEALTH_STATUS_HEALTHY'
  | 1
  | 'HEALTH_STATUS_UNHEALTHY'
  | 2
  | 'HEALTH_STATUS_UNKNOWN'
  | 3

export type HealthStatus__Output = typeof HealthStatus[keyof typeof HealthStatus]
