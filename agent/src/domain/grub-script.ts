// The part of GRUB's script language that grub.cfg is written in, read into statements: commands, if, function, and the
// blocks of menu entries. Pure. Throws on what it cannot read: a menu half understood would name a wrong kernel.

/** A piece of a word: literal text, or a variable that is put in its place. */
export type Piece = { readonly text: string } | { readonly variable: string }
/** `quoted`: stays a word even when it is empty. */
export interface Word { readonly pieces: readonly Piece[], readonly quoted: boolean }

export type Statement =
  | { readonly kind: 'command', readonly words: readonly Word[], readonly block?: readonly Statement[] }
  | { readonly kind: 'if', readonly branches: readonly Branch[], readonly otherwise: readonly Statement[] }
  /** A function's body is run when it is called; loops are in no generated grub.cfg. */
  | { readonly kind: 'function' | 'loop', readonly body: readonly Statement[] }

export interface Branch {
  /** The last command decides. */
  readonly condition: readonly Statement[]
  readonly body: readonly Statement[]
}

type Token = { readonly mark: ';' | '{' | '}' | 'end' } | { readonly word: Word }

export function parseGrubScript(text: string): readonly Statement[] {
  const tokens = tokenize(text)
  const reader = new Reader(tokens)
  const statements = reader.statementsUntil([])
  reader.expectEnd()
  return statements
}

/** The word as plain text when it has no variables and is not quoted: only then can it be a keyword. */
const keyword = (token: Token | undefined): string | undefined =>
  token !== undefined && 'word' in token && !token.word.quoted && token.word.pieces.every((piece) => 'text' in piece)
    ? token.word.pieces.map((piece) => 'text' in piece ? piece.text : '').join('') : undefined

class Reader {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) { this.#tokens = tokens }

  expectEnd(): void {
    if (this.#at < this.#tokens.length - 1) throw new Error('grub.cfg: a bracket without its beginning')
  }

  /** Stops before one of the keywords, a closing bracket or the end. */
  statementsUntil(keywords: readonly string[]): readonly Statement[] {
    const statements: Statement[] = []
    for (;;) {
      const token = this.#tokens[this.#at]
      if (token === undefined || ('mark' in token && (token.mark === 'end' || token.mark === '}'))) return statements
      if ('mark' in token && token.mark === ';') { this.#at++; continue }
      const word = keyword(token) ?? ''
      if (keywords.includes(word)) return statements
      if (/^(?:then|elif|else|fi|do|done)$/.test(word)) throw new Error(`grub.cfg: ${word} without its beginning`)
      statements.push(this.#statement())
    }
  }

  #statement(): Statement {
    switch (keyword(this.#tokens[this.#at])) {
      case 'if': return this.#if()
      case 'while': case 'until': case 'for': return this.#loop()
      case 'function': {
        this.#at += 2
        return { kind: 'function', body: this.#block() }
      }
      default: return this.#command()
    }
  }

  #command(): Statement {
    const words: Word[] = []
    for (;;) {
      const token = this.#tokens[this.#at]
      if (token !== undefined && 'word' in token) { words.push(token.word); this.#at++; continue }
      if (token?.mark === '{') return { kind: 'command', words, block: this.#block() }
      return { kind: 'command', words }
    }
  }

  #if(): Statement {
    const branches: Branch[] = []
    do {
      this.#at++
      const condition = this.statementsUntil(['then'])
      this.#take('then')
      branches.push({ condition, body: this.statementsUntil(['elif', 'else', 'fi']) })
    } while (keyword(this.#tokens[this.#at]) === 'elif')
    let otherwise: readonly Statement[] = []
    if (keyword(this.#tokens[this.#at]) === 'else') { this.#at++; otherwise = this.statementsUntil(['fi']) }
    this.#take('fi')
    return { kind: 'if', branches, otherwise }
  }

  #loop(): Statement {
    this.#at++
    this.statementsUntil(['do'])
    this.#take('do')
    const body = this.statementsUntil(['done'])
    this.#take('done')
    return { kind: 'loop', body }
  }

  #block(): readonly Statement[] {
    const token = this.#tokens[this.#at]
    if (token === undefined || !('mark' in token) || token.mark !== '{') throw new Error('grub.cfg: a block was expected')
    this.#at++
    const statements = this.statementsUntil([])
    const end = this.#tokens[this.#at]
    if (end === undefined || !('mark' in end) || end.mark !== '}') throw new Error('grub.cfg: a block does not end')
    this.#at++
    return statements
  }

  #take(word: string): void {
    if (keyword(this.#tokens[this.#at]) !== word) throw new Error(`grub.cfg: ${word} is missing`)
    this.#at++
  }
}

const variablePattern = /\$(?:\{([^}]*)\}|([A-Za-z_]\w*|[0-9?#@*]))/y

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  let pieces: Piece[] = []
  let quoted = false
  let literal = ''
  const flush = (): void => {
    if (literal !== '') { pieces.push({ text: literal }); literal = '' }
    if (pieces.length === 0 && !quoted) return
    tokens.push({ word: { pieces, quoted } })
    pieces = []
    quoted = false
  }
  const variableAt = (at: number): number => {
    variablePattern.lastIndex = at
    const match = variablePattern.exec(text)
    if (match === null) return 0
    if (literal !== '') { pieces.push({ text: literal }); literal = '' }
    pieces.push({ variable: match[1] ?? match[2] ?? '' })
    return match[0].length
  }
  for (let at = 0; at < text.length;) {
    const character = text[at] as string
    const begins = literal === '' && pieces.length === 0 && !quoted
    if (character === '\\') {
      // A backslash at the end of a line joins it with the next.
      if (text[at + 1] !== '\n') literal += text[at + 1] ?? ''
      at += 2
    } else if (character === '\'') {
      const end = text.indexOf('\'', at + 1)
      if (end < 0) throw new Error('grub.cfg: a quotation does not end')
      literal += text.slice(at + 1, end)
      quoted = true
      at = end + 1
    } else if (character === '"') {
      quoted = true
      for (at++; text[at] !== '"';) {
        if (at >= text.length) throw new Error('grub.cfg: a quotation does not end')
        const length = text[at] === '$' ? variableAt(at) : 0
        if (length > 0) at += length
        else if (text[at] === '\\' && /["\\$\n]/.test(text[at + 1] ?? '')) { literal += text[at + 1]; at += 2 }
        else literal += text[at++]
      }
      at++
    } else if (character === '$') {
      const length = variableAt(at)
      if (length === 0) literal += character
      at += Math.max(1, length)
    } else if (character === '#' && begins) {
      while (at < text.length && text[at] !== '\n') at++
    } else if (/[ \t\r]/.test(character)) { flush(); at++ }
    else if (character === '\n' || character === ';') { flush(); tokens.push({ mark: ';' }); at++ }
    // Brackets count only as words of their own.
    else if ((character === '{' || character === '}') && begins && /^(?:[\s;]|$)/.test(text.slice(at + 1, at + 2))) { tokens.push({ mark: character }); at++ }
    else { literal += character; at++ }
  }
  flush()
  tokens.push({ mark: 'end' })
  return tokens
}
