// Reading Gitaly's log as svlogd leaves it: rotated, compressed, cut off by a power failure, in the middle of a rotation.
// File names, their times and the end of an unclean run are those of a real svlogd 2.1.2.
import { appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import t from 'tap'
import { LineSplitter, longestLine } from './line-splitter.ts'
import { earlierStart } from './log-earlier-start.ts'
import { logChain, rotatedAtMs } from './log-files.ts'
import { type LogPosition, positionAt } from './log-place.ts'
import { followLog } from './log-follow.ts'
import { readToEnd } from './log-reader.ts'

const fresh = (t: { teardown: (undo: () => void) => void }): string => {
  const folder = mkdtempSync('/tmp/pitstop-log-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}
/** runit's label of an instant. */
const label = (atMs: number): string => `@${((1n << 62n) + 10n + BigInt(Math.floor(atMs / 1000))).toString(16)}${((atMs % 1000) * 1_000_000).toString(16).padStart(8, '0')}`
const inode = (path: string): number => statSync(path).ino
const sinkOf = (): { lines: string[], gaps: string[], line: (text: string) => void, gap: (text: string) => void } => {
  const lines: string[] = []
  const gaps: string[] = []
  return { lines, gaps, line: (text) => { lines.push(text) }, gap: (text) => { gaps.push(text) } }
}
/** As svlogd with "!gzip" does it: .u, compressed into .t, renamed to .s, .u removed. */
function rotateAndCompress(folder: string, atMs: number, until: 'u' | 't' | 'both' | 's' = 's'): void {
  const name = join(folder, label(atMs))
  renameSync(join(folder, 'current'), `${name}.u`)
  writeFileSync(join(folder, 'current'), '')
  if (until === 'u') return
  writeFileSync(`${name}.t`, gzipSync(readFileSync(`${name}.u`)))
  if (until === 't') return
  renameSync(`${name}.t`, `${name}.s`)
  if (until === 'both') return
  unlinkSync(`${name}.u`)
}

/** A full hour to come: whatever file is made here is older, for one that was made after the position was taken is another. */
const noon = Math.ceil(Date.now() / 3_600_000) * 3_600_000 + 3_600_000

void t.test('the time of a rotation stands in the file\'s name', (t) => {
  t.equal(rotatedAtMs({ path: '/x/@400000006b03b4283532b0c4.s' }), Date.parse('2026-11-23T03:33:50.892Z'), 'of a real one')
  t.equal(rotatedAtMs({ path: '/x/current' }), undefined)
  t.end()
})

void t.test('a log that was rotated and compressed between the stop and the look is read on behind the mark', async (t) => {
  for (const until of ['u', 't', 'both', 's'] as const) {
    const folder = fresh(t)
    const current = join(folder, 'current')
    writeFileSync(current, 'before 1\nbefore 2\n')
    const mark: LogPosition = { inode: inode(current), offset: 18 }
    appendFileSync(current, 'after 1\n')
    rotateAndCompress(folder, noon + 1000, until)
    appendFileSync(current, 'after 2\n')
    rotateAndCompress(folder, noon + 2000)
    appendFileSync(current, 'after 3\n')
    const seen = sinkOf()
    const reading = await readToEnd(current, mark, seen, { takenAtMs: noon })
    t.same([seen.lines, seen.gaps], [['after 1', 'after 2', 'after 3'], []], until)
    t.equal(logChain(current).length, 3, 'no file twice')
    t.match(reading, { position: { inode: inode(current), offset: 8, follows: label(noon + 2000) }, cut: false })
    appendFileSync(current, 'after 4\n')
    await readToEnd(current, reading?.position, seen, { takenAtMs: noon + 3000 })
    t.same(seen.lines.at(-1), 'after 4', 'and nothing twice')
    t.equal(seen.lines.length, 4)
  }
})

void t.test('who goes on from where he was finds the file again after its compression, by the file before it', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  writeFileSync(current, 'a\n')
  const seen = sinkOf()
  const first = await readToEnd(current, undefined, seen)
  for (const round of [1, 2]) {
    appendFileSync(current, `b${round}\n`)
    rotateAndCompress(folder, noon + round * 1000)
  }
  writeFileSync(current, 'c\n')
  await readToEnd(current, first?.position, seen)
  t.same([seen.lines, seen.gaps], [['a', 'b1', 'b2', 'c'], []])
})

void t.test('the half line that a power cut left at the end of a file is told', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  writeFileSync(current, 'whole\nhal')
  const mark = { inode: inode(current), offset: 0 }
  // What svlogd finds unfinished when it starts again gets a name and is never compressed.
  rotateAndCompress(folder, noon + 1000, 'u')
  writeFileSync(current, 'next\n')
  const seen = sinkOf()
  await readToEnd(current, mark, seen, { takenAtMs: noon })
  t.same([seen.lines, seen.gaps], [['whole', 'hal', 'next'], []])
})

void t.test('a file that is renamed or compressed while the ones before it are read is not skipped', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  writeFileSync(current, 'line 0\n')
  const mark: LogPosition = { inode: inode(current), offset: 0 }
  rotateAndCompress(folder, noon + 1000)
  writeFileSync(current, 'line 1\n')
  let rotations = 0
  const seen = sinkOf()
  const reading = await readToEnd(current, mark, { gap: seen.gap, line: (text) => {
    seen.line(text)
    if (rotations > 2) return
    rotations++
    rotateAndCompress(folder, noon + 1000 + rotations * 1000)
    writeFileSync(current, `line ${rotations + 1}\n`)
  } }, { takenAtMs: noon })
  t.same([seen.lines, seen.gaps], [['line 0', 'line 1', 'line 2', 'line 3', 'line 4'], []])
  t.match(reading, { position: { inode: inode(current) }, cut: false })
})

