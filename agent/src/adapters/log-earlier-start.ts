// The errors of Gitaly's last start before a position in its log: what this node says at a start that was well. Goes back
// from there in pieces, over rotated and compressed files, and gives up after a bounded number of bytes. Decides nothing.
import { closeSync, readSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { classifyLine } from '../domain/log-line.ts'
import { emptyTestimony, type LogTestimony, startPhaseMs, testify } from '../domain/log-verdict.ts'
import { readLogFile } from './log-file-lines.ts'
import { isCompressed, type LogFile, logChain } from './log-files.ts'
import { openLog } from './log-open.ts'
import { type LogPosition, placeOf } from './log-place.ts'
import { longestLine } from './line-splitter.ts'

/** A start that is further back than this is not looked for: seconds of reading, and months of log. */
const farthestBytes = 256 * 1024 * 1024
/** What a start writes in its first minutes, on a node with work to do. */
const startBytes = 64 * 1024 * 1024
const pieceBytes = 1024 * 1024
const marker = Buffer.from('Starting Gitaly')

export type EarlierStart = { readonly atMs: number, readonly testimony: LogTestimony } | { readonly none: string }

interface Found { readonly file: LogFile, readonly offset: number, readonly atMs: number }
/** The part of a file that lies before the position. */
interface Part { readonly file: LogFile, readonly end: number }

/** @param takenAtMs when the position was taken. */
export async function earlierStart(current: string, before: LogPosition, takenAtMs: number): Promise<EarlierStart> {
  const parts = partsBefore(current, before, takenAtMs)
  let rest = farthestBytes
  for (const [index, { file, end }] of parts.entries()) {
    if (rest <= 0) return { none: `no start of Gitaly in ${Math.round(farthestBytes / 1_048_576)} MiB of log before the stop` }
    const { found, read } = isCompressed(file) ? await lastInCompressed(file, end, rest) : await lastInPlain(file, end, rest)
    rest -= read
    if (found !== undefined) return { atMs: found.atMs, testimony: await testimonyOf(found, parts.slice(0, index + 1).reverse()) }
  }
  return { none: 'no start of Gitaly in the log before the stop (rotated away, or level warn)' }
}

/** Newest first. */
function partsBefore(current: string, before: LogPosition, takenAtMs: number): readonly Part[] {
  const { lost, files } = placeOf(current, before, takenAtMs)
  if (lost) return []
  const inode = files[0]?.inode
  const chain = logChain(current)
  const at = chain.findIndex((file) => file.inode === inode)
  return at < 0 ? [] : chain.slice(0, at + 1).map((file, index) => ({ file, end: index === at ? before.offset : Number.POSITIVE_INFINITY })).reverse()
}

async function lastInPlain(file: LogFile, end: number, limit: number): Promise<{ found: Found | undefined, read: number }> {
  const fd = openLog(file.path)
  let read = 0
  try {
    for (let to = Math.min(end, file.size); to > 0 && read < limit;) {
      const from = Math.max(0, to - pieceBytes)
      // A marker on the border of two pieces is seen with the earlier one.
      const piece = Buffer.alloc(Math.min(Math.min(end, file.size), to + marker.length) - from)
      readSync(fd, piece, 0, piece.length, from)
      read += to - from
      for (let at = piece.lastIndexOf(marker); at >= 0; at = at === 0 ? -1 : piece.lastIndexOf(marker, at - 1)) {
        const found = startLine(fd, file, from + at)
        if (found !== undefined) return { found, read }
      }
      to = from
      await turn()
    }
  } finally { closeSync(fd) }
  return { found: undefined, read }
}

/** The words may stand in any line: is it the marker itself? */
function startLine(fd: number, file: LogFile, at: number): Found | undefined {
  const from = Math.max(0, at - longestLine)
  const around = Buffer.alloc(longestLine * 2)
  const text = around.subarray(0, readSync(fd, around, 0, around.length, from))
  const begin = at === from ? 0 : text.lastIndexOf(10, at - from) + 1
  const end = text.indexOf(10, at - from)
  const line = classifyLine(text.toString('utf8', begin, end < 0 ? text.length : end))
  return line.begins ? { file, offset: from + begin, atMs: line.timeMs } : undefined
}

async function lastInCompressed(file: LogFile, end: number, rest: number): Promise<{ found: Found | undefined, read: number }> {
  let found: Found | undefined
  let read = 0
  const limit = Math.min(end, rest)
  await readLogFile(file, { offset: 0 }, {
    line: (text, { offset }) => {
      read = offset + text.length
      if (offset >= limit || !text.includes('Starting Gitaly')) return
      const line = classifyLine(text)
      if (line.begins) found = { file, offset, atMs: line.timeMs }
    },
    gap: () => undefined
  }, { limit, goOn: () => true, closed: true })
  // Cut short: a later start may stand in the rest.
  return { found: read >= limit && limit < end ? undefined : found, read }
}

/** @param parts the file of the start and those after it, oldest first. */
async function testimonyOf({ file: first, offset }: Found, parts: readonly Part[]): Promise<LogTestimony> {
  let testimony = emptyTestimony
  let over = false
  let rest = startBytes
  for (const { file, end } of parts) {
    const from = file.inode === first.inode ? offset : 0
    const reading = await readLogFile(file, { offset: from }, {
      line: (text, at) => {
        const { timeMs } = classifyLine(text)
        over ||= at.offset >= end || (testimony.lastMarkerMs > 0 && timeMs - testimony.lastMarkerMs > startPhaseMs)
        if (!over) testimony = testify(testimony, text)
      },
      gap: () => { over = true }
    }, { limit: rest, goOn: () => !over, closed: true })
    rest -= (reading?.offset ?? from) - from
    if (over || rest <= 0) break
  }
  return testimony
}
