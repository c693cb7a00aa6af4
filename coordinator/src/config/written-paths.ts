// Files that pitstop itself writes must be files of their own: the break-glass file replaces whatever has its name, also the
// store or a key that another setting names. Compared by where paths lead: two names of one file are one file. Pure: who calls
// says where a path leads.
import { dirname, join, normalize } from 'node:path'

export interface NamedPath {
  /** Where it stands in the configuration. */
  readonly keys: readonly string[]
  readonly path: string
  /** pitstop writes it; else it is only read. */
  readonly written: boolean
}

export interface Clash { readonly keys: readonly string[], readonly text: string, readonly found: string }

/** An SQLite store's file, and those that lie beside it: SQLite puts its own beside the file that a link leads to. */
export const storePaths = (path: string, leadsTo: (path: string) => string): NamedPath[] =>
  [...new Set([path, leadsTo(path)])].flatMap((each) => ['', '-wal', '-shm', '-journal', '.holder'].map((ending) => ({ keys: ['store'], path: `${each}${ending}`, written: true })))

/** The break-glass file, and what this machine remembers of the store, beside it. */
export const breakGlassPaths = (path: string): NamedPath[] => [path, join(dirname(path), 'store-memory.json')].map((each) => ({ keys: ['break-glass'], path: each, written: true }))

/** Each pair is told once, at the first of the two that is written. */
export function clashes(paths: readonly NamedPath[], leadsTo: (path: string) => string): Clash[] {
  const known = paths.map((each) => ({ ...each, path: normalize(each.path), real: normalize(leadsTo(each.path)) }))
  const found = known.flatMap((one, index) => known.slice(index + 1).flatMap((other): Clash[] => {
    const [own, beside] = one.written ? [one, other] : [other, one]
    const [path, taken] = [own.real, beside.real]
    const how = path === taken ? 'is also that of' : path.startsWith(`${taken}/`) ? 'lies below that of' : taken.startsWith(`${path}/`) ? 'is a folder on the way to that of' : null
    const key = beside.keys.join('.')
    if (how === null || !own.written || own.keys.join('.') === key) return []
    const links = [own, beside].filter((each) => each.path !== each.real).map((each) => `; ${each.path} leads to ${each.real}`)
    return [{ keys: own.keys, text: `must name a file that nothing else uses: ${path} ${how} ${key === '' ? 'this configuration' : key}${[...new Set(links)].join('')}`, found: own.path }]
  }))
  // A store that is reached by a link is named twice.
  const told = new Set<string>()
  return found.filter(({ keys, text }) => {
    const pair = `${keys.join('.')} ${text.split('; ')[0] ?? ''}`
    return !told.has(pair) && told.add(pair)
  })
}
