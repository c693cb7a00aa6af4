// Rights of files: what the service's user must be able to read, what root must not do, and that a "no" of the system is
// told as one. Run as root, "another user" is a real one; without root those tests are skipped.
import { spawnSync } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { deniedFault, unreadable, unwritable } from '../adapters/file-fault.ts'
import { fileProblems } from '../adapters/named-files.ts'
import { isRoot, serviceAccount, serviceGroup } from '../adapters/service-account.ts'
import { refuseForeignStore } from '../adapters/store/store-owner.ts'
import { parseSettings } from '../config.ts'
import { mayPass, mayRead } from '../domain/may-read.ts'
import { requireSocketFolder } from '../http/listen.ts'
import { requestCertificate } from '../pki/pki-files.ts'
import { writeNew } from './commands/init.ts'
import { exitOf } from './exit-codes.ts'
import { socketOf } from './socket.ts'

const nobody = 65_534
const asRoot = { skip: isRoot() ? false as const : 'needs root: files of another user' }

async function temporary(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pitstop-rights-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o755)
  return folder
}

const settings = (folder: string) => parseSettings(join(folder, 'c.yml'), `fleet: lab
address: pitstop.test:7443
listen: { agents: 0.0.0.0:7442 }
tls: { certificate: ${folder}/pki/c.pem, key: ${folder}/pki/c.key, authority: ${folder}/pki/ca.pem }
gitlab: { url: https://gitlab.test, token-file: ${folder}/gitlab.token }
inventory: { file: ${folder}/nodes.yml }
tokens: [{ name: ana, role: operator, file: ${folder}/ana.token }]
`)
const named = ['c.yml', 'pki/c.pem', 'pki/c.key', 'pki/ca.pem', 'gitlab.token', 'nodes.yml', 'ana.token']

/** The CLI as that user would run it. */
function pitstopAs(uid: number, ...args: readonly string[]): { status: number | null, stdout: string, stderr: string } {
  return spawnSync(process.execPath, [new URL('main.ts', import.meta.url).pathname, ...args], { uid, gid: uid, encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } })
}

void t.test('the first class of the mode that fits decides, as in the kernel', async (t) => {
  const account = { uid: 990, gids: [991, 4] }
  const file = (uid: number, gid: number, mode: number) => ({ uid, gid, mode })
  t.same([mayRead(account, file(0, 991, 0o640)), mayRead(account, file(0, 4, 0o640)), mayRead(account, file(0, 0, 0o640)), mayRead(account, file(0, 0, 0o644)), mayRead(account, file(990, 0, 0o400))], [true, true, false, true, true])
  t.notOk(mayRead(account, file(990, 991, 0o044)), 'the owner is judged as owner')
  t.notOk(mayRead(account, file(0, 991, 0o604)), 'the group as group')
  t.same([mayPass(account, file(0, 991, 0o710)), mayPass(account, file(0, 0, 0o700)), mayPass({ uid: 0, gids: [] }, file(1, 1, 0))], [true, false, true])
})

void t.test('the service\'s user and groups are read as the host has them; none is none', async (t) => {
  const etc = await temporary(t)
  t.same([serviceGroup(etc), serviceAccount(etc)], [undefined, undefined])
  await writeFile(join(etc, 'passwd'), 'root:x:0:0:root:/root:/bin/bash\npitstop-x:x:5:5::/:/bin/false\npitstop:x:997:996:pitstop coordinator:/var/lib/pitstop:/usr/sbin/nologin\n')
  await writeFile(join(etc, 'group'), 'root:x:0:\nssl-cert:x:115:postgres,pitstop\npitstop:x:996:\n')
  t.equal(serviceGroup(etc), 996)
  t.same(serviceAccount(etc), { uid: 997, gids: [996, 115] })
})

void t.test('a check names every file that is missing or closed, and the command that opens it', async (t) => {
  const folder = await temporary(t)
  const account = { uid: 990, gids: [991] }
  t.same(fileProblems(settings(folder), undefined).map(({ code }) => code), named.map(() => 'INVALID_CONFIGURATION'))
  await mkdir(join(folder, 'pki'))
  for (const path of named) await writeFile(join(folder, path), '')
  t.same(fileProblems(settings(folder), undefined), [])
  t.same(fileProblems(settings(folder), account), [], 'all are open to everybody')
  await chmod(join(folder, 'gitlab.token'), 0o640)
  t.match(fileProblems(settings(folder), account), [{ code: 'PERMISSION_DENIED', text: /gitlab.token-file: .* cannot be read by user pitstop/, hint: `chgrp pitstop ${folder}/gitlab.token && chmod 640 ${folder}/gitlab.token` }])
  await chmod(join(folder, 'pki'), 0o700)
  t.same(fileProblems(settings(folder), account).map(({ hint }) => hint.split(' ').at(2)), ['pki', 'pki', 'pki', 'gitlab.token'].map((each) => join(folder, each)), 'a closed folder on the way')
})

