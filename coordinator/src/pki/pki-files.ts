// `pitstop pki init|request|issue` on disk. A key is written once, 0600, and never replaced; everything appears
// whole (temporary file, fsync, then link or rename) or not at all.
import { randomUUID } from 'node:crypto'
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { Fault } from '@pitstop/shared/fault'
import type { Identity, Role } from '@pitstop/shared/identity'
import { createAuthority } from './authority.ts'
import { type Issuance, issueCertificate } from './issue.ts'
import { createRequest } from './request.ts'

/** @param mayReplace false: an existing file is a Fault INVALID_INPUT, also when it appears meanwhile. */
async function writeWhole(path: string, text: string, mode: number, mayReplace: boolean): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(text)
      await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    if (mayReplace) await rename(temporary, path)
    else await link(temporary, path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw alreadyThere(path)
    throw new Fault('INVALID_INPUT', `${path} cannot be written (${code ?? message})`, { hint: 'check that the folder exists and is writable' })
  } finally {
    await rm(temporary, { force: true })
  }
}

const alreadyThere = (path: string): Fault =>
  new Fault('INVALID_INPUT', `${path} exists already and is not replaced`, { hint: 'move it away first if you really mean to start anew' })

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new Fault('INVALID_INPUT', `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`, { hint: 'check the path and its permissions' })
  }
}

const isThere = (path: string): Promise<boolean> => stat(path).then(() => true, () => false)

export interface AuthorityFiles { readonly key: string, readonly certificate: string }

/** Makes the authority of a fleet. @throws Fault INVALID_INPUT when one of the files exists: nothing is written then. */
export async function initAuthority(files: AuthorityFiles, fleet: string, now: number): Promise<void> {
  for (const path of [files.certificate, files.key]) if (await isThere(path)) throw alreadyThere(path)
  const authority = await createAuthority(fleet, now)
  await writeWhole(files.key, authority.keyPem, 0o600, false)
  await writeWhole(files.certificate, authority.certificatePem, 0o644, false)
}

/** Makes key and request on the host. @param reuseKey for a renewal: the existing key signs the new request. */
export async function requestCertificate(files: { readonly key: string, readonly request: string }, identity: Identity, reuseKey = false): Promise<void> {
  const existing = await isThere(files.key)
  if (existing && !reuseKey) throw new Fault('INVALID_INPUT', `${files.key} exists already and is not replaced`, { hint: 'to renew the certificate with this key add: --reuse-key' })
  const made = await createRequest(identity, existing ? await readText(files.key) : undefined)
  if (!existing) await writeWhole(files.key, made.keyPem, 0o600, false)
  await writeWhole(files.request, made.requestPem, 0o644, true)
}

/** Signs a request; an existing certificate is replaced, as a renewal does. @param days validity. */
export async function issueToFile(files: AuthorityFiles & { readonly request: string, readonly output: string }, expected: { readonly role: Role, readonly name: string }, now: number, days?: number): Promise<Issuance> {
  const authority = { keyPem: await readText(files.key), certificatePem: await readText(files.certificate) }
  const issuance = await issueCertificate(await readText(files.request), authority, expected, now, days)
  await writeWhole(files.output, issuance.certificatePem, 0o644, true)
  return issuance
}
