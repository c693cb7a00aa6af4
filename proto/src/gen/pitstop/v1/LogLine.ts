// Original file: proto/pitstop/v1/agent.proto

import type { LogLineClass as _pitstop_v1_LogLineClass, LogLineClass__Output as _pitstop_v1_LogLineClass__Output } from '../../pitstop/v1/LogLineClass.ts';
import type { Long } from '@grpc/proto-loader';

export interface LogLine {
  'text'?: (string);
  'class'?: (_pitstop_v1_LogLineClass);
  'time_ms'?: (number | string | Long);
  'inode'?: (number | string | Long);
  'offset'?: (number | string | Long);
}

export interface LogLine__Output {
  'text': (string);
  'class': (_pitstop_v1_LogLineClass__Output);
  'time_ms': (number);
  'inode': (number);
  'offset': (number);
}
