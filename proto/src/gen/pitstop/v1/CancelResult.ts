// Original file: proto/pitstop/v1/agent.proto

export const CancelResult = {
  CANCEL_RESULT_UNSPECIFIED: 'CANCEL_RESULT_UNSPECIFIED',
  CANCEL_RESULT_CANCELLED: 'CANCEL_RESULT_CANCELLED',
  CANCEL_RESULT_TOO_LATE: 'CANCEL_RESULT_TOO_LATE',
  CANCEL_RESULT_NOT_FOUND: 'CANCEL_RESULT_NOT_FOUND',
} as const;

export type CancelResult =
  | 'CANCEL_RESULT_UNSPECIFIED'
  | 0
  | 'CANCEL_RESULT_CANCELLED'
  | 1
  | 'CANCEL_RESULT_TOO_LATE'
  | 2
  | 'CANCEL_RESULT_NOT_FOUND'
  | 3

export type CancelResult__Output = typeof CancelResult[keyof typeof CancelResult]
