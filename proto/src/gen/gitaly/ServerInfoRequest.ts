// Original file: /work/main/proto/gitaly/server.proto


export interface ServerInfoRequest {
}

export interface ServerInfoRequest__Output {
}
