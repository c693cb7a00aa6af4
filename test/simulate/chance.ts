// All of a run's randomness: one seed, one sequence. The same seed replays the same window, exactly. (mulberry32)
export class Chance {
  #state: number

  constructor(seed: number) {
    // Neighbouring seeds must not begin alike.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
    for (let warmUp = 0; warmUp < 4; warmUp++) this.next()
  }

  /** 0 ≤ x < 1 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  happens(probability: number): boolean { return this.next() < probability }

  /** A whole number from least to most, both included. */
  between(least: number, most: number): number { return least + Math.floor(this.next() * (most - least + 1)) }

  among<T>(choices: readonly T[]): T {
    const choice = choices[Math.floor(this.next() * choices.length)]
    if (choice === undefined) throw new RangeError('nothing to choose from')
    return choice
  }

  /** A sequence of its own, so that what one actor draws does not shift what another does. */
  fork(): Chance { return new Chance(Math.floor(this.next() * 4_294_967_296)) }
}
