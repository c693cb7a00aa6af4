// Tokens, read at each use so that they can be rotated under a running coordinator. Their values leave this file
// only into the header of a request: never into a log, an error or an event.
import { readFile, stat } from 'node:fs/promises'
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import type { FaultCode } from '@pitstop/shared/fault-table'
import { redact } from '@pitstop/shared/redaction'
import { isDenied, readHint } from '../file-fault.ts'

export type TokenSource = { readonly file: string } | { readonly env: string }

/** For messages: where the token comes from. A token put there by mistake instead of a name is not repeated. */
export const nameOf = (source: TokenSource): string =>
  'file' in source ? `the file ${redact(source.file)}` : `the environment variable ${redact(source.env)}`

/** @param of whose token: for messages, and for the code. @throws Fault GITLAB_TOKEN, or the code given, when it is missing, unreadable or no token. */
export async function readToken(source: TokenSource, of: { readonly code: FaultCode, readonly name: string } = { code: 'GITLAB_TOKEN', name: 'GitLab' }): Promise<string> {
  const text = 'file' in source ? await readTokenFile(source.file, of.code) : process.env[source.env]
  const token = text?.trim() ?? ''
  if (token === '') throw new Fault(of.code, `There is no ${of.name} token in ${nameOf(source)}`, { hint: `put the token into ${nameOf(source)}` })
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Fault(of.code, `What is in ${nameOf(source)} is no token: it has spaces, lines or odd characters`, { hint: 'put the bare token there, nothing else' })
  return token
}

async function readTokenFile(file: string, as: FaultCode): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new Fault(as, `The token file ${redact(file)} cannot be read (${code})`, { hint: isDenied(error) ? readHint(redact(file)) : 'put the token there, readable by the user that runs the coordinator' })
  }
}

/** What is unwise and no obstacle: files that everybody on the host can read. For preflight and the start. */
export async function tokenWarnings(sources: readonly TokenSource[]): Promise<readonly Reason[]> {
  const found: Reason[] = []
  for (const source of sources) {
    if (!('file' in source)) continue
    const mode = await stat(source.file).then((facts) => facts.mode, () => 0)
    if ((mode & 0o004) !== 0) {
      found.push(reason('SECRET_EXPOSED', `The token file ${redact(source.file)} can be read by everybody on this host`, `type: chmod o-rwx ${redact(source.file)}`))
    }
  }
  return found
}