void t.test('what was rotated away without a trace, or is not the file of the mark, is a gap', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  writeFileSync(current, 'x\n')
  const gone = sinkOf()
  await readToEnd(current, { inode: 1, offset: 3 }, gone, { takenAtMs: noon })
  t.match(gone.gaps, [/gone/])
  const younger = mkdtempSync('/tmp/pitstop-log-')
  t.teardown(() => rmSync(younger, { recursive: true }))
  writeFileSync(join(younger, `${label(noon + 60_000)}.s`), gzipSync(entry(30, 'info', 'begun after the mark') + 'x\n'))
  writeFileSync(join(younger, 'current'), '')
  const deleted = sinkOf()
  await readToEnd(join(younger, 'current'), { inode: 1, offset: 0 }, deleted, { takenAtMs: noon })
  t.match(deleted.gaps, [/gone/], 'the file of the mark was deleted; the next one is not it')
  const reused = sinkOf()
  await readToEnd(current, { inode: inode(current), offset: 2 }, reused, { takenAtMs: Date.now() - 10_000 })
  t.match(reused.gaps, [/gone/], 'a file that was made later has only its number')
  writeFileSync(join(folder, `${label(noon + 1)}.s`), gzipSync('a line\nanother\n'))
  const other = sinkOf()
  await readToEnd(current, { inode: 1, offset: 3 }, other, { takenAtMs: noon })
  t.match(other.gaps, [/not the file that was read before/])
  const short = sinkOf()
  await readToEnd(current, { inode: 1, offset: 300 }, short, { takenAtMs: noon })
  t.match(short.gaps, [/holds only 15 bytes, not 300/])
  writeFileSync(join(folder, `${label(noon + 1)}.s`), gzipSync('a line\n'.repeat(1000)).subarray(0, 40))
  const damaged = sinkOf()
  await readToEnd(current, { inode: 1, offset: 0 }, damaged, { takenAtMs: noon })
  t.match(damaged.gaps, [/cannot be uncompressed/])
})

