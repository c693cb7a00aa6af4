// Signing requests: made on the host that keeps the key, read where the authority signs. A request is a claim by a
// stranger: what it says about itself is checked, never copied.
import { Fault } from '@pitstop/shared/fault'
import { type Identity, identityFromAltNames, identityUri, isFleetName, isNodeName } from '@pitstop/shared/identity'
import { keyPair, makeKey, signing } from './key.ts'
import { Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from './x509.ts'

export interface SigningRequest { readonly keyPem: string, readonly requestPem: string }

export interface Claim {
  readonly identity: Identity
  readonly request: Pkcs10CertificateRequest
  /** Names asked for beside the identity's own: not granted, but told. */
  readonly otherNames: readonly string[]
}

/** @param keyPem the key to renew with; a new one is made when absent. @throws Fault INVALID_INPUT for bad names. */
export async function createRequest(identity: Identity, keyPem: string = makeKey()): Promise<SigningRequest> {
  if (!isFleetName(identity.fleet)) throw new Fault('INVALID_INPUT', `"${identity.fleet}" is no fleet name`, { hint: 'use 1 to 63 of a-z, 0-9 and "-"' })
  if (!isNodeName(identity.name)) throw new Fault('INVALID_INPUT', `"${identity.name}" is no host name`, { hint: 'use the lower-case FQDN' })
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [`pitstop ${identity.role}`] }, { O: [identity.fleet] }],
    keys: keyPair(keyPem),
    signingAlgorithm: signing,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'url', value: identityUri(identity) }, { type: 'dns', value: identity.name }])]
  })
  return { keyPem, requestPem: `${request.toString('pem')}\n` }
}

/** @throws Fault INVALID_INPUT when it is no request, its signature is wrong or it names not exactly one identity. */
export async function readRequest(requestPem: string): Promise<Claim> {
  const bad = (text: string): Fault => new Fault('INVALID_INPUT', `The signing request ${text}`, { hint: 'make one on the host: pitstop pki request' })
  let request: Pkcs10CertificateRequest
  try {
    request = new Pkcs10CertificateRequest(requestPem)
  } catch {
    throw bad('cannot be read as PEM')
  }
  if (!await request.verify().catch(() => false)) throw bad('is not signed with its own key')
  const { algorithm } = request.publicKey as { algorithm: { name: string, namedCurve?: string } }
  if (algorithm.name !== 'ECDSA' || algorithm.namedCurve !== 'P-256') throw bad(`has a key of another kind than EC P-256 (${algorithm.name})`)
  const extension = request.extensions.find((each) => each instanceof SubjectAlternativeNameExtension)
  const names = extension?.names.items.map(({ type, value }) => ({ type: type === 'url' ? 'URI' : type.toUpperCase(), value })) ?? []
  const identities = names.filter(({ type, value }) => type === 'URI' && value.startsWith('spiffe://'))
  const identity = identities.length === 1 ? identityFromAltNames(`URI:${identities[0]?.value ?? ''}`) : undefined
  if (identity === undefined) throw bad('names no identity of pitstop, or more than one')
  const own = new Set([`URI:${identityUri(identity)}`, `DNS:${identity.name}`])
  return { identity, request, otherNames: names.map(({ type, value }) => `${type}:${value}`).filter((name) => !own.has(name)) }
}
