// svlogd's files as one chain: `current`, and before it the rotated `@<TAI64N>.s` or `.u` in name order. A position in
// the chain is inode + byte offset, which survives renames. Reads with its own descriptors; never writes.
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface LogPosition {
  readonly inode: number
  readonly offset: number
}

export interface LogFile {
  readonly path: string
  readonly inode: number
  readonly size: number
}

/** Oldest first, `current` last; compressed files (another inode, another content) are left out by their magic bytes. */
export function logChain(current: string): readonly LogFile[] {
  const directory = dirname(current)
  let names: readonly string[]
  try { names = readdirSync(directory) } catch { return [] }
  const rotated = names.filter((name) => /^@[0-9a-f]+\.[su]$/.test(name)).sort()
  return [...rotated.map((name) => join(directory, name)), current].flatMap((path) => {
    try {
      const { ino, size } = statSync(path)
      return [{ path, inode: ino, size }]
    } catch { return [] }
  })
}

/**
 * Files from a position on. `lost` says that the position's file is gone: lines between it and the first file
 * returned cannot be had any more.
 */
export function chainFrom(current: string, position: LogPosition | undefined): { readonly files: readonly LogFile[], readonly lost: boolean } {
  // A rename while the directory is read can hide a file for a moment or show it twice: by inode, and twice if missing.
  for (let attempt = 0; ; attempt++) {
    const chain = [...new Map(logChain(current).map((file) => [file.inode, file])).values()]
    if (position === undefined) return { files: chain.slice(-1), lost: false }
    const at = chain.findIndex(({ inode }) => inode === position.inode)
    if (at >= 0) return { files: chain.slice(at), lost: false }
    if (attempt >= 2) return { files: chain.slice(-1), lost: true }
  }
}

export interface LogSink {
  readonly line: (text: string, position: LogPosition) => void
  readonly gap: (text: string, position: LogPosition) => void
}

const blockSize = 64 * 1024

/**
 * Every whole line from a position to the end that the chain has now (or about `limit` bytes of it). An unfinished last line waits for the next call.
 * @returns where the next call goes on; undefined = there is no log yet.
 */
export function readToEnd(current: string, from: LogPosition | undefined, sink: LogSink, limit = Number.POSITIVE_INFINITY): LogPosition | undefined {
  const { files, lost } = chainFrom(current, from)
  let position = from
  if (lost && files[0] !== undefined) {
    position = { inode: files[0].inode, offset: 0 }
    sink.gap('the file of the last position is gone (rotated away or compressed)', position)
  }
  let budget = limit
  for (const file of files) {
    const start = position?.inode === file.inode ? position.offset : 0
    const next = readFile(file, start, budget, sink)
    if (next === undefined) continue
    budget -= next.offset - start
    position = next
    if (budget <= 0) break
  }
  return position
}

/** Where the last `bytes` of the current file begin; a line cut there is one that is not understood. */
export function nearEnd(current: string, bytes: number): LogPosition | undefined {
  const file = logChain(current).at(-1)
  return file?.path === current ? { inode: file.inode, offset: Math.max(0, file.size - bytes) } : undefined
}

/** Opened and compared by inode, so that a rename between listing and opening reads nothing wrong. */
function readFile(file: LogFile, start: number, limit: number, sink: LogSink): LogPosition | undefined {
  let fd: number
  try { fd = openSync(file.path, 'r') } catch { return undefined }
  try {
    const { ino, size } = fstatSync(fd)
    if (ino !== file.inode) return undefined
    let offset = start
    if (size < offset) {
      sink.gap(`the file was truncated from ${offset} to ${size} bytes`, { inode: ino, offset: 0 })
      offset = 0
    }
    let rest = Buffer.alloc(0)
    const block = Buffer.alloc(blockSize)
    for (let at = offset; ;) {
      const count = readSync(fd, block, 0, blockSize, at)
      if (count === 0) return { inode: ino, offset }
      at += count
      rest = Buffer.concat([rest, block.subarray(0, count)])
      let lineStart = 0
      for (let end = rest.indexOf(10, lineStart); end >= 0; end = rest.indexOf(10, lineStart)) {
        sink.line(rest.toString('utf8', lineStart, end).replace(/\r$/, ''), { inode: ino, offset: offset + lineStart })
        lineStart = end + 1
      }
      offset += lineStart
      rest = rest.subarray(lineStart)
      if (offset - start >= limit) return { inode: ino, offset }
    }
  } finally { closeSync(fd) }
}
