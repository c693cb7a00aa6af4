// A file with the authorities to believe: does it hold what it should? Node passes over an authority that is none, and then believes
// nobody without saying why. Reads the file; never repeats what is in it.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Reason, reason } from '@pitstop/shared/fault'
import { unreadable } from './file-fault.ts'

const pemBlock = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^]*?(?:-----END [A-Z0-9 ]*-----|$)/g

/** Why a text holds no certificates; undefined = it holds one or more, and all can be read. */
export function certificateTextProblem(text: string): string | undefined {
  const blocks = text.match(pemBlock) ?? []
  if (blocks.length === 0) return 'holds no certificate in PEM'
  const broken = blocks.findIndex((block) => !isCertificate(block))
  return broken < 0 ? undefined : `holds a certificate that cannot be read${blocks.length === 1 ? '' : ` (number ${broken + 1} of ${blocks.length})`}`
}

/** @param key what names it in the configuration. */
export function authorityProblem(key: string, path: string): Reason | undefined {
  const hint = `put the authority's certificate there in PEM (-----BEGIN CERTIFICATE-----), or correct ${key}`
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message, hint: advice } = unreadable(path, error, { code: 'INVALID_CONFIGURATION', hint })
    return reason(code, `${key}: ${message}`, advice)
  }
  const problem = certificateTextProblem(text)
  return problem === undefined ? undefined : reason('INVALID_CONFIGURATION', `${key}: ${path} ${problem}`, hint)
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}
