// TailLog: Gitaly's log, each line classified; loses and repeats nothing over rotation, a slow reader is waited for.
import type { AgentServiceHandlers } from '@pitstop/proto'
import { followLog } from '../adapters/log-follow.ts'
import { logChain, type LogPosition, readToEnd } from '../adapters/log-files.ts'
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
  const from = request.from === 'since_ms' ? oldestSince(path, sinceMs) : bootMark(desk) ?? beginning(path)
  if (!request.follow) {
    // In pieces, so that neither a slow reader nor a big file fills the memory.
    for (let at = from; !signal.aborted;) {
      const next = readToEnd(path, at, sink, 256 * 1024)
      if (next === undefined || (next.inode === at?.inode && next.offset === at.offset)) return
      at = next
      if (!roomy) await drained(call, signal)
    }
    return
  }
  const follower = followLog(path, from, {
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

/** Where the latest reboot order marked the log; undefined = no order, or there was no log to mark. */
function bootMark(desk: OrderDesk): LogPosition | undefined {
  const marks = desk.store.readAll().flatMap(({ mark }) => mark !== undefined && mark.stoppedAtMs > 0 ? [mark] : [])
  return marks.sort((a, b) => a.stoppedAtMs - b.stoppedAtMs).at(-1)?.log
}

function beginning(path: string): LogPosition | undefined {
  const file = logChain(path).at(-1)
  return file === undefined ? undefined : { inode: file.inode, offset: 0 }
}

/** Far enough back: the newest rotated file that begins before the instant is the first whose lines may be meant. */
function oldestSince(path: string, sinceMs: number): LogPosition | undefined {
  const chain = logChain(path)
  let first = chain.at(-1)
  for (const file of chain.toReversed()) {
    first = file
    let begins = 0
    readToEnd(file.path, { inode: file.inode, offset: 0 }, { line: (text) => { begins ||= classifyLine(text).timeMs }, gap: () => undefined }, 4096)
    if (begins !== 0 && begins < sinceMs) break
  }
  return first === undefined ? undefined : { inode: first.inode, offset: 0 }
}

const drained = (call: Pick<TailLogCall, 'once'>, signal: AbortSignal): Promise<void> => new Promise((resolve) => {
  call.once('drain', resolve)
  signal.addEventListener('abort', () => resolve(), { once: true })
})

const ended = (signal: AbortSignal): Promise<void> => signal.aborted
  ? Promise.resolve()
  : new Promise((resolve) => { signal.addEventListener('abort', () => resolve(), { once: true }) })
