// The quick way to a host's commands is no other way: same answers, same records, whatever the arguments, and nothing
// hangs or stays behind when either side dies.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { decodeQuestion, encodeQuestion } from './pid1-question.ts'
import { createHost, type Host } from './stand-in-host.ts'

async function runningHost(t: Test): Promise<Host> {
  const folder = mkdtempSync(join(tmpdir(), "pitstop host's-"))
  const host = await createHost({
    folder, fleet: 'lab', node: 'gitaly-01', storages: ['default'], address: '127.0.3.2', tls: { certificate: '', key: '', authority: '' }, coordinators: [],
    rebootMs: 100, gitalyStartMs: 100, agent: { argv: ['/bin/sleep', '1000'] }
  })
  t.teardown(async () => {
    await host.powerOff()
    rmSync(folder, { recursive: true, force: true })
  })
  await host.powerOn()
  await host.whenServing()
  return host
}

const odd = ['', ' ', 'two words', 'line\nbreak\n', "it's", '"$HOME" `id` $(id) \\ *', 'ü→', '-n', '%s']

void test('a question survives in pieces, with any argument', (t) => {
  const question = { root: '/a b', command: 'x', args: odd, environment: { SVWAIT: '5', PATH: '/bin:/x=y' }, pid: 7, parent: 8 }
  const bytes = Buffer.from(encodeQuestion(question))
  t.same(Array.from(bytes.keys()).filter((length) => decodeQuestion(bytes.subarray(0, length)) !== undefined), [])
  t.same(decodeQuestion(bytes), question)
  t.throws(() => decodeQuestion(Buffer.from('GET / HTTP/1.1\r\n')))
  t.throws(() => decodeQuestion(Buffer.from('PRI\0')))
  t.end()
})

void test('arguments, output and exit code pass unchanged; stdin and BASH_ENV are left alone', async (t) => {
  const host = await runningHost(t)
  await host.run('systemctl', ...odd)
  t.same(host.commands().at(-1)?.args, odd)
  t.match(host.commands().at(-1), { command: 'systemctl', exit: 1, boot_id: host.bootId() })
  await host.run('systemd-run', '--quiet', '--unit=said', '--', '/bin/sh', '-c', 'printf "[%s]" "$@"', 'sh', ...odd)
  await host.waitFor('its end', () => host.events().some(({ event }) => event === 'unit-exit'))
  t.equal(readFileSync(join(host.root, 'var/log/journal/said.service.log'), 'utf8'), odd.map((word) => `[${word}]`).join(''))
  t.equal((await host.run('dpkg-query', '-W', '-f=ü→${Package}\\n', 'tzdata', 'none*')).stdout, 'ü→tzdata\n')
  const long = await host.run('dpkg-query', '-W', `-f=${'x'.repeat(20_000)}\\n`)
  t.equal(long.stdout, `${'x'.repeat(20_000)}\n`.repeat(Object.keys(host.installed()).length))
  t.match(await host.run('dpkg', '--compare-versions', '1', 'near', '2'), { exit: 2, stdout: '', stderr: 'dpkg: error: --compare-versions bad relation\n' })

  const trap = join(host.root, 'trap.sh')
  writeFileSync(trap, 'echo trapped\n')
  const child = spawn('/bin/sh', ['-c', `"${host.path}/busctl" --x >/dev/null 2>&1; cat; "${host.path}/systemctl" is-active ssh; "${host.path}/dpkg-query" -W | true`],
    { env: { BASH_ENV: trap, PATH: '/usr/bin:/bin' } })
  child.stdin.end('for the next one\n')
  let said = ''
  child.stdout.on('data', (text: Buffer) => { said += text.toString() })
  child.stderr.on('data', (text: Buffer) => { said += text.toString() })
  await once(child, 'close')
  t.equal(said, 'for the next one\nactive\n')
})

void test('a client that is killed leaves a record without exit code, and the work goes on', async (t) => {
  const host = await runningHost(t)
  await host.fault('hang-on-stop')
  host.killGitaly()
  await host.waitFor('another Gitaly', () => host.events().filter(({ event }) => event === 'gitaly-serving').length === 2)
  const stop = spawn(join(host.path, 'gitlab-ctl'), ['stop', 'gitaly'], { stdio: 'ignore', env: { SVWAIT: '20', PATH: '/usr/bin:/bin' }, detached: true })
  await host.waitFor('its stop', () => host.events().some(({ event }) => event === 'gitaly-stop-requested'))
  process.kill(-(stop.pid ?? 0), 'SIGTERM')
  t.equal((await once(stop, 'exit'))[1], 'SIGTERM')
  t.match((await host.run('gitlab-ctl', 'status', 'gitaly')).stdout, /want down, got TERM/)
  host.killGitaly()
  await host.waitFor('the record', () => host.commands().some(({ command, args, exit }) => command === 'gitlab-ctl' && args[0] === 'stop' && exit === null))

  t.comment('a reboot ends who still waits')
  await host.run('gitlab-ctl', 'start', 'gitaly')
  await host.whenServing()
  await host.fault('hang-on-stop')
  await host.run('gitlab-ctl', 'restart', 'gitaly')
  await host.whenServing()
  const waiting = spawn(join(host.path, 'gitlab-ctl'), ['stop', 'gitaly'], { stdio: 'ignore', env: { SVWAIT: '20', PATH: '/usr/bin:/bin' } })
  await host.waitFor('its stop', () => host.events().filter(({ event }) => event === 'gitaly-stop-requested').length >= 3)
  const asked = Date.now()
  const end = once(waiting, 'exit')
  await host.powerCycle()
  t.equal((await end)[1], 'SIGKILL')
  t.ok(Date.now() - asked < 5000)
})

void test('without a machine, or with a stranger at its port, a command fails at once; dpkg still knows its files', async (t) => {
  const host = await runningHost(t)
  await host.killMachine()
  for (let tries = 0; tries < 200 && existsSync(join(host.root, 'etc/pid1.address')); tries++) await new Promise((resolve) => { setTimeout(resolve, 20) })
  const dead = { exit: 1, signal: null, stdout: '', stderr: "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n" }
  t.same(await host.run('systemctl', 'is-active', 'ssh'), dead)
  t.match(await host.run('gitlab-ctl', 'status'), { exit: 1, stdout: 'fail: gitaly: runsv not running\n' })
  t.match(await host.run('dpkg', '--print-architecture'), { exit: 0, stdout: 'amd64\n' })
  t.match(host.commands().slice(-3), [{ command: 'systemctl', exit: 1 }, { command: 'gitlab-ctl', exit: 1 }, { command: 'dpkg', exit: 0 }])
  const stranger = createServer((socket) => { socket.destroy() }).listen(0, '127.0.3.2')
  await once(stranger, 'listening')
  t.teardown(() => { stranger.close() })
  writeFileSync(join(host.root, 'etc/pid1.address'), `127.0.3.2/${(stranger.address() as { port: number }).port}\n`)
  t.same(await host.run('systemctl', 'is-active', 'ssh'), dead)
})
