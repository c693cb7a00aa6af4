// Original file: proto/gitaly/server.proto


export interface ServerInfoRequest {
}

export interface ServerInfoRequest__Output {
}
