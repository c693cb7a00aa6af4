// Gitaly's token check, for every method, health included: "Bearer v2.HMAC-SHA256(secret, time).time", the time at
// most 30 seconds off.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { status, type Metadata, type StatusObject } from '@grpc/grpc-js'

export type Refusal = Pick<StatusObject, 'code' | 'details'>

const allowedSkewSeconds = 30

export function authenticate(secret: string, metadata: Metadata, nowMs: number): Refusal | undefined {
  const text = String(metadata.get('authorization')[0] ?? '')
  const match = /^Bearer v2\.([0-9a-f]{64})\.(\d+)$/i.exec(text)
  if (!/^Bearer ./i.test(text)) return { code: status.UNAUTHENTICATED, details: 'authentication required' }
  const [, given = '', time = ''] = match ?? []
  const expected = createHmac('sha256', secret).update(time).digest('hex')
  const right = match !== null && timingSafeEqual(Buffer.from(given.toLowerCase()), Buffer.from(expected))
  const fresh = Math.abs(nowMs / 1000 - Number(time)) <= allowedSkewSeconds
  return right && fresh ? undefined : { code: status.PERMISSION_DENIED, details: 'permission denied' }
}
