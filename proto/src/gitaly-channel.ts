// How a channel to Gitaly is made for each of its schemes: plain TCP, TLS held against a file of authorities, a socket.
// Shared by the agent and the coordinator, so that both believe the same certificates. Opens nothing by itself.
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import * as grpc from '@grpc/grpc-js'

/** Debian's ca-certificates; Node's own list is not what this machine's administrator trusts. */
export const systemAuthorities = '/etc/ssl/certs/ca-certificates.crt'

export interface GitalyTarget {
  readonly scheme: 'tcp' | 'tls' | 'unix'
  readonly target: string
  readonly host: string
}

/** @throws what the file system throws when the authorities cannot be read. */
export function gitalyChannel({ scheme, target, host }: GitalyTarget, tls: { readonly authority?: string | undefined, readonly serverName?: string | undefined } = {}): {
  readonly target: string
  readonly credentials: grpc.ChannelCredentials
  readonly options: grpc.ChannelOptions
} {
  if (scheme !== 'tls') return { target, credentials: grpc.credentials.createInsecure(), options: {} }
  const name = tls.serverName ?? host
  const authorities = readFileSync(tls.authority ?? systemAuthorities)
  // OpenSSL skips what is no certificate; then nothing would be trusted and nothing would say why.
  if (!authorities.includes('-----BEGIN CERTIFICATE-----')) throw new Error(`${tls.authority ?? systemAuthorities} holds no certificate`)
  const credentials = grpc.credentials.createSsl(authorities, null, null, { checkServerIdentity: (_shown, certificate) => checkServerIdentity(name, certificate) })
  // An address may not be sent as a TLS server name: whom the certificate is for is checked above in any case.
  const shown = isIP(name) === 0 ? name : 'gitaly'
  return { target, credentials, options: { 'grpc.ssl_target_name_override': shown, 'grpc.default_authority': shown } }
}
