// Follows Gitaly's log over svlogd rotation without losing or repeating a line, on the package `tail`. Bare tail reads
// by path and loses 7-75 % of lines over rotation; here it reads an own descriptor, so a rename cannot move it, and this
// wrapper walks from inode to inode. What is lost for good (truncation, a vanished file) is said as a gap.
import { closeSync, fstatSync, readlinkSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { Tail } from 'tail'
import { LineSplitter } from './line-splitter.ts'
import { type LogSink } from './log-file-lines.ts'
import { isCompressed, type LogFile, logChain, missing } from './log-files.ts'
import { openLog } from './log-open.ts'
import { type LogPosition, placeOf } from './log-place.ts'

const pollMs = 200
/** Blocks are small, so that a paused reader holds little. */
const blockSize = 64 * 1024
/** `tail` opens the descriptor's path once more per block: its number may not be reused under a late reader. */
const closeAfterMs = 1000

/** What this wrapper uses of tail's inside, which its types do not name. */
interface TailInside {
  filename: string
  queue: { start: number, end: number }[]
  currentCursorPos: number
  internalDispatcher: { emit: (event: string) => boolean }
  readBlock: () => void
  latestPosition: () => number
}

class DescriptorTail extends Tail {
  paused = false
  #waiting = false
  onTruncated: (from: number, to: number) => void = () => undefined

  /** The descriptor stays at its inode whatever its name becomes. */
  rename(): void { /* nothing to follow by name */ }

  change(): void {
    const inside = this as unknown as TailInside
    const end = inside.latestPosition()
    if (end < inside.currentCursorPos) {
      this.onTruncated(inside.currentCursorPos, end)
      inside.queue.length = 0
      inside.currentCursorPos = 0
    }
    const idle = inside.queue.length === 0
    while (inside.currentCursorPos < end) {
      const next = Math.min(end, inside.currentCursorPos + blockSize)
      inside.queue.push({ start: inside.currentCursorPos, end: next })
      inside.currentCursorPos = next
    }
    if (idle && inside.queue.length > 0) inside.internalDispatcher.emit('next')
  }

  readBlock(): void {
    if (this.paused) { this.#waiting = true; return }
    ;(Tail.prototype as unknown as TailInside).readBlock.call(this)
  }

  resume(): void {
    this.paused = false
    if (this.#waiting) { this.#waiting = false; this.readBlock() }
  }

  get drained(): boolean { return (this as unknown as TailInside).queue.length === 0 }
  get cursor(): number { return (this as unknown as TailInside).currentCursorPos }
}

export interface LogFollower {
  /** Lines stop coming soon (at most one block later) until resumed. */
  readonly pause: () => void
  readonly resume: () => void
  /** The first byte not yet delivered: where another follower goes on. */
  readonly position: () => LogPosition | undefined
  readonly close: () => void
}

/**
 * @param from where to begin; undefined = the beginning of the file that is `current` when it first exists.
 * The file need not exist yet.
 */
export function followLog(current: string, from: LogPosition | undefined, sink: LogSink): LogFollower {
  let position = from
  let open: { readonly tail: DescriptorTail, readonly fd: number, readonly inode: number, readonly finish: () => void } | undefined
  let paused = false
  let closed = false

  const openFile = (path: string, inode: number, from: Omit<LogPosition, 'inode'>): boolean => {
    let fd: number
    try { fd = openLog(path) } catch (error) {
      if (missing(error)) return false
      throw error
    }
    const stat = fstatSync(fd)
    if (stat.ino !== inode) { closeSync(fd); return false }
    let start = from
    if (stat.size < from.offset) {
      sink.gap(`the file was truncated from ${from.offset} to ${stat.size} bytes`, { inode, offset: 0 })
      start = { offset: 0 }
    }
    const begin = (at: Omit<LogPosition, 'inode'>): LineSplitter => {
      position = { inode, ...at }
      const made = new LineSplitter(at, (text, offset) => {
        if (closed) return
        position = { inode, ...made.position }
        sink.line(text, { inode, offset })
      })
      return made
    }
    let splitter = begin(start)
    // Whole blocks, split here: tail would join a line without end to one text, again and again. latin1: one character is
    // one byte, so that offsets are exact and no character is torn between two reads.
    const tail = new DescriptorTail(`/proc/self/fd/${fd}`, { encoding: 'latin1', separator: null as unknown as string, fromBeginning: false, follow: true })
    // Without a line's end to look for, tail goes back from the end; here it begins where it is told.
    ;(tail as unknown as TailInside).currentCursorPos = start.offset
    tail.paused = paused
    tail.onTruncated = (before, size) => {
      splitter = begin({ offset: 0 })
      sink.gap(`the file was truncated from ${before} to ${size} bytes`, { inode, offset: 0 })
    }
    tail.on('line', (block: string) => {
      if (closed || open?.tail !== tail) return
      splitter.push(Buffer.from(block, 'latin1'))
      if (!closed) position = { inode, ...splitter.position }
    })
    tail.on('error', (error: unknown) => { if (!closed) sink.gap(`reading failed: ${String(error)}`, position ?? { inode, offset: 0 }) })
    open = { tail, fd, inode, finish: () => { splitter.finish() } }
    tail.change()
    return true
  }
  const release = (tail: DescriptorTail, fd: number): void => {
    tail.unwatch()
    setTimeout(() => closeSync(fd), closeAfterMs)
  }

  /** The file of the position; at the very first the one that is `current`. */
  const openFirst = (): void => {
    const { files, lost } = placeOf(current, position)
    // A compressed one was read to its end before; what comes next in it is in the file after it.
    const file = files.find((each) => !isCompressed(each))
    if (file === undefined) return
    if (lost) {
      sink.gap('the file of the last position is gone (rotated away or compressed)', { inode: file.inode, offset: 0 })
      position = undefined
    }
    openFile(file.path, file.inode, position?.inode === file.inode ? position : { offset: 0 })
  }

  /** The same trouble is told once. */
  let trouble = ''
  const step = (): void => {
    try {
      advance()
      trouble = ''
    } catch (error) {
      if (!closed && String(error) !== trouble) sink.gap(`the log cannot be read: ${String(error)}`, position ?? { inode: 0, offset: 0 })
      trouble = String(error)
    }
  }
  const advance = (): void => {
    if (closed) return
    if (open === undefined) { openFirst(); return }
    open.tail.change()
    const { tail, inode, fd } = open
    const now = inodeOf(current)
    // Only an inode that is no longer `current` can be finished; its writer has closed it before the rename.
    if (now === undefined || now === inode || !tail.drained || tail.cursor < fstatSync(fd).size) return
    const next = successor(current, fd, inode)
    if (next === undefined) return
    open.finish()
    if (next.lost) sink.gap('a file was removed or compressed before it was read; lines after it are missing', { inode: next.file.inode, offset: 0 })
    if (openFile(next.file.path, next.file.inode, { offset: 0 })) release(tail, fd)
  }
  const timer = setInterval(step, pollMs)
  step()
  return {
    pause: () => { paused = true; if (open !== undefined) open.tail.paused = true },
    resume: () => { paused = false; open?.tail.resume() },
    position: () => position,
    close: () => {
      closed = true
      clearInterval(timer)
      if (open !== undefined) release(open.tail, open.fd)
    }
  }
}

function inodeOf(path: string): number | undefined {
  try { return statSync(path).ino } catch { return undefined }
}

/**
 * The file that was begun when this one was renamed. A file that was compressed or removed while it was held open is
 * still known by the name that its descriptor had.
 */
function successor(current: string, fd: number, inode: number): { readonly file: LogFile, readonly lost: boolean } | undefined {
  const chain = logChain(current)
  const at = chain.findIndex((file) => file.inode === inode)
  if (at >= 0) return readable(chain.slice(at + 1), false)
  const name = basename(readlinkSync(`/proc/self/fd/${fd}`).replace(/ \(deleted\)$/, ''))
  if (!name.startsWith('@')) return readable(chain.slice(-1), true)
  return readable(chain.filter((file) => basename(file.path) === basename(current) || basename(file.path).slice(0, 25) > name.slice(0, 25)), false)
}

/** The first that can be followed; a compressed one before it was rotated away while the reader was held up. */
function readable(files: readonly LogFile[], lost: boolean): { readonly file: LogFile, readonly lost: boolean } | undefined {
  const at = files.findIndex((file) => !isCompressed(file))
  const file = files[at]
  return file === undefined ? undefined : { file, lost: lost || at > 0 }
}
