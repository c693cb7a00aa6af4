// Real directories: what is found there, and that every step of the way to a hook counts.
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { placeHook } from '../fixtures/hook-files.ts'
import { hooksOf } from './hooks.ts'

const uid = process.geteuid?.() ?? 0
const settings = { directory: '/etc/pitstop/hooks.d', deadlineMs: 1000, undoAfterMs: 1000 }

function world(t: { teardown(undo: () => unknown): void }): string {
  const root = mkdtempSync(join(tmpdir(), 'pitstop-hooks-'))
  t.teardown(() => { rmSync(root, { recursive: true, force: true }) })
  return root
}

void t.test('no directory: no hooks, and nothing in the way', (t) => {
  const root = world(t)
  t.match(hooksOf({ root, hooks: settings }).readAll(), [{ stage: 'before-upgrade', hooks: [], problems: [] }, { stage: 'before-reboot', problems: [] }, { stage: 'after-ready', problems: [] }])
  t.end()
})

void t.test('hooks, their undos, what is ignored', (t) => {
  const root = world(t)
  for (const name of ['60-b', '50-a', '50-a.undo', 'x.dpkg-old']) placeHook(root, `before-upgrade/${name}`)
  mkdirSync(join(root, 'etc/pitstop/hooks.d/before-upgrade/folder'))
  const found = hooksOf({ root, hooks: settings }, [uid]).read('before-upgrade')
  t.match(found, { hooks: [{ name: '50-a', undo: /50-a\.undo$/ }, { name: '60-b' }], problems: [] })
  t.match(found.ignored, [/folder: not a regular file/, /x\.dpkg-old: the name/])
  t.end()
})

void t.test('each parent, the file, its undo and a link\'s target must be safe; each is named once', (t) => {
  const root = world(t)
  const hook = placeHook(root, 'before-reboot/50-a')
  placeHook(root, 'before-reboot/50-a.undo', '', 0o757)
  placeHook(root, 'before-reboot/60-b')
  const texts = (owners = [uid]): readonly string[] => hooksOf({ root, hooks: settings }, owners).read('before-reboot').problems.map(({ text }) => text.replace(root, ''))
  t.match(texts(), [/^\/etc\/pitstop\/hooks\.d\/before-reboot\/50-a\.undo is writable by everybody/])
  chmodSync(`${hook}.undo`, 0o755)
  t.same(texts(), [])
  chmodSync(join(root, 'etc/pitstop'), 0o775)
  t.match(texts(), [/^\/etc\/pitstop is writable by its group/])
  t.equal(texts().length, 1, 'once, though three files lie below it')
  chmodSync(join(root, 'etc/pitstop'), 0o755)
  mkdirSync(join(root, 'opt'), { mode: 0o755 })
  writeFileSync(join(root, 'opt/tool'), '#!/bin/sh\n', { mode: 0o755 })
  symlinkSync('../../../../opt/tool', join(root, 'etc/pitstop/hooks.d/before-reboot/70-link'))
  t.same(texts(), [])
  chmodSync(join(root, 'opt'), 0o777)
  t.match(texts(), [/^\/opt is writable/], 'the way behind the link')
  chmodSync(join(root, 'opt'), 0o755)
  t.ok(texts([uid + 1]).every((text) => text.includes(`owned by uid ${uid}`)) && texts([uid + 1]).length > 4, 'another owner is trusted: then nothing here is')
  t.end()
})

void t.test('right before the start the file is looked at again, and a file without #! would be a shell\'s', (t) => {
  const root = world(t)
  const hook = placeHook(root, 'after-ready/50-a')
  const hooks = hooksOf({ root, hooks: settings }, [uid])
  t.same(hooks.distrusted(hook), [])
  writeFileSync(hook, 'echo hello\n')
  t.match(hooks.distrusted(hook), [{ code: 'HOOK_REFUSED', text: /neither begins with #!/ }])
  rmSync(hook)
  linkSync(process.execPath, hook)
  t.match(hooks.distrusted(hook).filter(({ text }) => text.includes('#!')), [], 'an ELF program')
  rmSync(hook)
  t.match(hooks.distrusted(hook), [{ code: 'HOOK_REFUSED', text: /cannot be looked at/ }])
  symlinkSync('50-a', hook)
  t.match(hooks.distrusted(hook), [{ code: 'HOOK_REFUSED', text: /too many links/ }])
  t.end()
})
