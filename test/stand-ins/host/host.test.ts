// The stand-in host keeps a real one's rules: its texts, its traps, its ends. Every test runs real processes on a
// loopback address of its own and leaves none behind.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { hostMarker } from './host-layout.ts'
import { processesMarked } from './processes.ts'
import type { Host } from './stand-in-host.ts'
import { health, messages, newHost, runningHost, seen, serverInfo } from './host-under-test.ts'

const rebooted = async (host: Host, boots: number): Promise<void> => {
  await host.waitFor(`boot ${boots}`, () => host.boots().length === boots)
  await host.whenServing()
}

void test('a host boots: Gitaly comes after the agent, its service says what runit says', async (t) => {
  const host = await newHost(t, { overrides: { machine: { runsvdirDelayMs: 400 } } })
  await host.powerOn()
  await seen(host, 'agent-start')
  const early = await host.run('gitlab-ctl', 'status', 'gitaly')
  t.same([early.exit, early.stdout], [1, 'fail: gitaly: runsv not running\n'], 'before gitlab-runsvdir')
  await host.whenServing()
  const up = await host.run('gitlab-ctl', 'status', 'gitaly')
  t.equal(up.exit, 0)
  t.match(up.stdout, /^run: gitaly: \(pid \d+\) \d+s; run: log: \(pid \d+\) \d+s\n$/)
  t.equal(Number(/pid (\d+)/.exec(up.stdout)?.[1]), host.gitalyPid())
  const other = await host.run('gitlab-ctl', 'status', 'puma')
  t.same([other.exit, other.stdout], [0, ''], 'a service that is not enabled: nothing, exit 0')
  t.equal(await health(host), 'SERVING')
  const info = await serverInfo(host)
  t.match(info.storage_statuses, [{ storage_name: 'default', readable: true, writeable: true, filesystem_id: /^[0-9a-f-]{36}$/ }])
  t.same(messages(host).filter((msg) => ['Starting Gitaly', 'listening at address', 'Started Gitaly'].includes(msg)),
    ['Starting Gitaly', 'listening at address', 'listening at address', 'listening at address', 'Started Gitaly'])
  t.match(await (await fetch(`http://${host.metricsAddress}/metrics`)).text(), /grpc_server_handled_total\{grpc_code="OK",grpc_method="ServerInfo"/)

  const down = await host.run('gitlab-ctl', 'stop', 'gitaly')
  t.same([down.exit, down.stdout], [0, 'ok: down: gitaly: 0s, normally up\n'])
  const after = await host.run('gitlab-ctl', 'status', 'gitaly')
  t.equal(after.exit, 3)
  t.match(after.stdout, /^down: gitaly: \d+s, normally up; run: log: \(pid \d+\) \d+s\n$/)
  t.equal(messages(host).at(-1), 'Gitaly shutdown')
  const start = await host.run('gitlab-ctl', 'start', 'gitaly')
  t.match(start.stdout, /^ok: run: gitaly: \(pid \d+\) 0s\n$/)
  await host.whenServing()
  t.equal((await serverInfo(host)).storage_statuses[0]?.filesystem_id, info.storage_statuses[0]?.filesystem_id)

  const first = host.gitalyPid()
  t.ok(host.killGitaly())
  await host.waitFor('down', () => host.gitalyPid() === undefined)
  t.match((await host.run('gitlab-ctl', 'status', 'gitaly')).stdout, /^down: gitaly: \ds, normally up, want up;/)
  await host.whenServing()
  t.not(host.gitalyPid(), first, 'runit starts a dead one again')
})

void test('systemctl reboot: another boot id, the newest kernel, once; all processes of before are gone', async (t) => {
  const host = await runningHost(t)
  const [before, agentBefore] = [host.bootId(), host.agentPid()]
  t.equal((await host.run('apt-get', '-y', '-q', 'install', 'linux-image-amd64=6.1.115-1')).exit, 0)
  t.ok(existsSync(join(host.root, 'run/reboot-required')))
  t.match(readFileSync(join(host.root, 'run/reboot-required.pkgs'), 'utf8'), /^linux-image-6\.1\.0-27-amd64$/m)
  t.ok(existsSync(join(host.root, 'boot/initrd.img-6.1.0-27-amd64')))
  await host.run('systemd-run', '--quiet', '--collect', '--unit=long', '--', 'sleep', '1000')
  t.equal((await host.run('systemctl', 'reboot')).exit, 0)
  await rebooted(host, 2)
  t.not(host.bootId(), before)
  t.match(host.boots(), [{ cause: 'power-on', kernel: '6.1.0-26-amd64' }, { cause: 'ordered', kernel: '6.1.0-27-amd64', boot_id: host.bootId() }])
  t.equal(readFileSync(join(host.root, 'proc/sys/kernel/osrelease'), 'utf8'), '6.1.0-27-amd64\n')
  t.ok(Number.parseFloat(readFileSync(join(host.root, 'proc/uptime'), 'utf8')) < 5)
  t.notOk(existsSync(join(host.root, 'run/reboot-required')), '/run is empty after a boot')
  t.not(host.agentPid(), agentBefore)
  t.equal((await host.run('systemctl', 'is-active', 'long')).stdout, 'inactive\n', 'units end with their boot')
  const events = host.events().map(({ event }) => event).filter((event) => !event.startsWith('agent') && !event.startsWith('unit'))
  t.same(events.slice(events.indexOf('reboot-requested')),
    ['reboot-requested', 'gitaly-stop-requested', 'gitaly-exit', 'gitaly-down', 'off', 'boot', 'gitaly-start', 'gitaly-serving'])
  const [times] = host.reboots()
  t.ok(times !== undefined && times.outageMs >= 300 && times.idleMs === 0 && times.bareMs === times.outageMs, JSON.stringify(times))
  t.match(host.commands().filter(({ command, args }) => command === 'systemctl' && args[0] === 'reboot'), [{ exit: 0, boot_id: before }])
})

void test('the power button, a power cut and the agent\'s death', async (t) => {
  const host = await runningHost(t)
  const agent = host.agentPid()
  t.ok(host.killAgent())
  await host.waitFor('another agent', () => host.agentPid() !== undefined && host.agentPid() !== agent)
  t.match((await host.run('systemctl', 'show', '-p', 'LoadState,ActiveState,NRestarts', 'pitstop-agent')).stdout, /^NRestarts=1\nLoadState=loaded\nActiveState=active\n$/)
  await host.powerCycle()
  await rebooted(host, 2)
  t.equal(host.boots()[1]?.cause, 'spontaneous')
  t.notOk(messages(host).includes('Gitaly shutdown'), 'nothing was told to end')
  await host.powerOff()
  t.equal(host.machinePid(), undefined)
  await host.powerOn()
  await rebooted(host, 3)
  t.equal(host.boots()[2]?.cause, 'power-on')
})

void test('faults of the machine strike as often as told', async (t) => {
  const host = await runningHost(t)
  await host.fault('never-back')
  await host.run('systemctl', 'reboot')
  await seen(host, 'stays-off')
  t.equal((await host.run('systemctl', 'is-active', 'pitstop-agent')).exit, 1)
  await host.powerOn()
  await rebooted(host, 2)

  await host.fault('second-reboot-after-boot', { ms: 50 })
  await host.fault('slow-boot', { ms: 300 })
  const asked = Date.now()
  await host.run('systemctl', 'reboot')
  await rebooted(host, 4)
  t.same(host.boots().map(({ cause }) => cause), ['power-on', 'power-on', 'ordered', 'spontaneous'])
  t.ok(Date.parse(host.boots()[2]?.at ?? '') - asked > 400)

  await host.fault('spontaneous-reboot', { ms: 10 })
  await rebooted(host, 5)
  await host.fault('old-kernel')
  await host.run('systemctl', 'reboot')
  await rebooted(host, 6)
  t.equal(host.boots()[5]?.kernel, '6.1.0-25-amd64')
})

void test('a missing data disk: Gitaly starts, serves, and has another file system id', async (t) => {
  const host = await runningHost(t)
  const before = (await serverInfo(host)).storage_statuses[0]?.filesystem_id
  await host.fault('data-disk-missing')
  await host.run('systemctl', 'reboot')
  await rebooted(host, 2)
  t.equal(await health(host), 'SERVING')
  const wrong = (await serverInfo(host)).storage_statuses[0]
  t.match(wrong, { readable: true, writeable: true })
  t.not(wrong?.filesystem_id, before)
  await host.run('gitlab-ctl', 'stop', 'gitaly')
  await host.mountDataDisk()
  await host.run('gitlab-ctl', 'start', 'gitaly')
  await host.whenServing()
  t.equal((await serverInfo(host)).storage_statuses[0]?.filesystem_id, before)
})

void test('an agent that is missing or ends at once does not hurt the host', async (t) => {
  const host = await runningHost(t, { agent: { argv: ['/no/such/agent'] } })
  await seen(host, 'agent-exit', 3)
  t.equal(host.agentPid(), undefined)
  t.equal((await host.run('systemctl', 'show', '-p', 'SubState', 'pitstop-agent')).stdout, 'SubState=auto-restart\n')
})

void test('kill -9 of the machine leaves no process behind, whatever ran', async (t) => {
  const host = await runningHost(t)
  await host.run('systemd-run', '--quiet', '--unit=stubborn', '--', '/bin/sh', '-c', "trap '' TERM; while :; do sleep 1000; done")
  const mark = `${hostMarker}=${host.root}`
  t.ok(processesMarked(mark).length >= 3)
  const socket = join(host.root, 'etc/pid1.address')
  t.ok(existsSync(socket))
  await host.killMachine()
  for (let tries = 0; tries < 100 && (processesMarked(mark).length > 0 || existsSync(socket)); tries++) await new Promise((resolve) => { setTimeout(resolve, 20) })
  t.same(processesMarked(mark), [])
  t.notOk(existsSync(socket))
  t.equal((await host.run('gitlab-ctl', 'status', 'gitaly')).stdout, 'fail: gitaly: runsv not running\n')
  await host.powerOn()
  await host.whenServing()
  t.equal(host.boots().length, 2)
})