void t.test('a line without end: its head is told, the rest costs neither memory nor another reading', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  const fd = openSync(current, 'w')
  const megabyte = Buffer.alloc(1024 * 1024, 'x')
  for (let count = 0; count < 100; count++) writeSync(fd, megabyte)
  const seen = sinkOf()
  const before = process.memoryUsage().rss
  let reading = await readToEnd(current, { inode: inode(current), offset: 0 }, seen)
  t.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024, `${Math.round((process.memoryUsage().rss - before) / 1024 / 1024)} MiB for a line of 100`)
  t.match(reading?.position, { inode: inode(current), offset: 100 * 1024 * 1024, inLine: true }, 'it is not read again')
  writeSync(fd, 'yyy\nnext\n')
  closeSync(fd)
  reading = await readToEnd(current, reading?.position, seen)
  t.equal(seen.lines.length, 2)
  t.match(seen.lines[0], /^x{65536} … \[the line goes on\]$/)
  t.equal(seen.lines[1], 'next')
  t.match(reading?.position, { inode: inode(current), offset: 100 * 1024 * 1024 + 9, inLine: undefined })
  const followed = sinkOf()
  const follower = followLog(current, { inode: inode(current), offset: 0 }, followed)
  for (const end = Date.now() + 20_000; followed.lines.length < 2 && Date.now() < end;) await new Promise((resolve) => { setTimeout(resolve, 20) })
  follower.close()
  t.same(followed.lines.map((line) => line.length), [65_557, 4], 'also when it is followed')
})

void t.test('zeros and bytes that are no text are lines like others', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  writeFileSync(current, Buffer.concat([Buffer.from('one\n'), Buffer.alloc(3), Buffer.from('two\n'), Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from('three\r\n')]))
  const seen = sinkOf()
  await readToEnd(current, { inode: inode(current), offset: 0 }, seen)
  t.same(seen.lines, ['one', '\0\0\0two', '\ufffd\ufffd', 'three'])
  const long = [1, 2, 3, 4, 5].map((digit) => `${digit}`.repeat(50_000))
  writeFileSync(current, long.map((line) => `${line}\n`).join(''))
  const whole = sinkOf()
  await readToEnd(current, { inode: inode(current), offset: 0 }, whole)
  t.same(whole.lines, long, 'also over the borders of what is read at once')
})

void t.test('no log is told from a log that cannot be read', async (t) => {
  const folder = fresh(t)
  t.equal(await readToEnd(join(folder, 'none', 'current'), undefined, sinkOf()), undefined)
  symlinkSync('loop', join(folder, 'loop'))
  await t.rejects(readToEnd(join(folder, 'loop', 'current'), undefined, sinkOf()), { code: 'ELOOP' })
  const gaps: string[] = []
  const follower = followLog(join(folder, 'loop', 'current'), undefined, { line: () => undefined, gap: (text) => { gaps.push(text) } })
  for (let count = 0; count < 5; count++) await new Promise((resolve) => { setTimeout(resolve, 100) })
  follower.close()
  t.match(gaps, [/cannot be read.*ELOOP/], 'said once')
  t.equal(gaps.length, 1)
})

void t.test('lines come out of any blocks as they went in, each with its offset', (t) => {
  fc.assert(fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'ä', '\n', '\0', '€') }), { maxLength: 12 }), fc.array(fc.nat(20)), (texts, cuts) => {
    const bytes = Buffer.from(texts.join(''))
    const expected = bytes.toString('utf8').split('\n').slice(0, -1)
    const told: string[] = []
    const splitter = new LineSplitter({ offset: 7 }, (text, offset) => {
      told.push(text)
      if (offset < 7 || !bytes.subarray(offset - 7).toString('utf8').startsWith(text)) throw new Error(`offset ${offset}`)
    })
    let at = 0
    for (const cut of [...cuts, bytes.length]) { splitter.push(bytes.subarray(at, at + cut)); at = Math.min(bytes.length, at + cut) }
    splitter.push(bytes.subarray(at))
    if (JSON.stringify(told) !== JSON.stringify(expected)) throw new Error(`${JSON.stringify(told)} is not ${JSON.stringify(expected)}`)
    if (splitter.position.offset !== 7 + bytes.lastIndexOf(10) + 1) throw new Error('position')
  }))
  const told: string[] = []
  const splitter = new LineSplitter({ offset: 0 }, (text) => { told.push(text) })
  splitter.push(Buffer.alloc(longestLine, 'x'))
  splitter.push(Buffer.from('\n'))
  t.same(told.map((text) => text.length), [longestLine], 'the longest line is whole')
  t.end()
})

