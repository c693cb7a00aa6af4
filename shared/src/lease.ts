// Lease arithmetic. A holder counts its deadline from *before* the renewal was sent, on a clock that runs through
// suspend, and starts no effect that could outlive it. Pure: clocks come in as numbers.

export interface HeldLease {
  readonly epoch: number
  /** Monotonic milliseconds until which effects are allowed, counted from before the renewal was sent. */
  readonly deadline: number
}

/** @param sentAt monotonic ms read before the renewal left. @param ttl ms that the store granted. */
export const heldLease = (epoch: number, sentAt: number, ttl: number): HeldLease => ({ epoch, deadline: sentAt + ttl })

/** Each effect needs more lease left than its own deadline. */
export const leaseCovers = (lease: HeldLease, now: number, effectMs: number): boolean => now + effectMs < lease.deadline

/** Renew after a third, so that two tries may fail before the lease ends. */
export const renewalInterval = (ttl: number): number => Math.max(1, Math.floor(ttl / 3))
