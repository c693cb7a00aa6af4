// The coordinator's own certificate, key and authority as they lie on disk now: asked at a check, at the start and before each window.
import { readFile } from 'node:fs/promises'
import type { Reason } from '@pitstop/shared/fault'
import type { Settings } from '../config.ts'
import { explainCertificate, explainKey } from '../pki/certificate-facts.ts'
import { certificateTextProblem } from './authority-file.ts'
import { unreadable } from './file-fault.ts'

/** Why it does not do. @param until epoch ms that it must outlive. @throws Fault CERTIFICATE_INVALID, PERMISSION_DENIED: a file cannot be read. */
export async function certificateProblems({ file, fleet, address, tls }: Pick<Settings, 'file' | 'fleet' | 'address' | 'tls'>, now: number, until?: number): Promise<readonly Reason[]> {
  const [certificate, key, authority] = await Promise.all([read('tls.certificate', tls.certificate), read('tls.key', tls.key), read('tls.authority', tls.authority)])
  const empty = ([['tls.certificate', tls.certificate, certificate], ['tls.authority', tls.authority, authority]] as const).flatMap(([name, path, text]): Reason[] => {
    const problem = certificateTextProblem(text)
    return problem === undefined ? [] : [{ code: 'CERTIFICATE_INVALID', text: `${name}: ${path} ${problem}`, hint: name === 'tls.certificate' ? howToRenew : `copy the authority's certificate (pitstop pki init made it) to ${path}` }]
  })
  if (empty.length > 0) return empty
  const anew = `to have one of this fleet: ${request(fleet, address)}, then pitstop pki issue; or correct fleet in ${file}`
  const found = explainCertificate(certificate, { fleet, role: 'coordinator', ...until === undefined ? {} : { notExpiringBefore: until } }, authority, now)
  const wrongKey = explainKey(certificate, key)
  return [...found, ...wrongKey === undefined ? [] : [wrongKey]].map((each) => each.code === 'WRONG_FLEET' || each.code === 'WRONG_ROLE' ? { ...each, text: `tls.certificate: ${tls.certificate}: ${each.text}`, hint: anew } : each)
}

const howToRenew = 'make files with: pitstop pki request, pitstop pki issue; or correct tls in the configuration'

const request = (fleet: string, address: string): string => `pitstop pki request --fleet ${fleet} --role coordinator --name ${address.slice(0, address.lastIndexOf(':'))} --reuse-key`

async function read(key: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw unreadable(path, error, { code: 'CERTIFICATE_INVALID', hint: `check ${key} in the configuration; make files with: pitstop pki request, pitstop pki issue` })
  }
}
