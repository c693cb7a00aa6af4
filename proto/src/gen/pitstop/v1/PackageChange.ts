// Original file: proto/pitstop/v1/order.proto


export interface PackageChange {
  'name'?: (string);
  'from_version'?: (string);
  'to_version'?: (string);
  'origin'?: (string);
  'security'?: (boolean);
}

export interface PackageChange__Output {
  'name': (string);
  'from_version': (string);
  'to_version': (string);
  'origin': (string);
  'security': (boolean);
}
