// TailLog over a log that was rotated and compressed, is huge, or is not there: what a coordinator hears, and how little of it
// is held in memory for one that reads slowly.
import { EventEmitter } from 'node:events'
import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { OrderDesk } from '../orders/order-desk.ts'
import { tailLogHandler } from './tail-log.ts'

type Call = Parameters<ReturnType<typeof tailLogHandler>>[0]
interface Line { readonly text: string, readonly class: string, readonly time_ms: number }

function caller(t: { teardown: (undo: () => void) => void }, log = '') {
  const folder = mkdtempSync('/tmp/pitstop-tail-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = log === '' ? join(folder, 'gitaly/current') : log
  mkdirSync(dirname(join(folder, 'gitaly/current')), { recursive: true })
  const marks: { stoppedAtMs: number, log: { inode: number, offset: number } }[] = []
  const desk = { acknowledgeEpoch: () => undefined, host: { files: { logPath: path } }, store: { readAll: () => marks.map((mark) => ({ mark })) } } as unknown as OrderDesk
  return {
    path, marks,
    /** @param roomy whether the stream takes more after a line. */
    tail: async (request: object, { stop = new AbortController().signal, roomy = (): boolean => true } = {}): Promise<Line[]> => {
      const lines: Line[] = []
      const call = Object.assign(new EventEmitter(), { request: { epoch: 1, follow: false, from: 'since_boot', ...request }, write: (line: Line) => { lines.push(line); return roomy() } })
      await tailLogHandler(desk)(call as unknown as Call, stop)
      return lines
    }
  }
}

const noon = Date.UTC(2026, 10, 23, 12)
const entry = (seconds: number, msg: string): string => `${JSON.stringify({ level: 'info', msg, time: new Date(noon + seconds * 1000).toISOString() })}\n`
const label = (atMs: number): string => `@${((1n << 62n) + 10n + BigInt(Math.floor(atMs / 1000))).toString(16)}00000000`
const messages = (lines: readonly Line[]): string[] => lines.map(({ text }) => text.startsWith('{') ? (JSON.parse(text) as { msg: string }).msg : text)

void t.test('behind the mark, and since an instant, also out of compressed files', async (t) => {
  const { path, marks, tail } = caller(t)
  writeFileSync(join(dirname(path), `${label(noon)}.s`), gzipSync(entry(-20, 'yesterday')))
  writeFileSync(path, entry(1, 'before'))
  marks.push({ stoppedAtMs: noon + 2000, log: { inode: statSync(path).ino, offset: statSync(path).size } })
  appendFileSync(path, entry(3, 'Starting Gitaly'))
  renameSync(path, join(dirname(path), 'x'))
  writeFileSync(path, entry(6, 'newest'))
  writeFileSync(join(dirname(path), `${label(noon + 5000)}.s`), gzipSync(entry(1, 'before') + entry(3, 'Starting Gitaly')))
  rmSync(join(dirname(path), 'x'))
  t.same(messages(await tail({})), ['Starting Gitaly', 'newest'])
  t.same(messages(await tail({ from: 'since_ms', since_ms: noon + 2000 })), ['Starting Gitaly', 'newest'])
  t.same(messages(await tail({ from: 'since_ms', since_ms: noon - 60_000 })), ['yesterday', 'before', 'Starting Gitaly', 'newest'])
  t.match(await tail({}), [{ class: 'LOG_LINE_CLASS_START_MARKER', time_ms: noon + 3000 }, { class: 'LOG_LINE_CLASS_INFO' }])
})

void t.test('a log that is not there, or cannot be read, is told and not shown as an empty one', async (t) => {
  const missing = caller(t)
  await t.rejects(missing.tail({}), { code: 'NOT_FOUND', message: /current does not exist/ })
  const stop = new AbortController()
  const following = missing.tail({ follow: true }, { stop: stop.signal })
  writeFileSync(missing.path, entry(1, 'first'))
  setTimeout(() => { stop.abort() }, 600)
  const heard = await following
  t.match(heard, [{ class: 'LOG_LINE_CLASS_GAP', text: /waiting for it/ }, { class: 'LOG_LINE_CLASS_INFO' }], 'and followed once it comes')
  const folder = mkdtempSync('/tmp/pitstop-loop-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  symlinkSync('loop', join(folder, 'loop'))
  await t.rejects(caller(t, join(folder, 'loop/current')).tail({}), { code: 'COMMAND_FAILED', message: /cannot be read/ })
})

void t.test('a slow reader, a line without end and bytes that are no text fill no memory', async (t) => {
  const { path, tail } = caller(t)
  const fd = openSync(path, 'w')
  const piece = Buffer.alloc(1024 * 1024, 'x')
  for (let count = 0; count < 60; count++) writeSync(fd, piece)
  writeSync(fd, Buffer.from([0x0a, 0xff, 0x00, 0xfe, 0x0a]))
  for (let count = 0; count < 20; count++) writeSync(fd, Buffer.from(entry(1, 'y'.repeat(1000)).repeat(1000)))
  closeSync(fd)
  const before = process.memoryUsage().rss
  const stop = new AbortController()
  let told = 0
  const held = tail({}, { stop: stop.signal, roomy: () => { told++; return told < 100 } })
  for (let count = 0; count < 20; count++) await new Promise((resolve) => { setTimeout(resolve, 50) })
  t.ok(told < 300, `${told} of 20002 lines were told to a reader that stopped after 100`)
  t.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024, `${Math.round((process.memoryUsage().rss - before) / 1024 / 1024)} MiB`)
  stop.abort()
  const lines = await held
  t.match(lines[0]?.text, /^x{65536} … \[the line goes on\]$/)
  t.match(lines[1], { text: '\ufffd\0\ufffd', class: 'LOG_LINE_CLASS_UNKNOWN' })
})