const entry = (seconds: number, level: string, msg: string, rest: object = {}): string => `${JSON.stringify({ level, msg, time: new Date(noon + seconds * 1000).toISOString(), ...rest })}\n`
const start = (seconds: number, error: string): string => entry(seconds, 'info', 'Starting Gitaly', { version: '18.5' }) + entry(seconds + 1, 'error', error) + entry(seconds + 2, 'info', 'Started Gitaly')

void t.test('the errors of the last start before the stop are found, however far back and however rotated', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  const work = (seconds: number): string => entry(seconds, 'info', 'finished unary call with code OK', { request: 'Starting Gitaly is what this says' })
  writeFileSync(current, start(0, 'older') + start(1000, 'cgroup not there') + work(1003).repeat(20_000) + entry(2000, 'error', 'housekeeping failed'))
  const mark: LogPosition = { inode: inode(current), offset: statSync(current).size }
  appendFileSync(current, start(3000, 'behind the mark'))
  const patterns = async (): Promise<unknown> => {
    const found = await earlierStart(current, mark, noon + 2500_000)
    return 'none' in found ? found.none : [found.atMs - noon, found.testimony.errors.map(({ text }) => (JSON.parse(text) as { msg: string }).msg)]
  }
  t.same(await patterns(), [1_000_000, ['cgroup not there']])
  rotateAndCompress(folder, noon + 3_500_000)
  t.same(await patterns(), [1_000_000, ['cgroup not there']], 'the file of the mark was compressed since')

  const soon = fresh(t)
  writeFileSync(join(soon, 'current'), start(0, 'at the start'))
  const stop: LogPosition = { inode: inode(join(soon, 'current')), offset: statSync(join(soon, 'current')).size }
  appendFileSync(join(soon, 'current'), entry(10, 'error', 'behind the mark'))
  const bounded = await earlierStart(join(soon, 'current'), stop, noon + 5000)
  t.equal('none' in bounded ? 0 : bounded.testimony.errors.length, 1, 'what stands behind the mark is no witness')

  const second = fresh(t)
  const path = join(second, 'current')
  writeFileSync(path, start(0, 'older') + start(1000, 'first half'))
  rotateAndCompress(second, noon + 1_003_000)
  writeFileSync(path, entry(1004, 'error', 'second half') + work(1005))
  const later: LogPosition = { inode: inode(path), offset: statSync(path).size }
  const found = await earlierStart(path, later, noon + 2_000_000)
  t.same('none' in found ? found.none : found.testimony.errors.map(({ text }) => (JSON.parse(text) as { msg: string }).msg), ['first half', 'second half'], 'over a rotation in the middle of the start')
})

void t.test('no earlier start is told as such, and a big log is given up', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  writeFileSync(current, entry(0, 'warning', 'nothing of a start'))
  t.match(await earlierStart(current, { inode: inode(current), offset: statSync(current).size }, noon), { none: /no start of Gitaly/ })
  t.match(await earlierStart(current, { inode: 1, offset: 5 }, noon), { none: /no start of Gitaly/ })
})

void t.test('where the lines of an instant begin', (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  t.equal(positionAt(current, noon), undefined)
  for (const seconds of [10, 20]) writeFileSync(join(folder, `${label(noon + seconds * 1000)}.s`), 'x\n')
  writeFileSync(current, 'x\n')
  const [first, second] = logChain(current)
  t.same([5, 15, 25].map((seconds) => positionAt(current, noon + seconds * 1000)?.inode), [first?.inode, second?.inode, inode(current)])
  t.end()
})
