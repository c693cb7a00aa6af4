// The authority signs. Everything in the certificate is built anew from the identity that the operator asked for
// and the request claims alike; from the request itself comes the public key and nothing else.
import { Fault } from '@pitstop/shared/fault'
import { formatInstant } from '@pitstop/shared/instant'
import { type Identity, identityUri, type Role } from '@pitstop/shared/identity'
import { fleetOfAuthority, skewMs } from './authority.ts'
import { keyPair, signing } from './key.ts'
import { readRequest } from './request.ts'
import {
  AuthorityKeyIdentifierExtension, BasicConstraintsExtension, ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension,
  SubjectAlternativeNameExtension, SubjectKeyIdentifierExtension, X509Certificate, X509CertificateGenerator
} from './x509.ts'

export interface Issuance {
  readonly certificatePem: string
  readonly identity: Identity
  /** Epoch ms. */
  readonly notAfter: number
  /** What was signed, in lines for a person. */
  readonly summary: readonly string[]
}

const day = 86_400_000

/**
 * @param expected what the operator means to sign; the fleet is the authority's.
 * @param days validity, cut at the authority's own end.
 * @throws Fault WRONG_FLEET, WRONG_ROLE, WRONG_NODE when the request claims something else; CERTIFICATE_INVALID
 * when the authority is over or its key is another's; INVALID_INPUT for an unusable request.
 */
export async function issueCertificate(requestPem: string, authority: { readonly keyPem: string, readonly certificatePem: string }, expected: { readonly role: Role, readonly name: string }, now: number, days = 90): Promise<Issuance> {
  const fleet = fleetOfAuthority(authority.certificatePem)
  const { identity, request, otherNames } = await readRequest(requestPem)
  const claims = `The request is for ${identityUri(identity)}`
  if (identity.fleet !== fleet) throw new Fault('WRONG_FLEET', `${claims}; this authority signs for fleet ${fleet}`)
  if (identity.role !== expected.role) throw new Fault('WRONG_ROLE', `${claims}; you asked for the role ${expected.role}`, { hint: 'check where the request comes from; whoever holds a coordinator\'s certificate commands the fleet' })
  if (identity.name !== expected.name) throw new Fault('WRONG_NODE', `${claims}; you asked for the name ${expected.name}`, { hint: 'check where the request comes from' })
  if (!(days > 0)) throw new Fault('INVALID_INPUT', `A certificate cannot be valid for ${days} days`)

  const ca = new X509Certificate(authority.certificatePem)
  if (ca.notAfter.getTime() <= now) throw new Fault('CERTIFICATE_INVALID', `The authority's certificate ended on ${formatInstant(ca.notAfter.getTime())}`, { hint: 'make a new authority: pitstop pki init' })
  const caKeys = keyPair(authority.keyPem)
  // Signing with another key would give certificates that nobody accepts, noticed on the last host.
  if (!await ca.verify({ publicKey: caKeys.publicKey, signatureOnly: true })) throw new Fault('CERTIFICATE_INVALID', 'The authority\'s key does not belong to its certificate', { hint: 'name the two files that one pitstop pki init wrote' })

  const notAfter = Math.min(now + days * day, ca.notAfter.getTime())
  const certificate = await X509CertificateGenerator.create({
    subject: [{ CN: [`pitstop ${identity.role}`] }, { O: [fleet] }],
    issuer: ca.subjectName,
    publicKey: request.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: signing,
    notBefore: new Date(Math.max(now - skewMs, ca.notBefore.getTime())),
    notAfter: new Date(notAfter),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([{ type: 'url', value: identityUri(identity) }, { type: 'dns', value: identity.name }]),
      await SubjectKeyIdentifierExtension.create(request.publicKey),
      await AuthorityKeyIdentifierExtension.create(ca.publicKey)
    ]
  })
  return {
    certificatePem: `${certificate.toString('pem')}\n`,
    identity,
    notAfter: certificate.notAfter.getTime(),
    summary: [
      `signed   ${identityUri(identity)}`,
      `serial   ${certificate.serialNumber}`,
      `valid    until ${formatInstant(certificate.notAfter.getTime())}${notAfter < now + days * day ? ' (the end of the authority itself)' : ''}`,
      ...(otherNames.length > 0 ? [`left out ${otherNames.join(', ')} (asked for, not granted)`] : [])
    ]
  }
}
