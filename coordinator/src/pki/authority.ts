// The authority of one fleet: a self-signed certificate that may sign leaves and nothing below them. Whoever holds
// its key can make a coordinator: keep it off the hosts.
import { isFleetName } from '@pitstop/shared/identity'
import { Fault } from '@pitstop/shared/fault'
import { keyPair, makeKey, signing } from './key.ts'
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, SubjectKeyIdentifierExtension, X509Certificate, X509CertificateGenerator } from './x509.ts'

export interface Authority { readonly keyPem: string, readonly certificatePem: string }

const day = 86_400_000
/** Certificates start a little in the past, for hosts whose clock is behind. */
export const skewMs = 300_000

/** @param now epoch ms. Valid for ten years. */
export async function createAuthority(fleet: string, now: number): Promise<Authority> {
  if (!isFleetName(fleet)) throw new Fault('INVALID_INPUT', `"${fleet}" is no fleet name`, { hint: 'use 1 to 63 of a-z, 0-9 and "-"' })
  const keyPem = makeKey()
  const keys = keyPair(keyPem)
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['pitstop authority'] }, { O: [fleet] }],
    keys,
    signingAlgorithm: signing,
    notBefore: new Date(now - skewMs),
    notAfter: new Date(now + 3650 * day),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  return { keyPem, certificatePem: `${certificate.toString('pem')}\n` }
}

/** The fleet that an authority speaks for. @throws Fault CERTIFICATE_INVALID when it is no authority of pitstop. */
export function fleetOfAuthority(authorityPem: string): string {
  let fleet: string | undefined
  try {
    const certificate = new X509Certificate(authorityPem)
    if (certificate.getExtension(BasicConstraintsExtension)?.ca === true) fleet = certificate.subjectName.getField('O')[0]
  } catch {
    // Said below.
  }
  if (fleet === undefined || !isFleetName(fleet)) throw new Fault('CERTIFICATE_INVALID', 'The authority\'s file holds no certificate of a pitstop authority', { hint: 'name the file that pitstop pki init wrote' })
  return fleet
}
