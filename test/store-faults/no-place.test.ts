// A path where no store can be: told at once, with what is wrong with it and what to type. Nothing hangs, nothing is left.
import { execFile } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import { asFault, type Fault } from '@pitstop/shared/fault'
import t from 'tap'

const folder = mkdtempSync(join(tmpdir(), 'pitstop-place-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
const faultOf = (path: string): Promise<Fault> => openStore(path, 'lab').then(async (store) => { await store.close(); throw new Error(`${path} was opened`) }).catch(asFault)

void t.test('a folder, something that is no file, or a file on the way is a mistake of the configuration', async (t) => {
  mkdirSync(join(folder, 'data'))
  writeFileSync(join(folder, 'file'), '')
  t.match(await faultOf(join(folder, 'data')), { code: 'INVALID_CONFIGURATION', message: /data is a folder, and the store is one file/, hint: /data\/coordinator\.db$/ })
  t.match(await faultOf('/dev/null'), { code: 'INVALID_CONFIGURATION', message: /\/dev\/null is no regular file/ })
  t.match(await faultOf(join(folder, 'file/below/store.db')), { code: 'INVALID_CONFIGURATION', message: /\/file is a file, and the store is to lie below it/ })
  t.same(readdirSync(join(folder, 'data')), [])
})

// In a process of its own: what never returns could not be timed out from within.
void t.test('under /proc, where nobody can make a folder, the opening ends', async (t) => {
  const program = `const { openStore } = await import(${JSON.stringify(import.meta.resolve('@pitstop/coordinator/adapters/store/open-store'))}); await openStore('/proc/pitstop/below/store.db', 'lab').catch((error) => { console.log(error.code, error.message, error.hint) })`
  const { stdout } = await promisify(execFile)('env', ['-i', process.execPath, '--input-type=module', '--eval', program], { timeout: 20_000 })
  t.match(stdout, /^STORE_UNAVAILABLE the store's folder \/proc\/pitstop is not there and cannot be made \(ENOENT\) name a path in store/)
})

void t.test('missing folders are made, for the owner and the group alone', async (t) => {
  const store = await openStore(join(folder, 'new/below/store.db'), 'lab')
  await store.close()
  t.ok(existsSync(join(folder, 'new/below/store.db')))
})

void t.test('a folder that is closed to the user is told with the command that opens it', { skip: process.getuid?.() === 0 ? false : 'needs root, to become another user' }, async (t) => {
  const closed = join(folder, 'closed')
  mkdirSync(join(closed, 'inner'), { recursive: true })
  chownSync(closed, 0, 0)
  chmodSync(folder, 0o755)
  const asNobody = async (path: string): Promise<string> => {
    const user = process.geteuid?.() ?? 0
    process.setegid?.(65_534)
    process.seteuid?.(65_534)
    try {
      const { code, message, hint } = await faultOf(path)
      return `${code} ${message} ${hint}`
    } finally {
      process.seteuid?.(user)
      process.setegid?.(0)
    }
  }
  chmodSync(closed, 0o755)
  t.match(await asNobody(join(closed, 'made/store.db')), /^STORE_UNAVAILABLE the store's folder .*\/made is not there and cannot be made \(EACCES\) .*install -d -o pitstop -g pitstop -m 0750 .*\/made$/)
  t.match(await asNobody(join(closed, 'store.db')), /^STORE_UNAVAILABLE .*unable to open database file .*check owner and mode/)
  chmodSync(closed, 0o700)
  t.match(await asNobody(join(closed, 'inner/store.db')), /^STORE_UNAVAILABLE the store .*inner\/store\.db cannot be looked at \(EACCES\) .*enter each folder/)
})
