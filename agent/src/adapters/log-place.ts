// A position in Gitaly's log, and how it is found again: inode + byte offset survive every rename, but not the compression of
// the file, and the inode of a removed file is soon given to a new one. So a position also keeps which file stands before its
// own; one that was taken without that (the mark of a stop) is found by its time. Decides by names and bytes, reads no line.
import { closeSync, readSync } from 'node:fs'
import { constants, gunzipSync } from 'node:zlib'
import { classifyLine } from '../domain/log-line.ts'
import type { LinePosition } from './line-splitter.ts'
import { isCompressed, type LogFile, logChain, missing, rotatedAtMs } from './log-files.ts'
import { openLog } from './log-open.ts'

export interface LogPosition extends LinePosition {
  readonly inode: number
  /** Label of the file before its own; empty = none; undefined = not known. */
  readonly follows?: string
}

export interface LogPlace {
  /** Oldest first. */
  readonly files: readonly LogFile[]
  /** In the first of them; where that begins, if the position is none or lost. */
  readonly position: LogPosition | undefined
  /** The file of the position is not there any more, under any name or compressed. */
  readonly lost: boolean
}

const slackMs = 2000

/** @param takenAtMs when the position was taken, Unix ms, if it does not say what it follows. */
export function placeOf(current: string, position: LogPosition | undefined, takenAtMs?: number): LogPlace {
  const chain = logChain(current)
  const newest = { files: chain.slice(-1), position: beginning(chain, chain.length - 1) }
  if (position === undefined) return { ...newest, lost: false }
  const at = fileOf(chain, position, takenAtMs)
  const file = chain[at]
  return file === undefined
    ? { ...newest, lost: true }
    : { files: chain.slice(at), position: { ...position, inode: file.inode, follows: chain[at - 1]?.label ?? position.follows ?? '' }, lost: false }
}

/** -1 = none. */
function fileOf(chain: readonly LogFile[], position: LogPosition, takenAtMs: number | undefined): number {
  const sameInode = chain.findIndex(({ inode }) => inode === position.inode)
  const expected = position.follows !== undefined
    ? chain.findIndex(({ label }) => label > (position.follows ?? ''))
    : takenAtMs === undefined ? sameInode : chain.findIndex((file) => (rotatedAtMs(file) ?? Number.POSITIVE_INFINITY) >= takenAtMs)
  const file = chain[expected]
  if (file !== undefined && (file.inode === position.inode ? !isYounger(file, takenAtMs) : holds(file, takenAtMs))) return expected
  // A clock that was stepped gave it a name out of order.
  const other = chain[sameInode]
  return other === undefined || position.follows !== undefined || isYounger(other, takenAtMs) ? -1 : sameInode
}

/** Made later than the position was taken: it only has the number of a file that is gone. */
const isYounger = ({ madeAtMs }: LogFile, takenAtMs: number | undefined): boolean => takenAtMs !== undefined && madeAtMs > takenAtMs + slackMs

/** A compressed file that had begun when the position was taken. */
function holds(file: LogFile, takenAtMs: number | undefined): boolean {
  try { return isCompressed(file) && (takenAtMs === undefined || beginsAtMs(file) <= takenAtMs + slackMs) } catch (error) {
    if (missing(error)) return false
    throw error
  }
}

/** The first time that a compressed file tells; 0 = none. */
function beginsAtMs({ path }: LogFile): number {
  const head = Buffer.alloc(16 * 1024)
  const fd = openLog(path)
  try {
    const bytes = gunzipSync(head.subarray(0, readSync(fd, head, 0, head.length, 0)), { finishFlush: constants.Z_SYNC_FLUSH })
    return bytes.toString('utf8').split('\n').slice(0, -1).map((line) => classifyLine(line).timeMs).find((timeMs) => timeMs > 0) ?? 0
  } catch { return 0 /* damaged: whoever reads it is told */ } finally { closeSync(fd) }
}

/** Where the lines of an instant and later begin, at the latest: the first file that was not rotated away before it. */
export function positionAt(current: string, atMs: number): LogPosition | undefined {
  const chain = logChain(current)
  return beginning(chain, chain.findIndex((file) => (rotatedAtMs(file) ?? Number.POSITIVE_INFINITY) >= atMs))
}

/** Where the newest file begins, or its last `bytes`; a line cut there is one that is not understood. */
export function newestPosition(current: string, bytes = Number.POSITIVE_INFINITY): LogPosition | undefined {
  const chain = logChain(current)
  const position = beginning(chain, chain.length - 1)
  return position && { ...position, offset: Math.max(0, (chain.at(-1)?.size ?? 0) - bytes) }
}

const beginning = (chain: readonly LogFile[], at: number): LogPosition | undefined => {
  const file = chain[at]
  return file && { inode: file.inode, offset: 0, follows: chain[at - 1]?.label ?? '' }
}
