// Files that pitstop itself writes must be files of their own: the break-glass file replaces whatever has its name, also the
// store or a key that another setting names. Pure: paths are compared as they are written, links are not followed.
import { dirname, join, normalize } from 'node:path'

export interface NamedPath {
  /** Where it stands in the configuration. */
  readonly keys: readonly string[]
  readonly path: string
  /** pitstop writes it; else it is only read. */
  readonly written: boolean
}

export interface Clash { readonly keys: readonly string[], readonly text: string, readonly found: string }

/** An SQLite store's file, and those that lie beside it. */
export const storePaths = (path: string): NamedPath[] => ['', '-wal', '-shm', '-journal', '.holder'].map((ending) => ({ keys: ['store'], path: `${path}${ending}`, written: true }))

/** The break-glass file, and what this machine remembers of the store, beside it. */
export const breakGlassPaths = (path: string): NamedPath[] => [path, join(dirname(path), 'store-memory.json')].map((each) => ({ keys: ['break-glass'], path: each, written: true }))

/** Each pair is told once, at the first of the two that is written. */
export function clashes(paths: readonly NamedPath[]): Clash[] {
  return paths.flatMap((one, index) => paths.slice(index + 1).flatMap((other): Clash[] => {
    const [own, beside] = one.written ? [one, other] : [other, one]
    const [path, taken] = [normalize(own.path), normalize(beside.path)]
    const how = path === taken ? 'is also that of' : path.startsWith(`${taken}/`) ? 'lies below that of' : taken.startsWith(`${path}/`) ? 'is a folder on the way to that of' : null
    const key = beside.keys.join('.')
    if (how === null || !own.written || own.keys.join('.') === key) return []
    return [{ keys: own.keys, text: `must name a file that nothing else uses: ${path} ${how} ${key === '' ? 'this configuration' : key}`, found: own.path }]
  }))
}
