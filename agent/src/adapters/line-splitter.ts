// Bytes in, whole lines out, each with the offset of its first byte. Bounded: of a line without end no more than a head is
// kept and said; the rest is skipped, also over several readings. Used by everything that reads Gitaly's log.

/** Gitaly's own lines are a few kilobytes at most. */
export const longestLine = 64 * 1024
const newline = 10

/** Where a reader goes on. */
export interface LinePosition {
  /** First byte not yet told. */
  readonly offset: number
  /** That byte stands inside a line whose head was told already. */
  readonly inLine?: boolean
}

export class LineSplitter {
  readonly #emit: (text: string, offset: number) => void
  #offset: number
  #skipping: boolean
  /** The unfinished line, in pieces: joining them at each block would cost the square of its length. */
  #half: Buffer[] = []
  #halfBytes = 0

  constructor({ offset, inLine = false }: LinePosition, emit: (text: string, offset: number) => void) {
    this.#offset = offset
    this.#skipping = inLine
    this.#emit = emit
  }

  push(block: Buffer): void {
    let from = 0
    for (let end = block.indexOf(newline); end >= 0; end = block.indexOf(newline, from)) {
      this.#take(block.subarray(from, end), true)
      from = end + 1
    }
    if (from < block.length) this.#take(block.subarray(from), false)
  }

  /** Also while a line is told: the first byte behind it. What is kept of an unfinished line stays behind this position. */
  get position(): LinePosition { return this.#skipping ? { offset: this.#offset, inLine: true } : { offset: this.#offset } }

  /** A last line without an end, once it is certain that none will come. */
  finish(): void {
    if (this.#halfBytes > 0) this.#tell('', 0)
  }

  #take(part: Buffer, ends: boolean): void {
    const terminator = ends ? 1 : 0
    if (this.#skipping) {
      this.#offset += part.length + terminator
      this.#skipping = !ends
      return
    }
    // Whoever reads uses its block again; an unfinished piece is ours to keep.
    this.#half.push(ends ? part : Buffer.from(part))
    this.#halfBytes += part.length
    if (this.#halfBytes > longestLine) {
      this.#skipping = !ends
      this.#tell(' … [the line goes on]', terminator)
    } else if (ends) this.#tell('', terminator)
  }

  #tell(note: string, terminator: number): void {
    const line = this.#half.length === 1 ? this.#half[0] as Buffer : Buffer.concat(this.#half)
    const offset = this.#offset
    this.#offset += this.#halfBytes + terminator
    this.#half = []
    this.#halfBytes = 0
    this.#emit(line.toString('utf8', 0, Math.min(line.length, longestLine)).replace(/\r$/, '') + note, offset)
  }
}
