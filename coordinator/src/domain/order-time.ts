// Until when an order may still begin, whatever became of it. Pure.
import type { StepState } from './state.ts'

/** A host's clock that differs more than this makes every not-after a guess: the final check refuses it. Also what agents allow unless configured otherwise. */
export const clockOffsetMs = 5000

/** Epoch ms, by a host's clock that may be behind; 0 = it had no not-after. */
export const mayBeginUntil = ({ facts }: StepState): number => facts.notAfter === undefined ? 0 : facts.notAfter + clockOffsetMs
