// Follows Gitaly's log over svlogd rotation without losing or repeating a line, on the package `tail`. Bare tail reads
// by path and loses 7-75 % of lines over rotation; here it reads an own descriptor, so a rename cannot move it, and this
// wrapper walks from inode to inode. What is lost for good (truncation, a vanished file) is said as a gap.
import { closeSync, fstatSync, openSync, readlinkSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { Tail } from 'tail'
import { chainFrom, type LogFile, logChain, type LogPosition, type LogSink } from './log-files.ts'

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
  buffer: string
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
      inside.buffer = ''
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
  let open: { readonly tail: DescriptorTail, readonly fd: number, readonly inode: number } | undefined
  let paused = false
  let closed = false

  const openFile = (path: string, inode: number, offset: number): boolean => {
    let fd: number
    try { fd = openSync(path, 'r') } catch { return false }
    const stat = fstatSync(fd)
    if (stat.ino !== inode) { closeSync(fd); return false }
    let start = offset
    if (stat.size < offset) {
      sink.gap(`the file was truncated from ${offset} to ${stat.size} bytes`, { inode, offset: 0 })
      start = 0
    }
    position = { inode, offset: start }
    // latin1: one character is one byte, so offsets are exact and no character is torn between two reads.
    const tail = new DescriptorTail(`/proc/self/fd/${fd}`, { encoding: 'latin1', separator: '\n', fromBeginning: false, follow: true })
    ;(tail as unknown as TailInside).currentCursorPos = start
    tail.paused = paused
    tail.onTruncated = (before, size) => {
      position = { inode, offset: 0 }
      sink.gap(`the file was truncated from ${before} to ${size} bytes`, position)
    }
    tail.on('line', (text: string) => {
      if (closed || open?.tail !== tail) return
      const at = position as LogPosition
      position = { inode, offset: at.offset + text.length + 1 }
      sink.line(Buffer.from(text, 'latin1').toString('utf8').replace(/\r$/, ''), at)
    })
    tail.on('error', (error: unknown) => { if (!closed) sink.gap(`reading failed: ${String(error)}`, position ?? { inode, offset: 0 }) })
    open = { tail, fd, inode }
    tail.change()
    return true
  }
  const release = (tail: DescriptorTail, fd: number): void => {
    tail.unwatch()
    setTimeout(() => closeSync(fd), closeAfterMs)
  }

  /** The file of the position; at the very first the one that is `current`. */
  const openFirst = (): void => {
    const { files, lost } = chainFrom(current, position)
    const file = files[0]
    if (file === undefined) return
    if (lost) {
      sink.gap('the file of the last position is gone (rotated away or compressed)', { inode: file.inode, offset: 0 })
      position = undefined
    }
    openFile(file.path, file.inode, position?.inode === file.inode ? position.offset : 0)
  }

  const step = (): void => {
    if (closed) return
    if (open === undefined) { openFirst(); return }
    open.tail.change()
    const { tail, inode, fd } = open
    const now = inodeOf(current)
    // Only an inode that is no longer `current` can be finished; its writer has closed it before the rename.
    if (now === undefined || now === inode || !tail.drained || tail.cursor < fstatSync(fd).size) return
    const next = successor(current, fd, inode)
    if (next === undefined) return
    const half = (tail as unknown as TailInside).buffer
    if (half !== '') sink.line(Buffer.from(half, 'latin1').toString('utf8'), position ?? { inode, offset: 0 })
    if (next.lost) sink.gap('the file was removed while it was read; files after it may be missing', { inode: next.file.inode, offset: 0 })
    if (openFile(next.file.path, next.file.inode, 0)) release(tail, fd)
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
  const after = at >= 0 ? chain[at + 1] : undefined
  if (at >= 0) return after === undefined ? undefined : { file: after, lost: false }
  const name = basename(readlinkSync(`/proc/self/fd/${fd}`).replace(/ \(deleted\)$/, ''))
  const last = chain.at(-1)
  if (!name.startsWith('@')) return last === undefined ? undefined : { file: last, lost: true }
  const later = chain.find((file) => basename(file.path) === basename(current) || basename(file.path).slice(0, 25) > name.slice(0, 25))
  return later === undefined ? undefined : { file: later, lost: false }
}
