// What is kept of an order on disk, one small file per fact and one writer per file, so that the agent and the order's
// unit never write over each other. Pure: shapes and the checks that a file must pass before it is believed.
import type { Reason } from '@pitstop/shared/fault'
import type { PackageVersion } from './apt-plan.ts'
import type { Step } from './veto.ts'

/** Written once by the agent before anything is done. */
export interface AcceptedOrder {
  readonly id: string
  readonly step: Step
  readonly fleet: string
  readonly node: string
  readonly planHash: string
  readonly manifestHash: string
  /** Digest of what was asked; the same id with another digest is refused. */
  readonly digest: string
  /** Boot under which it was accepted; a reboot order ends exactly this one. */
  readonly bootId: string
  readonly acceptedAtMs: number
  readonly reason: string
  readonly notes: readonly string[]
  /** stage and upgrade: NAME=VERSION for apt. */
  readonly install: readonly PackageVersion[]
  /** upgrade: what the simulation promised, for origins. */
  readonly simulated: readonly Change[]
  readonly reboot?: RebootIntent
}

export interface RebootIntent {
  /** From acceptance until the unit fires. */
  readonly delayMs: number
  /** Storage name to filesystem id as read before the reboot. */
  readonly filesystemIds: Readonly<Record<string, string>>
  readonly storages: readonly string[]
  /** Empty = not known. */
  readonly expectedKernel: string
}

/** The right under which the order stands now: rewritten by the agent when a successor sends the same order again. */
export interface Grant {
  readonly epoch: number
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** Created exclusively: whoever creates it first has decided, for ever. */
export interface Decision {
  readonly kind: 'begun' | 'cancelled'
  readonly atMs: number
  readonly by: string
  readonly reasons: readonly Reason[]
}

/** Reboot: what happened at and after the point of no return. Written by the unit, each time before the next effect. */
export interface StopMark {
  readonly stopBegunAtMs: number
  readonly stoppedAtMs: number
  /** What gitlab-ctl said when the stop was not clean. */
  readonly stopNote: string
  /** Users' requests that Gitaly was working on just before its stop; -1 or absent = not known. */
  readonly requestsInFlight?: number
  /** Who may delay the shutdown; empty = nobody, absent = not known. */
  readonly delayedBy?: readonly string[] | undefined
  /** End of Gitaly's log after the stop; undefined = there was no log. */
  readonly log?: { readonly inode: number, readonly offset: number }
  /** 0 = not asked for yet. */
  readonly rebootRequestedAtMs: number
}

export type FinalStatus = 'succeeded' | 'failed' | 'vetoed' | 'cancelled'

export interface Change {
  readonly name: string
  readonly from: string
  readonly to: string
  readonly origin: string
  readonly security: boolean
}

/** Created exclusively, by the unit or, for what needs no unit, by the agent. */
export interface Outcome {
  readonly status: FinalStatus
  readonly atMs: number
  readonly begunAtMs: number
  readonly reasons: readonly Reason[]
  readonly changes: readonly Change[]
  readonly notes: readonly string[]
  readonly rebootRequired: boolean
}

/**
 * The boot that followed a reboot order was healthy, and what became of the hooks that belong to that moment. Written
 * before they begin and after they end, so that they run once, whatever becomes of the agent.
 */
export interface ReadyMark {
  readonly bootId: string
  readonly atMs: number
  readonly hooks: 'running' | 'passed' | 'failed'
  /** running: who runs them, the agent or a person's command line. Absent: a release that did not tell. */
  readonly by?: { readonly pid: number, readonly started: string }
  /** Those that were started. */
  readonly ran: readonly string[]
  readonly reasons: readonly Reason[]
}

export interface OrderFiles {
  readonly id: string
  readonly accepted?: AcceptedOrder
  readonly grant?: Grant
  readonly decision?: Decision
  readonly mark?: StopMark
  readonly outcome?: Outcome
  readonly ready?: ReadyMark
  /** Boot ids seen since the order was accepted, without the one it was accepted under. */
  readonly boots: readonly string[]
}

/** Safe as a file name and as part of a systemd unit name. Order ids come from the network. */
export const isOrderId = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9_-]{0,119}$/.test(text)

export const unitName = (id: string): string => `pitstop-${id}`

/** `<step>-<attempt>-<hash>`; 0 when the id tells no attempt. */
export const attemptOf = (id: string): number => Number(/-(\d{1,9})-[0-9a-f]+$/.exec(id)?.[1] ?? 0)
