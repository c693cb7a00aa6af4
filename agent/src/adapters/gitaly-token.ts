// The token that Gitaly asks for, made anew for each call from the secret's file: it may be rotated at any time, and is
// never logged.
import { readFileSync } from 'node:fs'
import { Fault } from '@pitstop/shared/fault'
import { bearerToken, secretIn } from '@pitstop/shared/gitaly-token'

/** @throws Fault GITALY_TOKEN. */
export function tokenFromFile(file: string, nowMs: number): string {
  let text: string
  try { text = readFileSync(file, 'utf8') } catch (error) {
    throw new Fault('GITALY_TOKEN', `Gitaly's token file ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`, { cause: error, hint: `check gitaly.token-file and the permissions of ${file}` })
  }
  const secret = secretIn(text)
  if (secret === undefined) throw new Fault('GITALY_TOKEN', `Gitaly's token file ${file} is empty`)
  return bearerToken(secret, nowMs)
}
