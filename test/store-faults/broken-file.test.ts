// A store's file that is read-only, cut, damaged, foreign, newer or another process's: refused with what, why and what to
// do, before anything is started, and the file is left as it was for whoever mends it.
import { spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import { Fault } from '@pitstop/shared/fault'
import t from 'tap'

const folder = mkdtempSync(join(tmpdir(), 'pitstop-store-faults-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
let files = 0
const event = (text: string) => ({ type: 'frozen', by: 'ada', reason: text })

/** A store with a journal of some length, closed. */
async function made(rows = 400): Promise<string> {
  mkdirSync(join(folder, String(++files)))
  const path = join(folder, String(files), 'coordinator.db')
  const store = await openStore(path, 'lab')
  const lease = await store.takeLease('one', 'a:1', 1000)
  for (let row = 0; row < rows; row += 100) await store.append(lease?.epoch ?? 0, 's', 1, Array.from({ length: 100 }, (_, each) => event(`${row + each} ${'x'.repeat(200)}`)))
  await store.close()
  return path
}

/** Opens and reads everything, as a coordinator does before it takes the lease. */
async function tried(path: string): Promise<Fault | number> {
  try {
    const store = await openStore(path, 'lab')
    try { return (await store.read('s')).length } finally { await store.close() }
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

const overwrite = (path: string, at: number, bytes: Buffer): void => { writeSync(openSync(path, 'r+'), bytes, 0, bytes.length, at) }

void t.test('a damaged file is refused, whatever part of it is damaged', async (t) => {
  const header = await made()
  overwrite(header, 0, Buffer.from('this is not a database at all'))
  t.match(await tried(header), { code: 'STORE_CORRUPT', message: /not a database/, hint: /backup/ })
  const page = await made()
  const size = statSync(page).size
  for (let at = 4096 * 4; at < size - 4096; at += 4096 * 3) overwrite(page, at, Buffer.alloc(4096, 0xa5))
  t.match(await tried(page), { code: 'STORE_CORRUPT', message: /malformed/, hint: /backup/ })
  const cut = await made()
  truncateSync(cut, Math.floor(statSync(cut).size / 2 / 4096) * 4096)
  t.match(await tried(cut), { code: 'STORE_CORRUPT', hint: /backup/ })
  const stub = await made()
  truncateSync(stub, 100)
  t.match(await tried(stub), { code: 'STORE_CORRUPT' })
  const before = readFileSync(page)
  await tried(page)
  t.ok(readFileSync(page).equals(before), 'nobody tried to mend it')
})

void t.test('a write-ahead log that is lost costs what stood in it alone, and what is left is whole', async (t) => {
  const path = await made(100)
  const script = `const { openStore } = await import(${JSON.stringify(new URL('../../coordinator/src/adapters/store/open-store.ts', import.meta.url).href)}); const s = await openStore(${JSON.stringify(path)}, 'lab'); const l = await s.takeLease('two', 'b:1', 1000); for (let i = 0; i < 7; i++) await s.append(l.epoch, 's', 1, [{ type: 'frozen', by: 'ada', reason: String(i) }]); process.kill(process.pid, 'SIGKILL')`
  const { NODE_OPTIONS: _loader, ...env } = process.env
  await once(spawn(process.execPath, ['--input-type=module', '-e', script], { env }), 'exit')
  const kept = join(folder, 'kept')
  mkdirSync(kept)
  for (const suffix of ['', '-wal']) copyFileSync(`${path}${suffix}`, join(kept, `coordinator.db${suffix}`))
  t.equal(await tried(path), 107, 'with its log nothing is lost by kill -9')
  rmSync(join(kept, 'coordinator.db-wal'))
  const left = await tried(join(kept, 'coordinator.db'))
  t.ok(typeof left === 'number' && left >= 100 && left <= 107, `without it the rows up to the last checkpoint are there (${String(left)})`)
})

void t.test('a file from a newer release, of another fleet, or of something else is refused by name', async (t) => {
  const newer = await made(100)
  const edit = new DatabaseSync(newer)
  edit.exec('update meta set value = \'99\' where key = \'format\'')
  edit.close()
  t.match(await tried(newer), { code: 'STORE_NEWER', message: /format 99; this release reads up to/ })
  t.match(await openStore(await made(100), 'other').catch((error: unknown) => error), { code: 'STORE_CORRUPT', message: /store of fleet lab, not of other/ })
  const foreign = join(folder, 'foreign.db')
  const other = new DatabaseSync(foreign)
  other.exec('create table accounts (id integer)')
  other.close()
  t.match(await tried(foreign), { code: 'STORE_CORRUPT', message: /something else \(accounts\)/ })
  writeFileSync(join(folder, 'text.db'), 'a shopping list\n'.repeat(200))
  t.match(await tried(join(folder, 'text.db')), { code: 'STORE_CORRUPT', message: /not a database/ })
  t.match(await tried(folder), { code: 'INVALID_CONFIGURATION', message: new RegExp(folder) }, 'a folder is no file')
})

void t.test('a file or folder that cannot be written is refused', async (t) => {
  // Root may write everywhere: a child without rights tries.
  const path = await made(100)
  chmodSync(folder, 0o755)
  chmodSync(join(path, '..'), 0o555)
  chmodSync(path, 0o444)
  const script = `if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534) } const { openStore } = await import(${JSON.stringify(new URL('../../coordinator/src/adapters/store/open-store.ts', import.meta.url).href)}); await openStore(process.argv[1], 'lab').then(() => console.log('opened'), (e) => console.log(e.code + '|' + e.message + '|' + e.hint))`
  const ask = async (file: string): Promise<string> => {
    // An empty environment: the test runner's own loader could not write there either.
    const child = spawn('env', ['-i', process.execPath, '--input-type=module', '-e', script, file], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (piece: Buffer) => { said += piece.toString() })
    await once(child, 'close')
    return said.trim()
  }
  t.match(await ask(path), /^STORE_UNAVAILABLE\|.*coordinator\.db.*(?:readonly|read-only|not permitted|unable to open)/i)
  t.match(await ask(join(path, '..', 'new.db')), /^STORE_UNAVAILABLE\|.*(?:unable to open|permission|not permitted)/i)
})

void t.test('two processes on one file: the second is refused, the first is named and goes on', async (t) => {
  const path = await made(100)
  const store = await openStore(path, 'lab')
  const lease = await store.takeLease('one', 'a:1', 1000)
  const script = `const { openStore } = await import(${JSON.stringify(new URL('../../coordinator/src/adapters/store/open-store.ts', import.meta.url).href)}); await openStore(process.argv[1], 'lab').then(() => console.log('opened'), (e) => console.log(e.code + '|' + e.message + '|' + e.hint))`
  const { NODE_OPTIONS: _loader, ...env } = process.env
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (piece: Buffer) => { said += piece.toString() })
  await once(child, 'close')
  t.match(said, new RegExp(`^STORE_BUSY\\|.*in use by process ${process.pid} since .*\\|.*stop it first`))
  await store.append(lease?.epoch ?? 0, 's', 1, [event('still here')])
  await store.close()
  t.equal(await tried(path), 101)
})

void t.test('a first start that is killed at any statement leaves a store that the next start makes whole', async (t) => {
  const { prototype } = DatabaseSync
  const prepare = Object.getOwnPropertyDescriptor(prototype, 'prepare')?.value as DatabaseSync['prepare']
  t.teardown(() => { prototype.prepare = prepare })
  let killed = 0
  for (let statement = 1, whole = false; !whole && statement < 200; statement++) {
    mkdirSync(join(folder, String(++files)))
    const path = join(folder, String(files), 'coordinator.db')
    let left = statement
    // From here on nothing runs, no undoing either: what a killed process leaves.
    prototype.prepare = function (this: DatabaseSync, text: string) {
      if (left-- <= 0) throw new Error('killed')
      return prepare.call(this, text)
    }
    whole = await openStore(path, 'lab').then(async (store) => { await store.close(); return true }, () => false)
    prototype.prepare = prepare
    if (!whole) killed++
    const raw = new DatabaseSync(path)
    const tables = raw.prepare(`select name from sqlite_schema where type = 'table' and name in ('meta', 'lease', 'plans', 'journal', 'windows')`).all().length
    raw.close()
    t.ok(whole ? tables === 5 : tables === 0 || tables === 5, `killed at statement ${statement}: ${tables} of 5 tables`)
    t.equal(await tried(path), 0, `killed at statement ${statement}, started again`)
  }
  t.ok(killed > 10, `${killed} places`)
})

void t.test('a store that an older release left half-made is made whole; one that lost its format and has a journal is not touched', async (t) => {
  mkdirSync(join(folder, String(++files)))
  const half = join(folder, String(files), 'coordinator.db')
  const raw = new DatabaseSync(half)
  raw.exec('create table lease(fleet text primary key, holder text not null, address text not null, epoch bigint not null, expires_at bigint not null); create table meta(key text primary key, value text not null)')
  raw.close()
  t.equal(await tried(half), 0)
  const robbed = await made(100)
  const thief = new DatabaseSync(robbed)
  thief.exec('delete from meta')
  thief.close()
  t.match(await tried(robbed), { code: 'STORE_CORRUPT', message: /does not say which format/ })
})
