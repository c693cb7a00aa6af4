// Original file: proto/pitstop/v1/agent.proto


export interface Progress {
  'percent'?: (number | string);
  'text'?: (string);
}

export interface Progress__Output {
  'percent': (number);
  'text': (string);
}
