// Which menu entry GRUB boots when nobody touches the keyboard, and which kernel that is. Pure. Follows GRUB's own
// rules (normal/menu.c): a number or a title or an id at each level, '>' between levels, entry 0 when there is no such one.
import { grubMenu, type GrubFiles, type MenuEntry } from './grub-menu.ts'
import type { Statement } from './grub-script.ts'

/** Paths as GRUB sees them: relative to the file system that it reads them from. */
export interface BootEntry {
  readonly title: string
  readonly linux: string
  readonly initrds: readonly string[]
}

/** @returns the entry, or why it cannot be told. */
export function defaultEntry(files: GrubFiles): BootEntry | { readonly unknown: string } {
  try {
    const menu = grubMenu(files)
    if (menu.default === undefined) return { unknown: 'grub.cfg decides its default while it boots' }
    const chosen = choose(menu.entries, menu.default)
    return 'unknown' in chosen ? chosen : bootEntry(chosen)
  } catch (error) {
    return { unknown: error instanceof Error ? error.message : String(error) }
  }
}

/** Every kernel that some entry of the menu names, whatever its conditions. */
export const kernelsIn = (config: string): readonly string[] =>
  [...new Set([...config.matchAll(/(?:^|[{;])\s*linux(?:16|efi)?\s+(\S+)/gm)].map(([, path]) => path ?? ''))]

function choose(entries: readonly MenuEntry[], wanted: string): MenuEntry | { readonly unknown: string } {
  const { first, rest } = splitLevels(wanted)
  const number = leadingNumber(first)
  const isNamed = ({ title, id }: MenuEntry): boolean => first !== '' && (title === first || id === first)
  const index = number >= 0 ? number : entries.findIndex(isNamed)
  const chosen = entries[index] ?? entries[0]
  if (chosen === undefined) return { unknown: 'grub.cfg has no menu entry' }
  // Entries that may or may not be there shift the numbers of those behind them.
  const depends = entries[index] === undefined || number >= 0 ? entries.slice(0, entries.indexOf(chosen) + 1) : entries.filter(isNamed)
  if (depends.some(({ maybe }) => maybe)) return { unknown: `whether GRUB shows the menu entry ${depends.find(({ maybe }) => maybe)?.title ?? ''} cannot be told` }
  return chosen.entries === undefined ? chosen : choose(chosen.entries, rest)
}

/** As strtoul with base 0: "1x" is 1, and so a title that begins with a digit is never found. -1 = no number. */
function leadingNumber(text: string): number {
  const [, hexadecimal, octal, decimal] = /^(?:0x([\da-f]+)|(0[0-7]*)|([1-9]\d*))/i.exec(text) ?? []
  if (hexadecimal !== undefined) return Number.parseInt(hexadecimal, 16)
  return octal === undefined ? Number(decimal ?? -1) : Number.parseInt(octal, 8)
}

/** "A>B>C": A, and B>C for the submenu; ">>" is a '>' of the title itself. */
function splitLevels(wanted: string): { readonly first: string, readonly rest: string } {
  const [, first = '', rest = ''] = /^((?:[^>]|>>)*)(?:>(.*))?$/s.exec(wanted) ?? []
  return { first: first.replaceAll('>>', '>'), rest }
}

function bootEntry({ title, body }: MenuEntry): BootEntry | { readonly unknown: string } {
  const linux = new Set<string>()
  const initrds = new Set<string>()
  collect(body, (verb, path) => {
    if (/^linux(?:16|efi)?$/.test(verb)) linux.add(path)
    else if (/^initrd(?:16|efi)?$/.test(verb)) initrds.add(path)
  })
  const [kernel, ...others] = linux
  if (kernel === undefined) return { unknown: `the default menu entry ${JSON.stringify(title)} boots no Linux by itself` }
  return others.length > 0 ? { unknown: `the default menu entry ${JSON.stringify(title)} names several kernels` } : { title, linux: kernel, initrds: [...initrds] }
}

function collect(statements: readonly Statement[], found: (verb: string, path: string) => void): void {
  for (const statement of statements) {
    if (statement.kind === 'if') {
      for (const { body } of statement.branches) collect(body, found)
      collect(statement.otherwise, found)
    } else if (statement.kind !== 'command') collect(statement.body, found)
    else {
      const [verb = '', ...paths] = statement.words.map(({ pieces }) => pieces.map((piece) => 'text' in piece ? piece.text : `\${${piece.variable}}`).join(''))
      // The kernel is followed by its command line; initrds are all there are.
      for (const path of verb.startsWith('linux') ? paths.slice(0, 1) : paths) found(verb, path)
    }
  }
}
