// Gitaly's user owns the log's folder: what lies there instead of a log holds nobody up and is never followed elsewhere.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { logChain } from './log-files.ts'
import { followLog } from './log-follow.ts'
import { logStats, openLog } from './log-open.ts'
import { newestPosition } from './log-place.ts'
import { readToEnd } from './log-reader.ts'

const nobody = { line: () => undefined, gap: () => undefined }

void t.test('what is no regular file is a fault at once, by every reader', async (t) => {
  const folder = mkdtempSync('/tmp/pitstop-log-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  const current = join(folder, 'current')
  writeFileSync(join(folder, 'secret'), 'root:x\n')
  mkdirSync(join(folder, 'logs'))
  const cases: readonly [string, () => void][] = [
    ['a FIFO', () => { spawnSync('mkfifo', [current]) }],
    ['a link to elsewhere', () => { symlinkSync(join(folder, 'secret'), current) }],
    ['a link upwards', () => { symlinkSync('../secret', current) }],
    ['a link to a link', () => { symlinkSync('/etc/passwd', join(folder, 'second')); symlinkSync('second', current) }],
    ['a link to a FIFO', () => { spawnSync('mkfifo', [join(folder, 'pipe')]); symlinkSync('pipe', current) }],
    ['a device', () => { symlinkSync('/dev/zero', current) }]
  ]
  const refused = { code: 'COMMAND_FAILED', message: `the log ${current} is no regular file` }
  for (const [name, place] of cases) {
    place()
    t.throws(() => openLog(current), refused, name)
    t.throws(() => logStats(current), refused, name)
    t.throws(() => logChain(current), refused, name)
    t.throws(() => newestPosition(current), refused, name)
    await t.rejects(readToEnd(current, undefined, nobody), refused, name)
    const gaps: string[] = []
    followLog(current, undefined, { ...nobody, gap: (text) => { gaps.push(text) } }).close()
    t.match(gaps, [/cannot be read.*no regular file/], name)
    unlinkSync(current)
  }
  t.throws(() => openLog(join(folder, 'logs')), { code: 'COMMAND_FAILED' }, 'a folder')
})

void t.test('the folder may be a link, and a link may lead to a neighbour', (t) => {
  const folder = mkdtempSync('/tmp/pitstop-log-')
  t.teardown(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'disk'))
  symlinkSync('disk', join(folder, 'logs'))
  writeFileSync(join(folder, 'disk/gitaly.log'), 'a line\n')
  symlinkSync('gitaly.log', join(folder, 'disk/current'))
  closeSync(openLog(join(folder, 'logs/gitaly.log')))
  closeSync(openLog(join(folder, 'logs/current')))
  t.match(logChain(join(folder, 'logs/current')), [{ size: 7, inode: logStats(join(folder, 'disk/gitaly.log')).ino }])
  t.throws(() => openLog(join(folder, 'none')), { code: 'ENOENT' })
  t.end()
})
