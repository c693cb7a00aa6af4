// How Gitaly is reached, in Gitaly's own schemes: `tcp://HOST:PORT` or plain `HOST:PORT`, `tls://HOST:PORT`, `unix:/PATH`.
// One parser for the agent's configuration and the coordinator's inventory. Pure.

export interface GitalyAddress {
  readonly scheme: 'tcp' | 'tls' | 'unix'
  /** As gRPC dials it: host:port or unix:/path. */
  readonly target: string
  /** Whom a certificate must be for, unless another name is configured; empty for a socket. */
  readonly host: string
}

export const gitalyAddressForms = 'must be host:port, tcp://host:port, tls://host:port or unix:/path'

const endpoint = /^(?:(tcp|tls):\/\/)?(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?):(\d{1,5})$/i
const socket = /^unix:(?:\/\/)?(\/[^\0]+)$/

/** undefined = in none of the forms. */
export function parseGitalyAddress(text: string): GitalyAddress | undefined {
  const path = socket.exec(text)?.[1]
  // A second slash would be the network path of a URL; a socket's path is absolute, with one.
  if (path !== undefined) return path.startsWith('//') ? undefined : { scheme: 'unix', target: `unix:${path}`, host: '' }
  const [, scheme = 'tcp', host = '', port = '0'] = endpoint.exec(text) ?? []
  if (host === '' || Number(port) < 1 || Number(port) > 65_535) return undefined
  return { scheme: scheme.toLowerCase() === 'tls' ? 'tls' : 'tcp', target: `${host}:${Number(port)}`, host: host.replace(/^\[|\]$/g, '') }
}
