// A backup taken while the coordinator runs, by the command that the documents name: whole, of one moment, private; and
// what a coordinator finds when it is put back.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import { buildApi } from '@pitstop/coordinator/http/api'
import { ServedInMemory, startedAt, testPolicy } from '@pitstop/coordinator/http/served-in-memory'
import { Fault } from '@pitstop/shared/fault'
import t from 'tap'

const run = promisify(execFile)
const program = new URL('../../coordinator/src/cli/main.ts', import.meta.url).pathname
const event = (text: string) => ({ type: 'frozen', by: 'ada', reason: text })

async function pitstop(socket: string, ...args: readonly string[]): Promise<{ readonly code: number, readonly said: string }> {
  try {
    const { stdout, stderr } = await run('env', ['-i', process.execPath, program, '--socket', socket, ...args])
    return { code: 0, said: stdout + stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number, stdout: string, stderr: string }
    return { code, said: stdout + stderr }
  }
}

void t.test('pitstop store backup: whole, of one moment, for its owner alone, and never over another file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-backup-'))
  const path = join(folder, 'coordinator.db')
  const store = await openStore(path, 'lab')
  const served = new ServedInMemory()
  served.backup = () => store.backup?.() ?? Promise.reject(new Fault('NOT_NOW', 'none'))
  const api = await buildApi(served, { fleet: 'lab', version: '1', policy: testPolicy, hasAssigner: true, inventory: { read: async () => ({ nodes: [], excluded: [] }) }, now: () => startedAt, log: () => undefined, access: { kind: 'local' } })
  const socket = join(folder, 'api.sock')
  await api.listen({ path: socket })
  t.teardown(async () => { await api.close(); rmSync(folder, { recursive: true, force: true }) })

  const lease = await store.takeLease('one', 'a:1', 60_000)
  const epoch = lease?.epoch ?? 0
  await store.append(epoch, 's', 1, [event('1'), event('2')])
  const file = join(folder, 'backup.db')
  const [backup] = await Promise.all([pitstop(socket, 'store', 'backup', file), store.append(epoch, 's', 1, [event('3'), event('4')])])
  t.equal(backup.code, 0, backup.said)
  t.match(backup.said, /backup\.db: \d+ bytes; keep the break-glass file/)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.notOk(readdirSync(folder).some((name) => name.endsWith('.backup')), 'nothing is left beside the store')
  t.ok(await store.renewLease('one', epoch, 60_000), 'the coordinator went on meanwhile')

  const before = readFileSync(file)
  const second = await pitstop(socket, 'store', 'backup', file)
  t.not(second.code, 0)
  t.match(second.said, /is there already/)
  t.ok(readFileSync(file).equals(before), 'an older backup stays what it is')
  t.match((await pitstop(socket, 'store', 'backup', join(folder, 'nowhere', 'x.db'))).said, /cannot be written \(ENOENT\)/)

  await store.append(epoch, 's', 1, [event('after the backup')])
  const identity = await store.incarnation()
  await store.close()
  copyFileSync(file, path)
  for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
  const restored = await openStore(path, 'lab')
  const rows = await restored.read('s')
  t.ok(rows.length === 2 || rows.length === 4, `an append is in it whole or not at all (${rows.length})`)
  t.equal((await restored.incarnation()).id, identity.id, 'a copy has the id of its original: who remembers more than it knows tells them apart')
  t.match(await restored.takeLease('two', 'b:1', 1000, { above: 41 }), { epoch: 42 }, 'and its epoch goes above what agents have seen')
  await restored.close()
})

void t.test('a store whose own server makes its backups says so, with the command', async (t) => {
  const served = new ServedInMemory()
  served.backup = async () => { throw new Fault('NOT_NOW', 'this store is a PostgreSQL database', { hint: 'pg_dump' }) }
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-backup-'))
  const api = await buildApi(served, { fleet: 'lab', version: '1', policy: testPolicy, hasAssigner: true, inventory: { read: async () => ({ nodes: [], excluded: [] }) }, now: () => startedAt, log: () => undefined, access: { kind: 'local' } })
  const socket = join(folder, 'api.sock')
  await api.listen({ path: socket })
  t.teardown(async () => { await api.close(); rmSync(folder, { recursive: true, force: true }) })
  const { code, said } = await pitstop(socket, 'store', 'backup', join(folder, 'x.db'))
  t.not(code, 0)
  t.match(said, /PostgreSQL database[^]*pg_dump/)
  t.same(readdirSync(folder), ['api.sock'], 'no empty file is left')
})

void t.test('the documents name commands that there are', async (t) => {
  const document = readFileSync(new URL('../../docs/backup-and-restore.md', import.meta.url), 'utf8')
  const named = new Set([...document.matchAll(/^\s*(?:sudo )?pitstop ([a-z-]+(?: [a-z-]+)?)/gm)].map(([, verb]) => verb ?? ''))
  t.ok(named.size >= 4, [...named].join(', '))
  for (const verb of named) {
    const { stdout } = await run('env', ['-i', process.execPath, program, ...verb.split(' '), '--help'])
    t.match(stdout, new RegExp(`^Usage: pitstop ${verb.split(' ')[0] ?? ''}`), verb)
  }
})
