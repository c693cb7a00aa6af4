// Original file: proto/pitstop/v1/order.proto


export interface Package {
  'name'?: (string);
  'version'?: (string);
}

export interface Package__Output {
  'name': (string);
  'version': (string);
}
