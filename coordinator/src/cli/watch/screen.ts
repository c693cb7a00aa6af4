// Redraws some lines in place. Hides the cursor while it lives and gives it back however the process ends.

const hide = '\x1b[?25l'
const show = '\x1b[?25h'

export class Screen {
  #rows = 0
  readonly #write: (text: string) => void
  readonly #restore = (): void => { this.#write(show) }

  constructor(write: (text: string) => void) {
    this.#write = write
    write(hide)
    process.once('exit', this.#restore)
  }

  /** Each line must fit the width: a wrapped one would break the next redraw. */
  draw(lines: readonly string[]): void {
    const up = this.#rows === 0 ? '' : `\x1b[${this.#rows}A\r`
    this.#write(`${up}${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`)
    this.#rows = lines.length
  }

  end(): void {
    process.off('exit', this.#restore)
    this.#write(show)
  }
}
