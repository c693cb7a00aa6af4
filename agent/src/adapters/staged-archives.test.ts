// The download directory belongs to _apt, the agent is root: what lies there is copied while it is hashed, and nothing of it
// is followed, moved or given other rights.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, linkSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { prepareDirectories } from './apt-directories.ts'
import { StagedArchives } from './staged-archives.ts'

const content = 'x'.repeat(600_000)
const stanza = { name: 'one', version: '2', file: 'one_2_all.deb', size: content.length, sha256: createHash('sha256').update(content).digest('hex'), installedKb: 1, text: '' }
const staged = { ...stanza, origin: '', security: false, stagedAtMs: 0 }

function world(t: { teardown(undo: () => void): void }): { archives: StagedArchives, from: string, to: string, folder: string, elsewhere: string } {
  const root = mkdtempSync('/tmp/pitstop-staged-')
  t.teardown(() => rmSync(root, { recursive: true }))
  const directories = prepareDirectories(root, [])
  const elsewhere = join(root, 'shadow')
  writeFileSync(elsewhere, content)
  chmodSync(elsewhere, 0o600)
  return { archives: new StagedArchives(root, directories), from: join(directories.download, stanza.file), to: join(directories.staged, stanza.file), folder: directories.staged, elsewhere }
}

void t.test('a whole download becomes a file of our own; who made it may go on writing its own', async (t) => {
  const { archives, from, to, folder } = world(t)
  writeFileSync(from, content)
  chmodSync(from, 0o600)
  const { ino } = statSync(from)
  t.same(await archives.takeIn([stanza]), [])
  t.equal(readFileSync(to, 'utf8'), content)
  t.not(statSync(to).ino, ino, 'another inode: a descriptor that was kept leads nowhere')
  t.match(statSync(to), { uid: process.getuid?.(), nlink: 1 })
  t.equal(statSync(to).mode & 0o777, 0o644)
  t.notOk(existsSync(from))
  t.same(readdirSync(folder), [stanza.file])
  t.same(await archives.whole([staged]), [staged])
  writeFileSync(to, content.replace('x', 'y'))
  t.same(await archives.whole([staged]), [], 'changed since')
})

void t.test('a link, a hard link, a FIFO, a directory or another content is not taken in, and stays as it is', async (t) => {
  const cases: Readonly<Record<string, (from: string, elsewhere: string) => void>> = {
    'nothing': () => undefined,
    'symlink': (from, elsewhere) => { symlinkSync(elsewhere, from) },
    'hard link': (from, elsewhere) => { linkSync(elsewhere, from) },
    'FIFO': (from) => { spawnSync('mkfifo', [from]) },
    'directory': (from) => { spawnSync('mkdir', [from]) },
    'changed': (from) => { writeFileSync(from, content.replace(/x$/, 'y')) },
    'longer': (from) => { writeFileSync(from, `${content}x`) }
  }
  for (const [name, place] of Object.entries(cases)) {
    const { archives, from, folder, elsewhere } = world(t)
    place(from, elsewhere)
    const before = lstatSync(from, { throwIfNoEntry: false })?.mode
    t.same(await archives.takeIn([stanza]), [stanza], name)
    t.same(readdirSync(folder), [], name)
    t.equal(lstatSync(from, { throwIfNoEntry: false })?.mode, before, name)
    t.equal(statSync(elsewhere).mode & 0o777, 0o600, `${name}: a file elsewhere keeps its mode`)
  }
})
