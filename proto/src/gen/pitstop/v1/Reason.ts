// Original file: proto/pitstop/v1/order.proto


export interface Reason {
  'code'?: (string);
  'text'?: (string);
  'hint'?: (string);
}

export interface Reason__Output {
  'code': (string);
  'text': (string);
  'hint': (string);
}
