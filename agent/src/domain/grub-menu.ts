// GRUB's menu as this host would show it at the next boot: grub.cfg carried out against grubenv, without a boot loader.
// Pure. What depends on something that only GRUB knows (platform, hardware) stays marked as such: an entry that may be
// there, a variable without a known value. Used by boot-default.
import { type Branch, parseGrubScript, type Statement, type Word } from './grub-script.ts'

export interface MenuEntry {
  readonly title: string
  readonly id: string
  /** A submenu has entries, an entry has commands. */
  readonly entries?: readonly MenuEntry[]
  readonly body: readonly Statement[]
  /** Whether GRUB shows it cannot be told from here. */
  readonly maybe: boolean
}

export interface GrubMenu {
  readonly entries: readonly MenuEntry[]
  /** undefined = cannot be told. */
  readonly default: string | undefined
}

export interface GrubFiles {
  readonly config: string
  /** grubenv; undefined = no such file. */
  readonly environment: string | undefined
  /** custom.cfg beside grub.cfg; undefined = no such file. */
  readonly custom: string | undefined
}

/** undefined = only GRUB knows. */
type Value = string | undefined
type Variables = Map<string, Value>

/** Set by GRUB itself before the script begins; everything else begins unset. Each GRUB since 2.00 has the features. */
const onlyGrubKnows = ['grub_platform', 'grub_cpu', 'root', 'prefix', 'config_directory', 'config_file', 'cmdpath', '?', 'lang', 'match']

/** @throws Error when the script cannot be read. */
export function grubMenu(files: GrubFiles): GrubMenu {
  const variables: Variables = new Map()
  for (const name of onlyGrubKnows) variables.set(name, undefined)
  const entries: MenuEntry[] = []
  carryOut(parseGrubScript(files.config), { files, variables, entries }, false)
  return { entries, default: variables.has('default') ? variables.get('default') : '0' }
}

/** KEY=value lines of grubenv, behind its signature; padding is '#'. */
export const parseGrubEnvironment = (text: string): ReadonlyMap<string, string> => new Map(text.split('\n').flatMap((line) => {
  const at = line.indexOf('=')
  return line.startsWith('#') || at <= 0 ? [] : [[line.slice(0, at), line.slice(at + 1).replaceAll(/\\(.)/g, '$1')] as const]
}))

interface World {
  readonly files: GrubFiles
  readonly variables: Variables
  readonly entries: MenuEntry[]
}

/** @param maybe whether these statements run is not known. */
function carryOut(statements: readonly Statement[], world: World, maybe: boolean): void {
  for (const statement of statements) {
    if (statement.kind === 'if') chooseBranch(statement, world, maybe)
    else if (statement.kind === 'loop') carryOut(statement.body, world, true)
    else if (statement.kind === 'command') command(statement, world, maybe)
  }
}

function chooseBranch(statement: Statement & { kind: 'if' }, world: World, maybe: boolean): void {
  let unsure = maybe
  for (const branch of statement.branches) {
    const holds = judgeBranch(branch, world)
    if (holds === true) { carryOut(branch.body, world, unsure); return }
    if (holds === undefined) { unsure = true; carryOut(branch.body, world, true) }
  }
  carryOut(statement.otherwise, world, unsure)
}

function command({ words, block }: Statement & { kind: 'command' }, world: World, maybe: boolean): void {
  const { variables, files, entries } = world
  const first = words[0] === undefined ? '' : expand(words[0], variables)
  if (first === undefined) return
  const assignment = first === 'set' ? words[1] === undefined ? '' : literalAssignment(words[1]) : words.length === 1 ? literalAssignment(words[0] as Word) : ''
  if (assignment !== '') {
    const word = (first === 'set' ? words[1] : words[0]) as Word
    variables.set(assignment, maybe ? undefined : expand(word, variables)?.slice(assignment.length + 1))
    return
  }
  switch (first) {
    case 'menuentry': case 'submenu': entries.push(menuEntry(first, words.slice(1), block ?? [], world, maybe)); return
    case 'unset': {
      const name = words[1] === undefined ? undefined : expand(words[1], variables)
      if (name !== undefined) variables.set(name, maybe ? undefined : '')
      return
    }
    case 'load_env':
      // With an argument another file is read.
      for (const [key, value] of parseGrubEnvironment(files.environment ?? '')) variables.set(key, maybe || words.length > 1 ? undefined : value)
      return
    case 'source': case '.': case 'configfile':
      if (literalEnd(words[1]).endsWith('custom.cfg')) carryOut(parseGrubScript(files.custom ?? ''), world, maybe)
      else throw new Error(`grub.cfg: reads another file (${literalEnd(words[1])})`)
      return
    case 'blscfg': throw new Error('grub.cfg: its entries are in files of their own (blscfg)')
    default: // Nothing that changes the menu.
  }
}

