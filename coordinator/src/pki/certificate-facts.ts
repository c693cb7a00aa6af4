// What a certificate says and why it is not the expected one, in plain words. Read with Node's own parser, the one
// that the TLS connection uses. Pure: certificates and the time come in as arguments.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import { formatInstant } from '@pitstop/shared/instant'
import { type Identity, identityFromAltNames, identityUri, type Role } from '@pitstop/shared/identity'

export interface CertificateFacts {
  /** Undefined: it speaks for nobody that pitstop knows. */
  readonly identity: Identity | undefined
  /** Epoch ms. */
  readonly notBefore: number
  /** Epoch ms. */
  readonly notAfter: number
  /** One line, "O=fleet, CN=pitstop authority". */
  readonly issuer: string
}

export interface ExpectedCertificate {
  readonly fleet: string
  readonly role: Role
  readonly name?: string
  /** Epoch ms until which it has to last, e.g. closing + 24 h. */
  readonly notExpiringBefore?: number
}

const oneLine = (name: string): string => name.split('\n').reverse().join(', ')

/** The first certificate of the text. @throws Fault CERTIFICATE_INVALID. */
function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new Fault('CERTIFICATE_INVALID', 'The file holds no certificate in PEM')
  }
}

const factsOf = (certificate: X509Certificate): CertificateFacts => ({
  identity: identityFromAltNames(certificate.subjectAltName),
  notBefore: certificate.validFromDate.getTime(),
  notAfter: certificate.validToDate.getTime(),
  issuer: oneLine(certificate.issuer)
})

/** @throws Fault CERTIFICATE_INVALID when the text is no certificate. */
export const certificateFacts = (pem: string): CertificateFacts => factsOf(parse(pem))

const usages = { '1.3.6.1.5.5.7.3.1': 'server', '1.3.6.1.5.5.7.3.2': 'client' } as const

/** Every reason why this certificate does not do; none = it does. @param now epoch ms. */
export function explainCertificate(pem: string, expected: ExpectedCertificate, authorityPem: string, now: number): readonly Reason[] {
  let certificate: X509Certificate
  let authority: X509Certificate
  try {
    certificate = parse(pem)
    authority = parse(authorityPem)
  } catch (thrown) {
    return [thrown instanceof Fault ? thrown.toReason() : reason('CERTIFICATE_INVALID', String(thrown))]
  }
  const { identity, notBefore, notAfter, issuer } = factsOf(certificate)
  const whose = identity === undefined ? `The certificate "${oneLine(certificate.subject)}"` : `The certificate of ${identityUri(identity)}`
  const found: Reason[] = []
  if (identity === undefined) found.push(reason('CERTIFICATE_INVALID', `${whose} names no identity of pitstop, or more than one`))
  else {
    if (identity.fleet !== expected.fleet) found.push(reason('WRONG_FLEET', `${whose} belongs to fleet ${identity.fleet}; this is fleet ${expected.fleet}`))
    if (identity.role !== expected.role) found.push(reason('WRONG_ROLE', `${whose} has the role ${identity.role}; ${expected.role} is needed here`, `show a certificate of the role ${expected.role}`))
    if (expected.name !== undefined && identity.name !== expected.name) found.push(reason('WRONG_NODE', `${whose} speaks for ${identity.name}; ${expected.name} was expected`))
  }
  if (certificate.ca || !certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) {
    found.push(reason('CERTIFICATE_INVALID', `${whose} is not signed by this fleet's authority (its issuer: ${issuer})`))
  }
  const lacking = Object.entries(usages).filter(([oid]) => !(certificate.keyUsage ?? []).includes(oid)).map(([, name]) => name)
  if (lacking.length > 0) found.push(reason('CERTIFICATE_INVALID', `${whose} may not be used as ${lacking.join(' and ')}`))
  if (now < notBefore) found.push(reason('CERTIFICATE_INVALID', `${whose} is valid from ${formatInstant(notBefore)} on only; it is ${formatInstant(now)} here`, 'check the clock of this host'))
  if (now > notAfter) found.push(reason('CERTIFICATE_INVALID', `${whose} expired on ${formatInstant(notAfter)}`))
  else if (expected.notExpiringBefore !== undefined && notAfter < expected.notExpiringBefore) {
    found.push(reason('CERTIFICATE_EXPIRES', `${whose} ends on ${formatInstant(notAfter)}, before ${formatInstant(expected.notExpiringBefore)}`))
  }
  if (now > authority.validToDate.getTime()) found.push(reason('CERTIFICATE_INVALID', `The authority's own certificate expired on ${formatInstant(authority.validToDate.getTime())}`, 'make a new authority: pitstop pki init'))
  return found
}

/** Why a key does not do for a certificate; undefined = it belongs to it. */
export function explainKey(certificatePem: string, keyPem: string): Reason | undefined {
  try {
    if (parse(certificatePem).checkPrivateKey(createPrivateKey(keyPem))) return undefined
  } catch {
    return reason('CERTIFICATE_INVALID', 'The certificate or its key cannot be read')
  }
  return reason('CERTIFICATE_INVALID', 'The private key does not belong to the certificate', 'name the key that the signing request was made with')
}
