// Observe mode: what an order would have done is written down instead. Pure: the refusal, and the line that is kept.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { Step } from './veto.ts'

export type Mode = 'act' | 'observe'

/** One line of STATE/observed.jsonl. */
export interface ObservedOrder {
  readonly time: string
  readonly order: string
  readonly step: Step
  readonly would: Would
  /** Why it would have been refused; empty = it would have been carried out. */
  readonly refused: readonly Reason[]
}

export interface Would {
  /** NAME=VERSION */
  readonly download?: readonly string[]
  readonly install?: readonly string[]
  /** Units kept from running meanwhile. */
  readonly mask?: readonly string[]
  /** STAGE/NAME, in their order. */
  readonly hooks?: readonly string[]
  readonly reboot?: boolean
}

export const observedFile = (stateDirectory: string): string => `${stateDirectory}/observed.jsonl`

export const observing = (mode: Mode, stateDirectory: string): readonly Reason[] => mode === 'act' ? []
  : [reason('OBSERVE_MODE', `the agent observes and does nothing; what it would have done is in ${observedFile(stateDirectory)}`)]
