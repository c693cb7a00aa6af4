// Private keys of pitstop: EC P-256, PKCS #8 in PEM. They are made where they are used and never travel.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type webcrypto } from 'node:crypto'
import { Fault } from '@pitstop/shared/fault'

export const signing = { name: 'ECDSA', hash: 'SHA-256' } as const
const algorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const

export const makeKey = (): string => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })

/** @throws Fault INVALID_INPUT when the text is no EC P-256 key. Its content is never repeated. */
export function keyPair(keyPem: string): webcrypto.CryptoKeyPair {
  try {
    const privateKey = createPrivateKey(keyPem)
    return { privateKey: privateKey.toCryptoKey(algorithm, false, ['sign']), publicKey: createPublicKey(privateKey).toCryptoKey(algorithm, true, ['verify']) }
  } catch {
    throw new Fault('INVALID_INPUT', 'The key file holds no EC P-256 private key in PEM', { hint: 'make one with: pitstop pki init or pitstop pki request' })
  }
}
