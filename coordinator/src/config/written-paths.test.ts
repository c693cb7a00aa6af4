// Two names of one file are one file: the break-glass file replaces what it leads to, and that may be the store.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { asFault } from '@pitstop/shared/fault'
import { parseSettings } from '../config.ts'
import { realPath } from './real-path.ts'

/** real/, a link to it, and room for more. */
function folder(t: { teardown(end: () => unknown): void }): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'pitstop-paths-')))
  t.teardown(() => { rmSync(root, { recursive: true, force: true }) })
  mkdirSync(join(root, 'real'))
  symlinkSync('real', join(root, 'link'))
  return root
}

function problems(root: string, store: string, breakGlass: string, more = ''): string[] {
  const text = `fleet: lab\naddress: pitstop.test:7443\nlisten: { http: 127.0.0.1:8080, agents: 0.0.0.0:7442 }\ntls: { certificate: /pki/c.pem, key: ${root}/real/c.key, authority: /pki/ca.pem }
gitlab: { url: https://gitlab.test, token-file: /etc/token }\ninventory: { file: /etc/nodes.yml }\nstore: ${root}/${store}\nbreak-glass: ${root}/${breakGlass}\n${more}`
  try {
    parseSettings('c.yml', text)
    return []
  } catch (error) {
    return asFault(error).reasons.map((reason) => reason.text)
  }
}

void t.test('break-glass and store by two names of one file are refused, and both names told', async (t) => {
  const root = folder(t)
  t.same(problems(root, 'real/a', 'link/b'), [], 'two files of one folder')
  t.same(problems(root, 'real/store.db', 'link/store.db'), [`c.yml:8:1: break-glass: must name a file that nothing else uses: ${root}/real/store.db is also that of store; ${root}/link/store.db leads to ${root}/real/store.db; found "${root}/link/store.db"`])
  t.equal(problems(root, 'link/store.db', 'link/store.db').length, 1, 'told once')
  t.match(problems(root, 'link/store.db', 'real/store.db'), [/is also that of store/])
  t.match(problems(root, 'real/store.db', 'link/store.db-wal'), [/is also that of store/])
  t.match(problems(root, 'link/new/store.db', 'real/new/store.db'), [/is also that of store/], 'also in a folder that is still to be made')
  t.match(problems(root, 'link/store-memory.json', 'real/glass'), [/store-memory\.json is also that of store/])
  t.match(problems(root, 'real/store.db', 'link/c.key'), [/is also that of tls\.key/])
})

void t.test('so are links to the file itself, whether it is there already or not, and what SQLite puts beside the file that a link leads to', async (t) => {
  const root = folder(t)
  symlinkSync('real/store.db', join(root, 'store'))
  for (const made of [false, true]) {
    if (made) writeFileSync(join(root, 'real/store.db'), '')
    t.match(problems(root, 'store', 'real/store.db'), [/is also that of store/])
    t.match(problems(root, 'store', 'link/store.db-journal'), [/is also that of store/])
    t.match(problems(root, 'store', 'store.holder'), [/is also that of store/], 'and ours beside the link')
    t.same(problems(root, 'store', 'real/glass'), [])
  }
})

void t.test('a path is followed as the kernel does; links in a circle, or below a file, are taken as they are written', async (t) => {
  const root = folder(t)
  symlinkSync('circle-b', join(root, 'circle-a'))
  symlinkSync('circle-a', join(root, 'circle-b'))
  writeFileSync(join(root, 'file'), '')
  symlinkSync(join(root, 'link/deep/er'), join(root, 'far'))
  mkdirSync(join(root, 'real/room'))
  writeFileSync(join(root, 'real/file'), '')
  symlinkSync('real/room', join(root, 'far-away'))
  for (const [path, leadsTo] of [['link', 'real'], ['link/x/y', 'real/x/y'], ['far', 'real/deep/er'], ['far/z', 'real/deep/er/z'], ['real/../file', 'file'], ['far-away/../file', 'real/file'], ['file/below', 'file/below'], ['nothing', 'nothing']] as const) {
    t.equal(realPath(`${root}/${path}`), join(root, leadsTo), path)
  }
  t.match(realPath(join(root, 'circle-a')), /circle-[ab]$/)
  t.equal(realPath('/'), '/')
})
