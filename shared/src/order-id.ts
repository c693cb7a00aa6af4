// The id of an order is a function of what it is for, so that a coordinator that lost its memory of having sent
// an order sends the same one again and the agent recognises it.
import { sha256 } from './digest.ts'

export interface OrderKey {
  readonly planHash: string
  readonly node: string
  readonly step: string
  /** Raised by a person's retry alone, never by pitstop. */
  readonly attempt: number
}

/** Short enough for a systemd unit name, long enough never to collide: `<step>-<attempt>-<24 hex>`. */
export const orderId = (key: OrderKey): string =>
  `${key.step}-${key.attempt}-${sha256([key.planHash, key.node, key.step, String(key.attempt)].join('\n')).slice(0, 24)}`

/** About so many orders an agent answers in one call: each is a look at its disk, and perhaps at systemd. */
export const mostOrdersAsked = 1000

/** The attempt that an id carries; undefined when it is none of ours. */
export function attemptOf(id: string): number | undefined {
  const found = /^[a-z-]+-(\d{1,6})-[0-9a-f]{24}$/.exec(id)?.[1]
  return found === undefined ? undefined : Number(found)
}
