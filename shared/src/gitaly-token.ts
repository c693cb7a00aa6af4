// Gitaly's bearer token, version 2: `v2.<hex HMAC-SHA256(secret, time)>.<time>`, good for 30 s to both sides of Gitaly's
// clock, so every call makes its own. Pure: agent and coordinator read the secret's file themselves, at each call.
import { createHmac } from 'node:crypto'

/** How far the two clocks may be apart. */
export const tokenWindowMs = 30_000

/** The secret in a file's text: editors and echo end a file with a line end, which is no part of it. undefined = none. */
export function secretIn(text: string): string | undefined {
  const secret = text.trim()
  return secret === '' ? undefined : secret
}

export function bearerToken(secret: string, nowMs: number): string {
  const time = String(Math.floor(nowMs / 1000))
  return `Bearer v2.${createHmac('sha256', secret).update(time).digest('hex')}.${time}`
}