function menuEntry(kind: string, words: readonly Word[], block: readonly Statement[], world: World, maybe: boolean): MenuEntry {
  const { variables } = world
  let title: string | undefined
  let id: string | undefined
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as Word
    // $menuentry_id_option is "--id" for each GRUB that knows ids.
    const text = expand(word, new Map([...variables, ['menuentry_id_option', '--id']]))
    if (text === '--id') id = words[++at] === undefined ? undefined : expand(words[at] as Word, variables)
    else if (text === '--class' || text === '--users' || text === '--hotkey') at++
    else if (text?.startsWith('--') !== true) title ??= text
  }
  const inner: World = { ...world, entries: [] }
  if (kind === 'submenu') carryOut(block, inner, false)
  return { title: title ?? '', id: id ?? '', body: block, maybe, ...kind === 'submenu' ? { entries: inner.entries } : {} }
}

/** NAME of a word that begins with NAME=, as only a literal can. */
function literalAssignment(word: Word): string {
  const [first] = word.pieces
  return first !== undefined && 'text' in first ? /^([A-Za-z_]\w*)=/.exec(first.text)?.[1] ?? '' : ''
}

const literalEnd = (word: Word | undefined): string => {
  const last = word?.pieces.at(-1)
  return last !== undefined && 'text' in last ? last.text : ''
}

function expand(word: Word, variables: Variables): Value {
  let text = ''
  for (const piece of word.pieces) {
    if ('text' in piece) { text += piece.text; continue }
    const value = piece.variable.startsWith('feature_') ? 'y' : variables.has(piece.variable) ? variables.get(piece.variable) : ''
    if (value === undefined) return undefined
    text += value
  }
  return text
}

/** undefined = only GRUB can tell. */
function judgeBranch({ condition }: Branch, world: World): boolean | undefined {
  const [only, ...others] = condition
  if (only?.kind !== 'command' || others.length > 0 || literalEnd(only.words[0]) !== '[') return undefined
  return judgeTest(only.words.slice(1, -1), world)
}

function judgeTest(words: readonly Word[], world: World): boolean | undefined {
  for (const [operator, decisive] of [['-o', true], ['-a', false]] as const) {
    const at = words.findIndex((word) => !word.quoted && literalEnd(word) === operator)
    if (at < 0) continue
    const sides = [judgeTest(words.slice(0, at), world), judgeTest(words.slice(at + 1), world)]
    return sides.includes(decisive) ? decisive : sides.includes(undefined) ? undefined : !decisive
  }
  if (words[0] !== undefined && literalEnd(words[0]) === '!') {
    const inner = judgeTest(words.slice(1), world)
    return inner === undefined ? undefined : !inner
  }
  const operator = words.length === 2 ? literalEnd(words[0]) : ''
  if (/^-[sfed]$/.test(operator)) return judgeFile(literalEnd(words[1]), world.files)
  const values = words.map((word) => expand(word, world.variables)).filter((value, index) => value !== '' || words[index]?.quoted === true)
  if (values.includes(undefined)) return undefined
  if (values.length <= 1) return (values[0] ?? '') !== ''
  if (values[0] === '-n' || values[0] === '-z') return ((values[1] ?? '') !== '') === (values[0] === '-n')
  if (values.length === 2) return undefined
  if (values[1] === '=' || values[1] === '==') return values[0] === values[2]
  return values[1] === '!=' ? values[0] !== values[2] : undefined
}

function judgeFile(path: string, files: GrubFiles): boolean | undefined {
  if (path.endsWith('/grubenv')) return (files.environment ?? '') !== ''
  return path.endsWith('/custom.cfg') ? files.custom !== undefined : undefined
}
