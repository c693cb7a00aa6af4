// Following Gitaly's log loses and repeats no line over svlogd's rotation, also over stop and start; what is lost for good
// is said. The writer is a process of its own that really rotates: rename current to @….u, new current, then .s.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Tail } from 'tail'
import { type LogPosition, placeOf } from './log-place.ts'
import { followLog } from './log-follow.ts'
import { readToEnd } from './log-reader.ts'

const writerProgram = `
const fs = require('node:fs')
const [dir, lines, perFile, batch, pauseMs, gapMs] = [process.argv[1], ...process.argv.slice(2).map(Number)]
const current = dir + '/current'
let fd = fs.openSync(current, 'a'), inFile = 0, rotation = 0
const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
for (let i = 0; i < lines; i++) {
  fs.writeSync(fd, 'line ' + i + ' äöü ' + 'x'.repeat(i % 60) + '\\n')
  if (++inFile >= perFile) {
    fs.fsyncSync(fd); fs.closeSync(fd)
    const name = dir + '/@4000000065' + String(rotation++).padStart(14, '0')
    fs.renameSync(current, name + '.u')
    if (gapMs) sleep(gapMs)
    fd = fs.openSync(current, 'a'); inFile = 0
    fs.renameSync(name + '.u', name + '.s')
  }
  if (i % batch === 0 && pauseMs) sleep(pauseMs)
}
fs.closeSync(fd)
`
const writer = (folder: string, lines: number, perFile: number, batch: number, pauseMs: number, gapMs = 0): ChildProcess => {
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawn(process.execPath, ['-e', writerProgram, folder, ...[lines, perFile, batch, pauseMs, gapMs].map(String)], { stdio: 'inherit', env })
}
const numbers = (lines: readonly string[]): number[] => lines.map((line) => Number(/^line (\d+) äöü x*$/.exec(line)?.[1] ?? -1))
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

