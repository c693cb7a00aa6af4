// Growing pauses with full jitter, so that a fleet that comes up together does not knock together. Pure: randomness comes in.

/** @param attempt 0 for the first retry. @param random in [0, 1). */
export function backOff(attempt: number, maximumMs: number, random: number): number {
  const ceiling = Math.min(maximumMs, 100 * 2 ** Math.min(attempt, 20))
  return Math.round(ceiling / 2 + random * ceiling / 2)
}
