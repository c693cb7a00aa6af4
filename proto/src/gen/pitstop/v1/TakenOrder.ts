// Original file: proto/pitstop/v1/agent.proto


export interface TakenOrder {
  'id'?: (string);
  'step'?: (string);
  'plan_hash'?: (string);
}

export interface TakenOrder__Output {
  'id': (string);
  'step': (string);
  'plan_hash': (string);
}
