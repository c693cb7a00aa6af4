// The protections of the protocol, each as one replaceable rule. Wherever pitstop decides in a pure function, that
// function itself stands here, so that the model proves what runs; a test replaces one rule and must be shown the disaster.
import { firingReasons, overtaken } from '@pitstop/agent/src/domain/firing.ts'
import { type OrderRequest, rebootReasons, requireEpoch } from '@pitstop/agent/src/domain/order-admission.ts'
import type { OrderFiles } from '@pitstop/agent/src/domain/order-record.ts'
import { type DerivedState, deriveState, type Surroundings } from '@pitstop/agent/src/domain/order-state.ts'
import { type HostFacts, timeVetoes } from '@pitstop/agent/src/domain/veto.ts'
import { LeaseWatch } from '@pitstop/coordinator/engine/lease-watch'
import { absentIsProof } from '@pitstop/coordinator/runbook/order'
import { heldLease, leaseCovers } from '@pitstop/shared/lease'
import { orderId } from '@pitstop/shared/order-id'
import { type HostOrder, type LeaseRow, ttl, type World } from './state.ts'

/** One tick in the milliseconds that pitstop's functions count in: what clocks may differ (5 s) is two ticks. */
export const tickMs = 2500
const clocksDifferMs = 2 * tickMs
/** Not 1970, where 0 would mean "none". */
const epochMs = 1_000_000
export const at = (tick: number): number => epochMs + tick * tickMs

export interface Rules {
  /** The store's own rule, in the transaction of the append. PostgreSQL asks for an unexpired lease too: less is enough here. */
  readonly mayAppend: (lease: LeaseRow, epoch: number) => boolean
  /** False: the epoch is compared first and the row written later. */
  readonly appendLocks: boolean
  /** From when a holder counts its lease. */
  readonly leaseCountsFrom: 'sent' | 'answered'
  readonly guardsEffects: boolean
  /** Whether a row that a standby has seen unchanged since then is taken though it has not ended. */
  readonly isAbandoned: (since: number, now: number) => boolean
  /** A row that was renewed meanwhile is another one. */
  readonly comparesTheRow: boolean
  /** The id of an order that is sent for the n-th time. */
  readonly idOf: (attempt: number, sending: number) => string
  /** Whether a predecessor's unanswered order is settled by itself as "another try". */
  readonly raisesAttemptItself: boolean
  readonly absentIsProof: (now: number, epoch: number, intended: { readonly epoch: number, readonly notAfter: number }) => boolean
  /** From when the answer "never heard of it" is counted. */
  readonly absenceCountsFrom: 'asked' | 'answered'
  readonly persistsBeforeAnswering: boolean
  readonly refusesOlderEpochs: boolean
  readonly rebootReasons: (order: OrderRequest, bootId: string, known: readonly OrderFiles[]) => boolean
  readonly unitReadsEpochAgain: boolean
  readonly unitChecksWhenItFires: boolean
}

export const pitstop: Rules = {
  mayAppend: (lease, epoch) => lease.epoch === epoch,
  appendLocks: true,
  leaseCountsFrom: 'sent',
  guardsEffects: true,
  isAbandoned: (since, now) => {
    const watch = new LeaseWatch()
    watch.saw({ fleet: 'lab', holder: 'a', address: '', api: '', epoch: 1, expiresAt: 0, leftMs: 0, ttlMs: ttl * tickMs }, at(since))
    return watch.isAbandoned(at(now))
  },
  comparesTheRow: true,
  idOf: (attempt) => orderId({ planHash: 'plan', node: 'n1', step: 'reboot', attempt }),
  raisesAttemptItself: false,
  absentIsProof: (now, epoch, intended) => absentIsProof(
    // A coordinator's own clock does not jump here: what is over by it is over.
    { observed: { epoch, ageMs: () => Infinity }, now: at(now) } as unknown as Parameters<typeof absentIsProof>[0],
    { epoch: intended.epoch, intendedAt: 0, facts: { notAfter: at(intended.notAfter) } } as Parameters<typeof absentIsProof>[1]),
  absenceCountsFrom: 'asked',
  persistsBeforeAnswering: true,
  refusesOlderEpochs: true,
  rebootReasons: (order, bootId, known) => rebootReasons(order, bootId, known).length > 0,
  unitReadsEpochAgain: true,
  unitChecksWhenItFires: true
}

export const isStale = (epoch: number, highest: number): boolean => {
  try { requireEpoch(epoch, highest); return false } catch { return true }
}

export const held = (epoch: number, sentAt: number, ttl: number): number => heldLease(epoch, sentAt, ttl).deadline
export const covers = (epoch: number, deadline: number, now: number): boolean => leaseCovers({ epoch, deadline }, now, 0.5)
export const isOvertaken = (epoch: number, highest: number): boolean => overtaken(epoch, highest).length > 0

const healthy: HostFacts = {
  disabled: { value: undefined }, audit: { value: '' }, dpkgLock: { value: undefined }, space: { value: [] }, bootProblems: { value: [] }, comebackProblems: { value: [] },
  bootObstacle: { value: undefined }, downFile: { value: undefined }, shutdown: { value: undefined }, blockers: { value: [] }, hooks: { value: [] }, service: { value: { name: 'gitaly', state: 'run', pid: 1, uptimeS: 9, normallyDown: false, text: 'run' } }
}

const grantOf = ({ epoch, notBefore, notAfter }: HostOrder['grant']) => ({ epoch, notBeforeMs: at(notBefore), notAfterMs: at(notAfter) })

/** The order's files as the agent has them on disk. */
export function filesOf(order: HostOrder, nowMs: number): OrderFiles {
  const outcome = order.outcome === '' ? {} : { outcome: { status: order.outcome, atMs: 0, begunAtMs: 0, reasons: [], changes: [], notes: [], rebootRequired: false } }
  return {
    id: order.id, boots: [], grant: grantOf(order.grant), ...outcome,
    accepted: {
      id: order.id, step: 'reboot', fleet: 'lab', node: 'n1', planHash: 'plan', manifestHash: '', digest: '', bootId: String(order.boot), acceptedAtMs: 0,
      reason: '', notes: [], install: [], simulated: []
    },
    ...order.decision === '' ? {} : { decision: { kind: order.decision, atMs: 0, by: '', reasons: [] } },
    ...order.stopped ? { mark: { stopBegunAtMs: nowMs, stoppedAtMs: nowMs, stopNote: '', rebootRequestedAtMs: 0 } } : {}
  }
}

export const hostMs = ({ now, skew }: World): number => at(now + skew)

export const mayFire = (world: World, order: HostOrder): boolean =>
  firingReasons(filesOf(order, hostMs(world)), { highestEpoch: world.host.epoch, bootId: String(world.host.boot), nowMs: hostMs(world), maximumOffsetMs: clocksDifferMs, host: healthy }).length === 0

export const inTime = (world: World, grant: HostOrder['grant']): boolean => timeVetoes(grantOf(grant), hostMs(world), clocksDifferMs).length === 0

export const derived = (world: World, order: HostOrder): DerivedState => {
  const around: Surroundings = { bootId: String(world.host.boot), nowMs: hostMs(world), unit: order.unit === 'none' ? 'gone' : 'active', busy: false }
  return deriveState(filesOf(order, hostMs(world)), around)
}
