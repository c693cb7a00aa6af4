// A promise of this host to put something back: written down with everything that its payment needs before the change is
// made, so that whoever comes next (the unit's end, a restarted agent, a person) can pay it. Pure: shapes and due-ness.
import { typed } from './typed.ts'

/** What the agent may put back by itself. */
export type ObligationKind = 'timers' | 'package-marks' | 'hook'

export interface Obligation {
  /** Safe as a file name: `<kind>-<order>[-<name>]`. */
  readonly id: string
  readonly kind: ObligationKind
  /** The order that made the change. */
  readonly orderId: string
  /** Reboot order and upgrade order of one plan share it; empty = unknown. */
  readonly planHash: string
  /** Plain words: what will be put back, to what. */
  readonly what: string
  /** Commands that pay it, run one after the other; each may be run again without harm. Absolute or found in the host's path. */
  readonly pay: readonly (readonly [string, ...string[]])[]
  /** Set for each of the commands, beside the fixed environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** How long each command may take. */
  readonly deadlineMs: number
  readonly madeAtMs: number
  /**
   * `order-ended`: as soon as the order has ended, however.
   * `node-done`: when the node is healthy again after the plan's reboot, or the plan's reboot order was refused or taken back.
   */
  readonly payable: 'order-ended' | 'node-done'
  /** Unix ms: paid then, whatever became of the order and the coordinator; later only while that would disturb what still runs. */
  readonly dueAtMs: number
  /** A reboot pays it by itself (runtime masks): void under another boot id. Empty = it outlives a reboot. */
  readonly boundToBoot: string
}

/** What the agent knows when it asks whether a promise may be paid. */
export interface ObligationFacts {
  readonly nowMs: number
  readonly bootId: string
  readonly orderEnded: boolean
  readonly nodeDone: boolean
}

export type ObligationAnswer = 'keep' | 'pay' | 'void'

export function judgeObligation(obligation: Obligation, facts: ObligationFacts): ObligationAnswer {
  if (obligation.boundToBoot !== '' && obligation.boundToBoot !== facts.bootId) return 'void'
  if (facts.nowMs >= obligation.dueAtMs) return 'pay'
  return (obligation.payable === 'order-ended' ? facts.orderEnded : facts.nodeDone) ? 'pay' : 'keep'
}

/** What a person types instead. */
export const byHand = ({ pay, environment }: Obligation): string => pay.map((argv) => typed(argv, environment)).join(' && ')

/** Why the last payment did not succeed, and how many did not. */
export interface FailedPayment {
  readonly atMs: number
  readonly attempts: number
  readonly text: string
  /** Nothing was tried: it has to wait for what the text names. `attempts` are those before. */
  readonly waiting?: true
}

/** Past the due time a payment waits no longer than this for what stands in its way: as long as apt itself may take. */
export const longestWaitMs = 24 * 3_600_000

/** May a payment still wait for what it would disturb? */
export const mayWait = ({ dueAtMs }: Obligation, nowMs: number): boolean => nowMs < dueAtMs + longestWaitMs

/**
 * A later promise to run the same undo pays for an earlier one: paid by itself, the earlier one would put back what the
 * later order still needs. Only for hooks: the others know what they put back to.
 */
export const supersededBy = (obligation: Obligation, unpaid: readonly Obligation[]): Obligation | undefined =>
  obligation.kind !== 'hook' ? undefined
    : unpaid.find((other) => other.kind === 'hook' && other.id !== obligation.id && sameUndo(other, obligation) && laterThan(other, obligation))

const sameUndo = (a: Obligation, b: Obligation): boolean => JSON.stringify(a.pay) === JSON.stringify(b.pay)
const laterThan = (a: Obligation, b: Obligation): boolean => a.madeAtMs > b.madeAtMs || (a.madeAtMs === b.madeAtMs && a.id > b.id)

/** What was done last is put back first. */
export const inReverse = (obligations: readonly Obligation[]): readonly Obligation[] => [...obligations].sort((a, b) => laterThan(a, b) ? -1 : 1)
