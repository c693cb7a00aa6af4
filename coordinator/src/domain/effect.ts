// What the runbook can ask the engine to do. Data only; the engine's executors carry no policy.
import type { Event } from './event.ts'

export interface WeightChange { readonly node: string, readonly storage: string, readonly to: 'zero' | 'previous' }

export interface OrderRequest {
  readonly id: string
  readonly step: 'stage' | 'upgrade' | 'reboot'
  readonly node: string
  readonly attempt: number
  readonly notBefore: number
  readonly notAfter: number
  readonly manifestHash: string
  readonly bootId: string
}

export type Effect =
  /** Read weights, schedule, pipelines and moves afresh. */
  | { readonly kind: 'observe-gitlab' }
  /** Ask which alerts fire that close a gate. */
  | { readonly kind: 'observe-alerts' }
  | { readonly kind: 'set-schedule', readonly active: boolean, readonly step: 'pause-assigner' | 'resume-assigner' }
  | { readonly kind: 'cancel-pipeline', readonly id: number }
  /** Read what became of the writes whose answers were lost. */
  | { readonly kind: 'settle-writes' }
  | { readonly kind: 'write-weights', readonly changes: readonly WeightChange[] }
  /** `intent` is journaled before the order leaves; empty when re-attaching to an order that is already journaled. */
  | { readonly kind: 'order', readonly order: OrderRequest, readonly intent: readonly Event[] }
  /** Ask the agent what became of an order. */
  | { readonly kind: 'settle-order', readonly node: string, readonly step: OrderRequest['step'], readonly orderId: string }
  | { readonly kind: 'cancel-reboot', readonly node: string, readonly orderId: string, readonly reason: string }
  | { readonly kind: 'look', readonly node: string, readonly orderId: string }
  | { readonly kind: 'final-check', readonly node: string }
  | { readonly kind: 'look-around', readonly nodes: readonly string[] }
  | { readonly kind: 'audit' }

/** A node's keys are made once: what is asked for at every node of every decision should not be a new text each time. */
function keyed(what: string): (node: string) => string {
  const keys = new Map<string, string>()
  return (node) => {
    const key = keys.get(node) ?? `${what} ${node}`
    keys.set(node, key)
    return key
  }
}
export const orderKey = keyed('order')
export const lookKey = keyed('look')
const finalCheckKey = keyed('final-check')

/** Two effects with one key never run at once. All GitLab writes share one key, also with the reading that settles lost ones: one writer, one write at a time. */
export function effectKey(effect: Effect): string {
  switch (effect.kind) {
    case 'settle-writes': case 'set-schedule': case 'cancel-pipeline': case 'write-weights': return 'gitlab-write'
    case 'observe-gitlab': case 'observe-alerts': case 'look-around': case 'audit': return effect.kind
    case 'order': return orderKey(effect.order.node)
    case 'settle-order': case 'cancel-reboot': return orderKey(effect.node)
    case 'look': return lookKey(effect.node)
    case 'final-check': return finalCheckKey(effect.node)
    default: return effect satisfies never
  }
}
