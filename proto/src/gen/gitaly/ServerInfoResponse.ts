// Original file: proto/gitaly/server.proto


export interface _gitaly_ServerInfoResponse_StorageStatus {
  'storage_name'?: (string);
  'readable'?: (boolean);
  'writeable'?: (boolean);
  'fs_type'?: (string);
  'filesystem_id'?: (string);
  'replication_factor'?: (number);
}

export interface _gitaly_ServerInfoResponse_StorageStatus__Output {
  'storage_name': (string);
  'readable': (boolean);
  'writeable': (boolean);
  'fs_type': (string);
  'filesystem_id': (string);
  'replication_factor': (number);
}

export interface ServerInfoResponse {
  'server_version'?: (string);
  'git_version'?: (string);
  'storage_statuses'?: (_gitaly_ServerInfoResponse_StorageStatus)[];
}

export interface ServerInfoResponse__Output {
  'server_version': (string);
  'git_version': (string);
  'storage_statuses': (_gitaly_ServerInfoResponse_StorageStatus__Output)[];
}
