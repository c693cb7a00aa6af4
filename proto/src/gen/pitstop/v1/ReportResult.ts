// Original file: proto/pitstop/v1/coordinator.proto

export const ReportResult = {
  REPORT_RESULT_UNSPECIFIED: 'REPORT_RESULT_UNSPECIFIED',
  REPORT_RESULT_ACCEPTED: 'REPORT_RESULT_ACCEPTED',
  REPORT_RESULT_OBSERVED: 'REPORT_RESULT_OBSERVED',
  REPORT_RESULT_OUTDATED: 'REPORT_RESULT_OUTDATED',
} as const;

export type ReportResult =
  | 'REPORT_RESULT_UNSPECIFIED'
  | 0
  | 'REPORT_RESULT_ACCEPTED'
  | 1
  | 'REPORT_RESULT_OBSERVED'
  | 2
  | 'REPORT_RESULT_OUTDATED'
  | 3

export type ReportResult__Output = typeof ReportResult[keyof typeof ReportResult]
