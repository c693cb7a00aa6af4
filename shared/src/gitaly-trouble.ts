// gRPC's words about a Gitaly that does not answer as it should, in words that name the setting to look at. Used by the
// agent inside and by the coordinator outside. Pure; never throws, and never makes an error look like an answer.

export interface GitalyWay {
  /** As configured. */
  readonly address: string
  /** Whom Gitaly's certificate must be for. */
  readonly serverName: string
  /** The file of authorities that its certificate is held against. */
  readonly authority: string
  /** The configuration's keys, for the advice. */
  readonly keys: { readonly authority: string, readonly serverName: string }
}

export interface GitalyTrouble {
  /** refused: Gitaly answers, and does not accept the token. certificate: nobody answered who may be believed. */
  readonly kind: 'refused' | 'certificate' | 'silent'
  readonly text: string
}

/** @param code gRPC status name. */
export function gitalyTrouble(code: string, details: string, { address, serverName, authority, keys }: GitalyWay): GitalyTrouble {
  const said = tidy(details)
  if (code === 'UNAUTHENTICATED' || code === 'PERMISSION_DENIED') return { kind: 'refused', text: `${code}: ${said}` }
  const certificate = (text: string): GitalyTrouble => ({ kind: 'certificate', text })
  if (/altnames|ALTNAME_INVALID/i.test(said)) {
    const names = /cert's (?:altnames|list): (.*?)\.?$/s.exec(said)?.[1] ?? ''
    return certificate(`the certificate shown at ${address} is not for ${serverName}${names === '' ? '' : ` but for ${names}`}: correct the address or ${keys.serverName}`)
  }
  if (/certificate has expired|CERT_HAS_EXPIRED/.test(said)) return certificate(`the certificate shown at ${address} has expired: renew it, or look at this machine's clock`)
  if (/certificate is not yet valid|CERT_NOT_YET_VALID/.test(said)) return certificate(`the certificate shown at ${address} is not valid yet: look at this machine's clock`)
  if (/self[- ]signed certificate|unable to verify the first certificate|unable to get (?:local )?issuer certificate/i.test(said)) {
    return certificate(`the certificate shown at ${address} is of no authority in ${authority}: name the right file in ${keys.authority}`)
  }
  if (/wrong version number|packet length too long/i.test(said)) return certificate(`what listens at ${address} does not speak TLS: is it tcp:// instead?`)
  return { kind: 'silent', text: `${code}: ${said}` }
}

/** Without grpc-js's own bookkeeping. */
const tidy = (details: string): string =>
  details.replace(/^No connection established\. Last error: (?:Error: )?/, '').replace(/\.?\s*Resolution note:.*$/s, '').trim().slice(0, 500)
