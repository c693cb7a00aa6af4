// What pitstop asks of GitLab, in the words of the runbook. The engine knows this interface alone; gitlab.ts
// implements it over HTTP, tests over a stand-in. Every "no" is a Fault with a GITLAB_* code.
import type { Reason } from '@pitstop/shared/fault'

/** 0..100 by storage, as GET lists them. */
export type Weights = Readonly<Record<string, number>>

export interface Schedule {
  readonly active: boolean
  /** Epoch ms. */
  readonly nextRunAt: number | null
  readonly ownerId: number | null
  readonly description: string
}

export interface Pipeline { readonly id: number, readonly status: string, readonly source: string, readonly webUrl: string }

export interface StorageMove { readonly source: string, readonly destination: string, readonly state: string }

export interface GitLab {
  /** Longest time a request may take until it is abandoned; a lost write can land until then plus `landsWithinMs`. */
  readonly requestTimeoutMs: number
  /** False: the fleet has no weight assigner; the calls about it throw NOT_FOUND. */
  readonly hasAssigner: boolean
  readWeights(): Promise<Weights>
  /**
   * Sends the whole hash; every value an integer 0..100. Answers what GitLab says it stored.
   * Refuses before sending: an empty hash, a bad value (INVALID_INPUT), a sum of zero (WEIGHT_FLOOR).
   * GITLAB_TIMEOUT = the write may still land. Never retried by itself.
   */
  writeWeights(weights: Weights): Promise<Weights>
  readSchedule(): Promise<Schedule>
  setScheduleActive(active: boolean): Promise<Schedule>
  /** Every unfinished pipeline of the assigner's project: of the schedule, by hand, or a retried job's. */
  livePipelines(): Promise<readonly Pipeline[]>
  cancelPipeline(id: number): Promise<void>
  /** Unfinished repository moves, from and to; undefined when the configuration gives no source for them. */
  storageMoves(): Promise<readonly StorageMove[] | undefined>
  /**
   * Proof of rights without effect: settings readable as administrator and the token's scope writes, the schedule
   * owned by the token's user or an acting administrator's, no token ends too early. All problems; none = good.
   * @param notExpiringBefore epoch ms.
   */
  checkRights(notExpiringBefore: number): Promise<readonly Reason[]>
  /** Waits for writes in flight, abandons reads. */
  close(): Promise<void>
}
