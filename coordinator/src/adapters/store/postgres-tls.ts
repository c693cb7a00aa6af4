// TLS to PostgreSQL: whom we believe and what we show. The files are read at each new connection, so that renewed ones
// need no restart; while one cannot be read, what it last held goes on.
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { Fault } from '@pitstop/shared/fault'
import { unreadable } from '../file-fault.ts'
import type { PostgresTls } from './postgres-address.ts'

/** @throws Fault INVALID_CONFIGURATION, PERMISSION_DENIED: a file cannot be read now, or holds nothing of its kind. */
export function tlsOptions({ mode, authority, certificate, key }: PostgresTls): ConnectionOptions {
  const [ca, cert, secret] = [lasting(authority, 'sslrootcert', 'CERTIFICATE'), lasting(certificate, 'sslcert', 'CERTIFICATE'), lasting(key, 'sslkey', 'PRIVATE KEY')]
  const options: ConnectionOptions = {
    rejectUnauthorized: mode !== 'require',
    // The name is compared by verify-full alone; that is what the other modes leave out.
    ...mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }
  }
  // Defined and not spread: what is spread is read once. The driver reads them anew for each connection.
  for (const [name, get] of Object.entries({ ca, cert, key: secret })) if (get !== undefined) Object.defineProperty(options, name, { get, enumerable: true, configurable: true })
  return options
}

/** Never throws after its first reading: it is called where nobody could catch it. */
function lasting(path: string | undefined, parameter: string, kind: string): (() => string) | undefined {
  if (path === undefined) return undefined
  let last = readPem(path, parameter, kind)
  return () => {
    try {
      last = readPem(path, parameter, kind)
    } catch { /* half-way replaced: the next connection reads it again */ }
    return last
  }
}

function readPem(path: string, parameter: string, kind: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw unreadable(path, error, { code: 'INVALID_CONFIGURATION', hint: `check ${parameter} in store` })
  }
  // Node passes over an authority that is none, and then believes nobody without saying why.
  if (!new RegExp(`-----BEGIN [A-Z ]*${kind}-----`).test(text)) throw new Fault('INVALID_CONFIGURATION', `${path} holds no ${kind.toLowerCase()} in PEM form`, { hint: `check ${parameter} in store` })
  return text
}
