// TailLog: Gitaly's log, each line classified; loses and repeats nothing over rotation, also of compressed files. A slow
// reader is waited for, and a line without end is told by its head, so that neither fills the memory.
import type { AgentServiceHandlers } from '@pitstop/proto'
import { Fault } from '@pitstop/shared/fault'
import { followLog } from '../adapters/log-follow.ts'
import { type LogPosition, newestPosition, positionAt } from '../adapters/log-place.ts'
import { readToEnd } from '../adapters/log-reader.ts'
import { classifyLine, type LogLineClass } from '../domain/log-line.ts'
import type { OrderDesk } from '../orders/order-desk.ts'

const classes = {
  'info': 'LOG_LINE_CLASS_INFO',
  'start-marker': 'LOG_LINE_CLASS_START_MARKER',
  'startup-error': 'LOG_LINE_CLASS_STARTUP_ERROR',
  'request-error': 'LOG_LINE_CLASS_REQUEST_ERROR',
  'harmless': 'LOG_LINE_CLASS_HARMLESS',
  'stop': 'LOG_LINE_CLASS_STOP',
  'unknown': 'LOG_LINE_CLASS_UNKNOWN',
  'gap': 'LOG_LINE_CLASS_GAP'
} as const satisfies Record<LogLineClass, string>

type TailLogCall = Parameters<AgentServiceHandlers['TailLog']>[0]

interface Start {
  /** undefined = there is no log yet. */
  readonly position: LogPosition | undefined
  readonly takenAtMs?: number
}

export const tailLogHandler = (desk: OrderDesk) => async (call: TailLogCall, signal: AbortSignal): Promise<void> => {
  const { request } = call
  desk.acknowledgeEpoch(request.epoch)
  const path = desk.host.files.logPath
  const sinceMs = request.from === 'since_ms' ? Number(request.since_ms) : 0
  let reached = sinceMs === 0
  let roomy = true
  const send = (text: string, at: LogPosition, kind: LogLineClass, timeMs: number): void => {
    // A line without a time belongs to the one before it.
    reached ||= kind === 'gap' || timeMs >= sinceMs
    if (reached) roomy = call.write({ text, class: classes[kind], time_ms: timeMs, inode: at.inode, offset: at.offset })
  }
  const sink = {
    line: (text: string, at: LogPosition): void => { const { class: kind, timeMs } = classifyLine(text); send(text, at, kind, timeMs) },
    gap: (text: string, at: LogPosition): void => send(text, at, 'gap', 0)
  }
  const goOn = async (): Promise<boolean> => {
    if (!roomy) await drained(call, signal)
    return !signal.aborted
  }
  const { position, takenAtMs } = readable(path, () => request.from === 'since_ms' ? { position: positionAt(path, sinceMs) } : bootMark(desk) ?? { position: newestPosition(path) })
  if (position === undefined) {
    if (!request.follow) throw new Fault('NOT_FOUND', `${path} does not exist`, { hint: 'check gitaly.log in /etc/pitstop/agent.yml, and whether Gitaly has ever started' })
    sink.gap(`${path} does not exist; waiting for it`, { inode: 0, offset: 0 })
  }
  // What is there is read over all rotated files; only then is the newest one followed.
  const read = position === undefined ? undefined : await readToEnd(path, position, sink, { goOn, ...takenAtMs === undefined ? {} : { takenAtMs } })
  if (!request.follow || signal.aborted) return
  const follower = followLog(path, read?.position, {
    gap: sink.gap,
    line: (text, at) => {
      sink.line(text, at)
      if (!roomy) follower.pause()
    }
  })
  call.on('drain', () => { roomy = true; follower.resume() })
  await ended(signal)
  follower.close()
}

/** @throws Fault COMMAND_FAILED naming the log: a folder that cannot be read is not an empty one. */
function readable<T>(path: string, read: () => T): T {
  try { return read() } catch (error) {
    throw new Fault('COMMAND_FAILED', `the log ${path} cannot be read`, { cause: error, hint: `on the host: ls -ld ${path}` })
  }
}

/** Where the latest reboot order marked the log; undefined = no order, or there was no log to mark. */
function bootMark(desk: OrderDesk): Start | undefined {
  const marks = desk.store.readAll().flatMap(({ mark }) => mark !== undefined && mark.stoppedAtMs > 0 ? [mark] : [])
  const latest = marks.sort((a, b) => a.stoppedAtMs - b.stoppedAtMs).at(-1)
  return latest?.log === undefined ? undefined : { position: latest.log, takenAtMs: latest.stoppedAtMs }
}

const drained = (call: Pick<TailLogCall, 'once'>, signal: AbortSignal): Promise<void> => new Promise((resolve) => {
  if (signal.aborted) { resolve(); return }
  call.once('drain', resolve)
  signal.addEventListener('abort', () => resolve(), { once: true })
})

const ended = (signal: AbortSignal): Promise<void> => signal.aborted
  ? Promise.resolve()
  : new Promise((resolve) => { signal.addEventListener('abort', () => resolve(), { once: true }) })
