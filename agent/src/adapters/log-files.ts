// svlogd's files as one chain: `current`, and before it the rotated `@<TAI64N>.s` or `.u` in the order of their names. Lists
// them as they were at one moment, though svlogd renames, compresses and removes them meanwhile; log-place.ts finds a
// position in them again, log-file-lines.ts reads them. Never writes.
import { closeSync, readdirSync, readSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { logStats, openLog } from './log-open.ts'

export interface LogFile {
  readonly path: string
  /** Grows from file to file: the name's part that says when it was rotated away, or "current". */
  readonly label: string
  readonly inode: number
  readonly size: number
  /** When it was made; 0 = the file system does not tell. */
  readonly madeAtMs: number
}

export const missing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

const labelLength = '@'.length + 24
/** svlogd renames a few files a day; whoever meets one looks again. */
const attempts = 20

/** Oldest first, `current` last. @throws what the file system throws, except that there is no log yet; Fault: one is no regular file. */
export function logChain(current: string): readonly LogFile[] {
  for (let attempt = 1; ; attempt++) {
    const names = list(current)
    const files = names.flatMap((name) => stat(join(dirname(current), name), name) ?? [])
    // A file that was renamed meanwhile would be missing or stand there twice.
    const steady = files.length === names.length && list(current).join('/') === names.join('/')
    if (steady || attempt === attempts) return files
  }
}

/** One name for each file. */
function list(current: string): readonly string[] {
  let names: readonly string[]
  try { names = readdirSync(dirname(current)) } catch (error) {
    if (missing(error)) return []
    throw error
  }
  // `.t` is the half-written result of a compression; while it goes on, and for a moment after, the same is in `.u`.
  const rotated = new Map<string, string>()
  for (const name of names.filter((each) => /^@[0-9a-f]{24}\.[su]$/.test(each)).sort()) rotated.set(name.slice(0, labelLength), name)
  return [...rotated.values(), ...names.includes(basename(current)) ? [basename(current)] : []]
}

function stat(path: string, name: string): LogFile | undefined {
  try {
    const { ino, size, birthtimeMs } = logStats(path)
    return { path, label: name.slice(0, labelLength), inode: ino, size, madeAtMs: birthtimeMs }
  } catch (error) {
    if (missing(error)) return undefined
    throw error
  }
}

/** When the file was rotated away, by its name; undefined = it was not. */
export function rotatedAtMs({ path }: Pick<LogFile, 'path'>): number | undefined {
  const [, seconds = '', nano = ''] = /^@([0-9a-f]{16})([0-9a-f]{8})\.[su]$/.exec(basename(path)) ?? []
  if (seconds === '') return undefined
  // runit counts from 2^62 + 10.
  return Number(BigInt(`0x${seconds}`) - (1n << 62n) - 10n) * 1000 + Math.floor(Number(`0x${nano}`) / 1_000_000)
}

/** By its first bytes: svlogd gives a compressed file no other name. */
export function isCompressed({ path }: Pick<LogFile, 'path'>): boolean {
  const fd = openLog(path)
  try {
    const magic = Buffer.alloc(2)
    return readSync(fd, magic, 0, 2, 0) === 2 && magic[0] === 0x1f && magic[1] === 0x8b
  } finally { closeSync(fd) }
}
