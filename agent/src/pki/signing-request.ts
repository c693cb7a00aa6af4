// The agent's key and its signing request (PKCS #10, EC P-256), made on the host where the key stays. The same claim as
// `pitstop pki request` makes: the authority reads either. Pure but for the randomness of key and signature.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { Fault } from '@pitstop/shared/fault'
import { type Identity, identityUri } from '@pitstop/shared/identity'
import { bitString, context, objectIdentifier, octetString, sequence, set, smallInteger, utf8String } from './der.ts'

const oid = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  extensionRequest: '1.2.840.113549.1.9.14',
  subjectAltName: '2.5.29.17',
  ecdsaWithSha256: '1.2.840.10045.4.3.2'
} as const

export const makeKey = (): string => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })

/** @throws Fault INVALID_INPUT when the key is no EC P-256 key; its content is never repeated. */
export function signingRequest(identity: Identity, keyPem: string): string {
  const key = privateKey(keyPem)
  const names = sequence(context(6, false, Buffer.from(identityUri(identity))), context(2, false, Buffer.from(identity.name)))
  const extensions = sequence(sequence(objectIdentifier(oid.subjectAltName), octetString(names)))
  const claim = sequence(
    smallInteger(0),
    sequence(attribute(oid.commonName, `pitstop ${identity.role}`), attribute(oid.organization, identity.fleet)),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    context(0, true, sequence(objectIdentifier(oid.extensionRequest), set(extensions)))
  )
  const request = sequence(claim, sequence(objectIdentifier(oid.ecdsaWithSha256)), bitString(sign('sha256', claim, key)))
  return `-----BEGIN CERTIFICATE REQUEST-----\n${request.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`
}

const attribute = (name: string, text: string): Buffer => set(sequence(objectIdentifier(name), utf8String(text)))

function privateKey(pem: string): ReturnType<typeof createPrivateKey> {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  } catch { /* said below */ }
  throw new Fault('INVALID_INPUT', 'the key file holds no EC P-256 private key in PEM', { hint: 'move it away and let a new one be made' })
}