void t.test('what root writes for the service belongs to its group, and to nobody else', asRoot, async (t) => {
  const folder = await temporary(t)
  const [configuration, key, request] = ['c.yml', 'c.key', 'c.csr'].map((name) => join(folder, name)) as [string, string, string]
  await writeNew(configuration, 'x', 12_345)
  await requestCertificate({ key, request }, { fleet: 'lab', role: 'coordinator', name: 'c.test' }, false, 12_345)
  for (const path of [configuration, key]) t.match(await stat(path).then(({ uid, gid, mode }) => ({ uid, gid, mode: mode & 0o777 })), { uid: 0, gid: 12_345, mode: 0o640 }, path)
  const own = join(folder, 'own.key')
  await requestCertificate({ key: own, request }, { fleet: 'lab', role: 'agent', name: 'a.test' })
  t.match(await stat(own).then(({ mode }) => mode & 0o777), 0o600)
})

void t.test('root does not run on another user\'s store, and leaves nothing in it', asRoot, async (t) => {
  const folder = await temporary(t)
  const store = join(folder, 'coordinator.db')
  refuseForeignStore(store)
  await chown(folder, nobody, nobody)
  t.throws(() => { refuseForeignStore(store) }, { code: 'PERMISSION_DENIED', message: /belongs to another user/, hint: /systemctl start pitstop-coordinator.*runuser -u pitstop -- pitstop coordinator/ })
  refuseForeignStore(store, false)
  await writeFile(join(folder, 'c.yml'), `fleet: lab
address: a:1
store: ${store}
listen: { agents: 127.0.0.1:0, socket: ${folder}/c.sock }
tls: { certificate: /c, key: /k, authority: /a }
gitlab: { url: https://gitlab.test, token-file: /t }
inventory: { file: /n }
`)
  t.match(pitstopAs(0, 'coordinator', '--config', join(folder, 'c.yml')), { status: 7, stderr: 'runuser -u pitstop' })
  t.same(await readdir(folder), ['c.yml'])
})

void t.test('a socket that cannot be made is told before anything is', async (t) => {
  const folder = await temporary(t)
  requireSocketFolder(join(folder, 'c.sock'))
  t.throws(() => { requireSocketFolder(join(folder, 'none/c.sock')) }, { code: 'INVALID_CONFIGURATION', hint: /systemctl start pitstop-coordinator/ })
})

void t.test('a "no" of the system is "denied", with the command that helps', async (t) => {
  const no = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'unlink', path: '/x/y' })
  t.match(unreadable('/f', no, { code: 'INVALID_INPUT', hint: 'h' }), { code: 'PERMISSION_DENIED', hint: /chgrp pitstop \/f && chmod 640 \/f.*sudo pitstop/ })
  t.match(unwritable('/f', no), { code: 'PERMISSION_DENIED', hint: /sudo/ })
  t.match(deniedFault(no), { code: 'PERMISSION_DENIED', message: 'you may not unlink /x/y (EACCES)', hint: /sudo/ })
  t.equal(deniedFault(new Error('else')), undefined)
  t.equal(exitOf('PERMISSION_DENIED'), 'denied')
})

void t.test('so it is for a real user', asRoot, async (t) => {
  const folder = await temporary(t)
  await mkdir(join(folder, 'closed'), { mode: 0o700 })
  await writeFile(join(folder, 'c.yml'), 'fleet: lab\n', { mode: 0o600 })
  const request = pitstopAs(nobody, 'pki', 'request', '--fleet', 'lab', '--role', 'coordinator', '--name', 'c.test', '--key', join(folder, 'closed/c.key'), '--request', join(folder, 'closed/c.csr'))
  t.match(request, { status: 7, stderr: /do: .*sudo pitstop[^]*\(PERMISSION_DENIED\)/ })
  t.match(pitstopAs(nobody, 'pki', 'init', '--fleet', 'lab', '--authority-key', join(folder, 'a.key'), '--authority-certificate', join(folder, 'a.pem')), { status: 7, stderr: /sudo/ })
  t.match(pitstopAs(nobody, 'init', '--output', join(folder, 'new.yml')), { status: 7, stderr: /sudo/ })
  t.match(pitstopAs(nobody, 'coordinator', '--check', '--config', join(folder, 'c.yml')), { status: 7, stderr: /chgrp pitstop/ })
})

void t.test('the operator finds the socket in a configuration that the coordinator would refuse', async (t) => {
  const folder = await temporary(t)
  const file = join(folder, 'c.yml')
  const usual = '/run/pitstop/coordinator.sock'
  const found = async (text: string): Promise<readonly [string, number]> => {
    const warnings: string[] = []
    await writeFile(file, text)
    return [socketOf(file, (warning) => { warnings.push(warning) }, file), warnings.length]
  }
  t.same(await found('fleet: NO\ncolour: blue\nlisten: { socket: /x/c.sock }\n'), ['/x/c.sock', 0])
  t.same(await found('listen: { socket: /x/c.sock }\ngitlab: { url: [\n'), ['/x/c.sock', 0])
  t.same(await found('fleet: lab\n'), [usual, 0])
  t.same(await found('listen: { socket: 7 }\n'), [usual, 1])
  t.same(await found('{{{'), [usual, 1])
  t.same(await found(''), [usual, 0])
  await rm(file)
  t.equal(socketOf(file, () => { t.fail('a host may have no configuration') }, file), usual)
  t.throws(() => socketOf(file, () => undefined), { code: 'INVALID_CONFIGURATION', hint: /--socket/ }, 'a typo must not reach another fleet')
  await mkdir(file)
  const warnings: string[] = []
  t.equal(socketOf(file, (warning) => { warnings.push(warning) }, file), usual)
  t.match(warnings, [/cannot be read \(EISDIR\); trying the usual socket/])
})
