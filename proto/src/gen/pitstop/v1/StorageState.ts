// Original file: proto/pitstop/v1/agent.proto


export interface StorageState {
  'name'?: (string);
  'readable'?: (boolean);
  'writeable'?: (boolean);
  'filesystem_id'?: (string);
}

export interface StorageState__Output {
  'name': (string);
  'readable': (boolean);
  'writeable': (boolean);
  'filesystem_id': (string);
}
