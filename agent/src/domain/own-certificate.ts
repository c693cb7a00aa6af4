// Is the agent's certificate the one that this configuration needs? Texts of the three files in, every reason out. Pure;
// read with Node's own parser, the one that the TLS server uses.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { type Reason, reason } from '@pitstop/shared/fault'
import { formatDuration } from '@pitstop/shared/duration'
import { type Identity, identityFromAltNames, identityUri } from '@pitstop/shared/identity'

export interface OwnFiles {
  readonly certificate: string
  readonly key: string
  readonly authority: string
}

/** A window wants certificates that outlive its closing by a day; a week leaves time to renew. */
const soonMs = 7 * 86_400_000

/** @param expected by the configuration. */
export function certificateReasons(files: OwnFiles, expected: Identity, nowMs: number): readonly Reason[] {
  const certificate = parsed(files.certificate)
  const authority = parsed(files.authority)
  const issue = `at the authority: pitstop pki issue --role agent --name ${expected.name} …`
  if (certificate === undefined) return [reason('CERTIFICATE_INVALID', 'the certificate\'s file holds no certificate in PEM', issue)]
  if (authority === undefined) return [reason('CERTIFICATE_INVALID', 'the authority\'s file holds no certificate in PEM', 'put the authority.pem of pitstop pki init there')]
  const reasons: Reason[] = []
  const shown = identityFromAltNames(certificate.subjectAltName)
  if (shown === undefined) reasons.push(reason('CERTIFICATE_INVALID', 'the certificate names no pitstop identity', issue))
  else {
    if (shown.fleet !== expected.fleet) reasons.push(reason('WRONG_FLEET', `the certificate is of fleet ${shown.fleet}; the configuration says ${expected.fleet}`, `correct "fleet:", or ${issue}`))
    if (shown.role !== expected.role) reasons.push(reason('WRONG_ROLE', `the certificate is of role ${shown.role}; an agent needs ${expected.role}`, issue))
    if (shown.name !== expected.name) reasons.push(reason('WRONG_NODE', `the certificate is for ${shown.name}; the configuration says ${expected.name}`, `correct "node:", or ${issue}`))
  }
  if (!keyFits(certificate, files.key)) reasons.push(reason('CERTIFICATE_INVALID', 'the private key does not belong to the certificate', 'put the certificate there that was issued for the request of this key'))
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) reasons.push(reason('CERTIFICATE_INVALID', 'the certificate is not signed by the authority in the file beside it', issue))
  for (const [which, each] of [['the certificate', certificate], ['the authority\'s certificate', authority]] as const) {
    const [begins, ends] = [each.validFromDate.getTime(), each.validToDate.getTime()]
    if (nowMs < begins) reasons.push(reason('CERTIFICATE_INVALID', `${which} is valid from ${new Date(begins).toISOString()} on only; here it is ${new Date(nowMs).toISOString()}`, 'check this host\'s clock'))
    else if (nowMs > ends) reasons.push(reason('CERTIFICATE_INVALID', `${which} ended on ${new Date(ends).toISOString()}`, issue))
    else if (ends - nowMs < soonMs) reasons.push(reason('CERTIFICATE_EXPIRES', `${which} ends in ${formatDuration(ends - nowMs)}`, `renew it: ${issue}`))
  }
  return reasons
}

export const certificateText = (files: OwnFiles, { fleet, role, name }: Identity): string =>
  `certificate of ${identityUri({ fleet, role, name })}, until ${parsed(files.certificate)?.validToDate.toISOString() ?? '?'}`

function parsed(pem: string): X509Certificate | undefined {
  try { return new X509Certificate(pem) } catch { return undefined }
}

function keyFits(certificate: X509Certificate, keyPem: string): boolean {
  try { return certificate.checkPrivateKey(createPrivateKey(keyPem)) } catch { return false }
}
