// Gitaly's HMAC v2 bearer token: `v2.<hex HMAC-SHA256(secret, time)>.<time>`, valid for 30 s around Gitaly's clock,
// so each call makes its own. The secret is read from its file each time (it may be rotated) and never logged.
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Fault } from '@pitstop/shared/fault'

export function bearerToken(secret: string, nowMs: number): string {
  const time = String(Math.floor(nowMs / 1000))
  return `Bearer v2.${createHmac('sha256', secret).update(time).digest('hex')}.${time}`
}

export function tokenFromFile(file: string, nowMs: number): string {
  let secret: string
  try { secret = readFileSync(file, 'utf8').trim() } catch (error) {
    throw new Fault('SERVICE_UNHEALTHY', `Gitaly's token file ${file} cannot be read`, { cause: error, hint: `check gitaly.token-file and the permissions of ${file}` })
  }
  return bearerToken(secret, nowMs)
}
