// A fleet's authority and certificates in a folder, for tests of who may speak to whom.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { initAuthority, issueToFile, requestCertificate } from '@pitstop/coordinator/pki/pki-files'

export interface Files { readonly certificate: string, readonly key: string, readonly authority: string }

export interface Authority { readonly key: string, readonly certificate: string, readonly fleet: string }

export async function authority(folder: string, name: string, fleet: string): Promise<Authority> {
  mkdirSync(join(folder, name))
  const files = { key: join(folder, name, 'ca.key'), certificate: join(folder, name, 'ca.pem') }
  await initAuthority(files, fleet, Date.now())
  return { ...files, fleet }
}

export async function issue(ca: Authority, role: 'agent' | 'coordinator', name: string, now = Date.now(), days = 90): Promise<Files> {
  const base = `${ca.certificate}-${role}-${name}-${now}`
  await requestCertificate({ key: `${base}.key`, request: `${base}.csr` }, { fleet: ca.fleet, role, name })
  await issueToFile({ ...ca, request: `${base}.csr`, output: `${base}.pem` }, { role, name }, now, days)
  return { certificate: `${base}.pem`, key: `${base}.key`, authority: ca.certificate }
}
