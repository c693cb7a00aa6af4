// `pitstop pki init|request|issue` on disk. A key is written once, 0600 (0640 for the service's group), and never replaced; everything appears
// whole (temporary file, fsync, then link or rename) or not at all.
import { randomUUID } from 'node:crypto'
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { Fault } from '@pitstop/shared/fault'
import { unreadable, unwritable } from '../adapters/file-fault.ts'
import type { Identity, Role } from '@pitstop/shared/identity'
import { createAuthority } from './authority.ts'
import { type Issuance, issueCertificate } from './issue.ts'
import { createRequest } from './request.ts'

/** @param mayReplace false: an existing file is a Fault INVALID_INPUT, also when it appears meanwhile. @param group the file's, when not the caller's. */
async function writeWhole(path: string, text: string, mode: number, mayReplace: boolean, group?: number): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  let made = false
  try {
    // Nobody else's before it is the group's.
    const file = await open(temporary, 'wx', group === undefined ? mode : 0o600)
    made = true
    try {
      await file.writeFile(text)
      if (group !== undefined) await file.chown(0, group)
      await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    if (mayReplace) await rename(temporary, path)
    else await link(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw alreadyThere(path)
    throw unwritable(path, error)
  } finally {
    if (made) await rm(temporary, { force: true })
  }
}

const alreadyThere = (path: string): Fault =>
  new Fault('INVALID_INPUT', `${path} exists already and is not replaced`, { hint: 'move it away first if you really mean to start anew' })

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw unreadable(path, error, { code: 'INVALID_INPUT', hint: 'check the path' })
  }
}

/** What cannot be looked at is unknown, not absent. */
const isThere = (path: string): Promise<boolean> => stat(path).then(() => true, (error: unknown) => {
  if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
  throw unreadable(path, error, { code: 'INVALID_INPUT', hint: 'check the path' })
})

export interface AuthorityFiles { readonly key: string, readonly certificate: string }

/** Makes the authority of a fleet. @throws Fault INVALID_INPUT when one of the files exists: nothing is written then. */
export async function initAuthority(files: AuthorityFiles, fleet: string, now: number): Promise<void> {
  for (const path of [files.certificate, files.key]) if (await isThere(path)) throw alreadyThere(path)
  const authority = await createAuthority(fleet, now)
  await writeWhole(files.key, authority.keyPem, 0o600, false)
  await writeWhole(files.certificate, authority.certificatePem, 0o644, false)
}

/** Makes key and request on the host. @param reuseKey for a renewal: the existing key signs the new request. @param keyGroup may read a new key. */
export async function requestCertificate(files: { readonly key: string, readonly request: string }, identity: Identity, reuseKey = false, keyGroup?: number): Promise<void> {
  const existing = await isThere(files.key)
  if (existing && !reuseKey) throw new Fault('INVALID_INPUT', `${files.key} exists already and is not replaced`, { hint: 'to renew the certificate with this key add: --reuse-key' })
  const made = await createRequest(identity, existing ? await readText(files.key) : undefined)
  if (!existing) await writeWhole(files.key, made.keyPem, keyGroup === undefined ? 0o600 : 0o640, false, keyGroup)
  await writeWhole(files.request, made.requestPem, 0o644, true)
}

/** Signs a request; an existing certificate is replaced, as a renewal does. @param days validity. */
export async function issueToFile(files: AuthorityFiles & { readonly request: string, readonly output: string }, expected: { readonly role: Role, readonly name: string }, now: number, days?: number): Promise<Issuance> {
  const authority = { keyPem: await readText(files.key), certificatePem: await readText(files.certificate) }
  const issuance = await issueCertificate(await readText(files.request), authority, expected, now, days)
  await writeWhole(files.output, issuance.certificatePem, 0o644, true)
  return issuance
}
