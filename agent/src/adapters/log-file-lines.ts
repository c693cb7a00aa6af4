// The lines of one file of Gitaly's log, plain or compressed, from a position on. Reads with its own descriptors, in blocks,
// and lets others have their turn; holds no more than a block and one line. Never writes.
import { closeSync, createReadStream, fstatSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import { type LinePosition, LineSplitter } from './line-splitter.ts'
import { isCompressed, type LogFile, missing } from './log-files.ts'
import { openLog } from './log-open.ts'
import type { LogPosition } from './log-place.ts'

export interface LogSink {
  readonly line: (text: string, position: LogPosition) => void
  readonly gap: (text: string, position: LogPosition) => void
}

const blockSize = 64 * 1024

/** Asked after each block: false ends the reading; a promise holds it up, for a reader that is slow. */
export type GoOn = () => boolean | Promise<boolean>

export interface FileReading {
  readonly limit: number
  readonly goOn: GoOn
  /** Nothing is added to it any more: a last line without an end is one. */
  readonly closed: boolean
}

/** The lines of one file from a position on, of a compressed one too. @returns where the next reading goes on; undefined = the file is not there under that name any more. */
export async function readLogFile(file: LogFile, from: LinePosition, sink: LogSink, reading: FileReading): Promise<LogPosition | undefined> {
  try {
    return isCompressed(file) ? await readCompressed(file, from, sink, reading) : await readPlain(file, from, sink, reading)
  } catch (error) {
    if (missing(error)) return undefined
    throw error
  }
}

/** Opened and compared by inode, so that a rename between listing and opening reads nothing wrong. */
async function readPlain(file: LogFile, from: LinePosition, sink: LogSink, { limit, goOn, closed }: FileReading): Promise<LogPosition | undefined> {
  const fd = openLog(file.path)
  try {
    const { ino: inode, size } = fstatSync(fd)
    if (inode !== file.inode) return undefined
    let start = from
    if (size < start.offset) {
      sink.gap(`the file was truncated from ${start.offset} to ${size} bytes`, { inode, offset: 0 })
      start = { offset: 0 }
    }
    const splitter = new LineSplitter(start, (text, offset) => sink.line(text, { inode, offset }))
    const block = Buffer.allocUnsafe(blockSize)
    for (let at = start.offset, blocks = 1; at - start.offset < limit; blocks++) {
      const count = readSync(fd, block, 0, blockSize, at)
      if (count === 0) {
        if (closed) splitter.finish()
        break
      }
      at += count
      splitter.push(block.subarray(0, count))
      if (!(await goOn())) break
      // Others have their turn: a big log must hold up nobody.
      if (blocks % 16 === 0) await turn()
    }
    return { inode, ...splitter.position }
  } finally { closeSync(fd) }
}

/** Offsets are those of the bytes before compression. Damage ends the file, and is said. */
async function readCompressed(file: LogFile, from: LinePosition, sink: LogSink, { limit, goOn }: FileReading): Promise<LogPosition> {
  const { inode } = file
  const source = createReadStream('', { fd: openLog(file.path) })
  const bytes = source.pipe(createGunzip())
  source.on('error', (error) => { bytes.destroy(error) })
  const splitter = new LineSplitter(from, (text, offset) => sink.line(text, { inode, offset }))
  let at = 0
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      const skip = Math.max(0, from.offset - at)
      // Found by the time in its name, which a stepped clock makes wrong: a position stands at the beginning of a line.
      if (skip > 0 && skip <= chunk.length && from.inLine !== true && chunk[skip - 1] !== 10) sink.gap(`${basename(file.path)} is not the file that was read before`, { inode, offset: from.offset })
      at += chunk.length
      if (skip < chunk.length) splitter.push(chunk.subarray(skip))
      if (at - from.offset >= limit || !(await goOn())) return { inode, ...splitter.position }
    }
  } catch (error) {
    sink.gap(`${basename(file.path)} cannot be uncompressed: ${(error as Error).message}`, { inode, offset: at })
  } finally { source.destroy() }
  if (at < from.offset) sink.gap(`${basename(file.path)} holds only ${at} bytes, not ${from.offset}`, { inode, offset: at })
  splitter.finish()
  return { inode, offset: Math.max(at, from.offset) }
}
