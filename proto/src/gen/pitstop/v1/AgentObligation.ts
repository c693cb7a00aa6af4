// Original file: proto/pitstop/v1/agent.proto

import type { Long } from '@grpc/proto-loader';

export interface AgentObligation {
  'id'?: (string);
  'what'?: (string);
  'due_at_ms'?: (number | string | Long);
  'by_hand'?: (string);
  'last_error'?: (string);
}

export interface AgentObligation__Output {
  'id': (string);
  'what': (string);
  'due_at_ms': (number);
  'by_hand': (string);
  'last_error': (string);
}