const fresh = (t: { teardown: (undo: () => void) => void }): string => {
  const folder = mkdtempSync('/tmp/pitstop-log-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}
const until = async (what: string, condition: () => boolean): Promise<void> => {
  for (const end = Date.now() + 30_000; !condition();) {
    if (Date.now() > end) throw new Error(`${what} did not come`)
    await new Promise((resolve) => { setTimeout(resolve, 10) })
  }
}

void t.test('every line once and in order, over many rotations and a pause without current', async (t) => {
  const folder = fresh(t)
  const lines: string[] = []
  const gaps: string[] = []
  const positions: LogPosition[] = []
  const follower = followLog(join(folder, 'current'), undefined, { line: (text, at) => { lines.push(text); positions.push(at) }, gap: (text) => gaps.push(text) })
  // The log does not exist yet; its first file is followed from its beginning.
  const process = writer(folder, 40_000, 5000, 100, 2, 300)
  await until('the first line', () => lines.length > 0)
  await until('all lines', () => lines.length >= 40_000)
  if (process.exitCode === null) await once(process, 'exit')
  follower.close()
  t.same(gaps, [])
  t.equal(lines.length, 40_000)
  t.same(numbers(lines), upTo(40_000))
  t.ok(positions.every((at, index) => index === 0 || at.inode !== positions[index - 1]?.inode || at.offset > (positions[index - 1]?.offset ?? 0)), 'offsets grow within a file')
})

void t.test('stopping and starting from the checkpoint loses and repeats nothing', async (t) => {
  const folder = fresh(t)
  writeFileSync(join(folder, 'current'), '')
  const lines: string[] = []
  const gaps: string[] = []
  let from: LogPosition | undefined = { inode: statSync(join(folder, 'current')).ino, offset: 0 }
  const process = writer(folder, 20_000, 1500, 50, 4)
  let cycles = 0
  while (lines.length < 20_000) {
    const begun = lines.length
    const follower = followLog(join(folder, 'current'), from, { line: (text) => lines.push(text), gap: (text) => gaps.push(text) })
    await until('some lines', () => lines.length > begun + 700 || lines.length >= 20_000)
    follower.close()
    from = follower.position()
    cycles++
  }
  if (process.exitCode === null) await once(process, 'exit')
  t.ok(cycles > 5, `${cycles} cycles`)
  t.same(gaps, [])
  t.same(numbers(lines), upTo(20_000))
})

void t.test('a slow reader pauses the follower and still gets everything', async (t) => {
  const folder = fresh(t)
  const lines: string[] = []
  let paused = false
  writeFileSync(join(folder, 'current'), upTo(30_000).map((i) => `line ${i} äöü `).join('\n') + '\n')
  const follower = followLog(join(folder, 'current'), { inode: statSync(join(folder, 'current')).ino, offset: 0 }, {
    line: (text) => { lines.push(text); if (lines.length === 1000) { paused = true; follower.pause() } },
    gap: (text) => t.fail(text)
  })
  await until('the pause', () => paused)
  await new Promise((resolve) => { setTimeout(resolve, 300) })
  t.ok(lines.length < 8000, `${lines.length} lines of 30000 while paused`)
  follower.resume()
  await until('all lines', () => lines.length === 30_000)
  follower.close()
  t.same(numbers(lines), upTo(30_000))
})

void t.test('what is lost for good is said: truncation, and a file that is gone', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  writeFileSync(current, 'line 0 äöü \nline 1 äöü \n')
  const lines: string[] = []
  const gaps: string[] = []
  const follower = followLog(current, { inode: statSync(current).ino, offset: 0 }, { line: (text) => lines.push(text), gap: (text) => gaps.push(text) })
  await until('both lines', () => lines.length === 2)
  truncateSync(current, 0)
  await until('the gap', () => gaps.length === 1)
  appendFileSync(current, 'line 2 äöü \n')
  await until('the next line', () => lines.length === 3)
  follower.close()
  t.match(gaps, [/truncated/])
  t.same(numbers(lines), [0, 1, 2])

  const gone: string[] = []
  const after: string[] = []
  t.match(placeOf(current, { inode: 1, offset: 5 }), { lost: true })
  await readToEnd(current, { inode: 1, offset: 5 }, { line: (text) => after.push(text), gap: (text) => gone.push(text) })
  t.match(gone, [/gone/])
  t.same(numbers(after), [2])
  await readToEnd(current, { inode: statSync(current).ino, offset: 999_999 }, { line: () => undefined, gap: (text) => gone.push(text) })
  t.match(gone[1], /truncated/)
})

void t.test('a file that is compressed while it is held open is finished first, without a false gap', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  writeFileSync(current, 'line 0 äöü \n')
  const lines: string[] = []
  const gaps: string[] = []
  const follower = followLog(current, { inode: statSync(current).ino, offset: 0 }, { line: (text) => lines.push(text), gap: (text) => gaps.push(text) })
  await until('the first line', () => lines.length === 1)
  appendFileSync(current, 'line 1 äöü \n')
  renameSync(current, join(folder, '@400000006500000000000001.u'))
  writeFileSync(join(folder, '@400000006500000000000001.s'), 'compressed')
  unlinkSync(join(folder, '@400000006500000000000001.u'))
  writeFileSync(current, 'line 2 äöü \n')
  await until('all lines', () => lines.length === 3)
  follower.close()
  t.same([numbers(lines), gaps], [[0, 1, 2], []])
})

void t.test('reading to the end keeps an unfinished line for the next time', async (t) => {
  const folder = fresh(t)
  const current = join(folder, 'current')
  const lines: string[] = []
  const sink = { line: (text: string): void => { lines.push(text) }, gap: (text: string): void => { t.fail(text) } }
  t.equal(await readToEnd(current, undefined, sink), undefined, 'no log yet')
  writeFileSync(current, 'one\ntw')
  let at = (await readToEnd(current, undefined, sink))?.position
  t.same(lines, ['one'])
  appendFileSync(current, 'o\n')
  renameSync(current, join(folder, '@400000006500000000000000.s'))
  writeFileSync(current, 'three\n')
  at = (await readToEnd(current, at, sink))?.position
  t.same(lines, ['one', 'two', 'three'])
  t.match(at, { inode: statSync(current).ino, offset: 6 })
})

void t.test('bare tail on the same writer loses lines: why this wrapper exists', async (t) => {
  const folder = fresh(t)
  writeFileSync(join(folder, 'current'), '')
  let seen = 0
  const bare = new Tail(join(folder, 'current'), { fromBeginning: true })
  bare.on('line', () => { seen++ })
  bare.on('error', () => undefined)
  const process = writer(folder, 40_000, 5000, 100, 2)
  await once(process, 'exit')
  await new Promise((resolve) => { setTimeout(resolve, 1500) })
  bare.unwatch()
  t.ok(seen < 40_000, `${seen} of 40000 lines in ${readdirSync(folder).length} files`)
})
