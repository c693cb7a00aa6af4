// The stand-in host keeps a real one's rules: its texts, its traps, its ends. Every test runs real processes on a
// loopback address of its own and leaves none behind.
import { spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { GitalyServerService, HealthService } from '@pitstop/proto'
import { type Test, test } from 'tap'
import { compareVersions, relationHolds } from './debian-version.ts'
import { hostMarker } from './host-layout.ts'
import { processesMarked } from './processes.ts'
import { createHost, type Host, type HostOptions } from './stand-in-host.ts'

const tls = { certificate: '/nowhere/a.pem', key: '/nowhere/a.key', authority: '/nowhere/ca.pem' }

async function newHost(t: Test, more: Partial<HostOptions> = {}): Promise<Host> {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-host-test-'))
  const host = await createHost({
    folder, fleet: 'lab', node: 'gitaly-01.example', storages: ['default'], address: '127.0.3.1', tls, coordinators: [],
    rebootMs: 150, gitalyStartMs: 150, aptMs: 100, agent: { argv: ['/bin/sleep', '1000'] }, ...more
  })
  t.teardown(async () => {
    await host.powerOff()
    const left = processesMarked(`${hostMarker}=${host.root}`)
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`)
    rmSync(folder, { recursive: true, force: true })
  })
  return host
}

async function runningHost(t: Test, more: Partial<HostOptions> = {}): Promise<Host> {
  const host = await newHost(t, more)
  await host.powerOn()
  await host.whenServing()
  return host
}

const rebooted = async (host: Host, boots: number): Promise<void> => {
  await host.waitFor(`boot ${boots}`, () => host.boots().length === boots)
  await host.whenServing()
}

const seen = async (host: Host, event: string, times = 1): Promise<void> => {
  await host.waitFor(event, () => host.events().filter((each) => each.event === event).length >= times)
}

interface Info { storage_statuses: { storage_name: string, readable: boolean, writeable: boolean, filesystem_id: string }[] }

async function serverInfo(host: Host, metadata = new Metadata()): Promise<Info> {
  const client = new GitalyServerService(host.gitalyAddress, credentials.createInsecure())
  try {
    return await new Promise<Info>((resolve, reject) => {
      client.ServerInfo({}, metadata, { deadline: Date.now() + 5000 }, (error, response) => {
        if (error === null && response !== undefined) resolve(response)
        else reject(error ?? new Error('no answer'))
      })
    })
  } finally {
    client.close()
  }
}

async function health(host: Host): Promise<string> {
  const client = new HealthService(host.gitalyAddress, credentials.createInsecure())
  try {
    return await new Promise<string>((resolve) => {
      client.Check({ service: '' }, { deadline: Date.now() + 5000 }, (error, response) => { resolve(error === null ? response?.status ?? '' : error.details) })
    })
  } finally {
    client.close()
  }
}

const messages = (host: Host): string[] => host.gitalyLog().map((line) => (line.startsWith('{') ? (JSON.parse(line) as { msg: string }).msg : line))

void test('Debian versions are ordered as dpkg orders them', (t) => {
  const ordered = ['1.0~~', '1.0~rc1', '1.0', '1.0-1', '1.0-1+b1', '1.0-1+deb12u1', '1.0-1.1', '1.0a', '1.0.1', '1.10', '2.0-1~deb12u1', '2.0-1', '1:0.1']
  const shuffled = [...ordered].sort((a, b) => (a < b ? 1 : -1)).sort(compareVersions)
  t.same(shuffled, ordered)
  if (existsSync('/usr/bin/dpkg')) {
    for (const [index, version] of ordered.entries()) {
      const next = ordered[index + 1]
      if (next !== undefined) t.equal(spawnSync('/usr/bin/dpkg', ['--compare-versions', version, 'lt', next]).status, 0, `${version} < ${next}`)
    }
  }
  t.equal(relationHolds('1', 'eq', '1'), true)
  t.equal(relationHolds('1', 'near', '1'), undefined)
  t.end()
})

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

void test('faults of Gitaly: start-up error, crash loop, slow start, a stop that hangs', async (t) => {
  const host = await runningHost(t, { overrides: { gitaly: { wrapper: true, gracefulMs: 300 } } })
  const again = async (): Promise<void> => { await host.run('gitlab-ctl', 'restart', 'gitaly') }
  t.ok(messages(host).includes('find process'), 'the wrapper logs errors on a healthy start too')

  await host.fault('startup-error')
  await again()
  await host.whenServing()
  t.ok(messages(host).includes('Unable to write gitaly metadata file'))

  await host.fault('fatal', { message: 'disk cache walkers: boom', times: 2 })
  await again()
  await host.whenServing()
  t.equal(host.gitalyLog().filter((line) => line === 'unclean Gitaly shutdown: disk cache walkers: boom').length, 2)

  await host.fault('read-only-storage')
  await host.fault('not-serving')
  await again()
  await host.whenServing()
  t.match((await serverInfo(host)).storage_statuses, [{ readable: true, writeable: false }])
  t.equal(await health(host), 'NOT_SERVING')

  await host.fault('hang-on-stop')
  await again()
  await host.whenServing()
  process.env['SVWAIT'] = '1'
  t.teardown(() => { delete process.env['SVWAIT'] })
  const stop = await host.run('gitlab-ctl', 'stop', 'gitaly')
  t.equal(stop.exit, 1)
  t.match(stop.stdout, /^timeout: run: gitaly: \(pid \d+\) \d+s, want down, got TERM\n$/)
  t.ok(host.killGitaly())
  await host.waitFor('down', () => host.gitalyPid() === undefined)
  await host.run('gitlab-ctl', 'start', 'gitaly')
  await host.whenServing()

  // Somebody watches its health: a graceful stop waits for that call until the grace period ends.
  const client = new HealthService(host.gitalyAddress, credentials.createInsecure())
  const watching = client.Watch({ service: '' })
  const ended = new Promise((resolve) => { watching.on('error', resolve) })
  await new Promise((resolve) => { watching.once('data', resolve) })
  await host.run('gitlab-ctl', 'stop', 'gitaly')
  await ended
  client.close()
  t.ok(host.gitalyLog().includes('unclean Gitaly shutdown: received signal "terminated": wait: grace period expired'))
})

void test('an old Gitaly, with a token', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-token-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  writeFileSync(join(folder, 'token'), 'secret\n')
  const host = await runningHost(t, { overrides: { gitaly: { release: '16.7.0', tokenFile: join(folder, 'token') } } })
  t.notOk(messages(host).includes('Started Gitaly'))
  const bearer = (secret: string, atMs: number): Metadata => {
    const metadata = new Metadata()
    const time = String(Math.floor(atMs / 1000))
    metadata.set('authorization', `Bearer v2.${createHmac('sha256', secret).update(time).digest('hex')}.${time}`)
    return metadata
  }
  const details = async (metadata?: Metadata): Promise<string> => await serverInfo(host, metadata).then(() => 'ok', (error: ServiceError) => error.details)
  t.equal(await health(host), 'authentication required', 'health needs it too')
  t.equal(await details(), 'authentication required')
  t.equal(await details(bearer('other', Date.now())), 'permission denied')
  t.equal(await details(bearer('secret', Date.now() - 40_000)), 'permission denied')
  t.equal(await details(bearer('secret', Date.now())), 'ok')
  await host.run('gitlab-ctl', 'stop', 'gitaly')
  t.equal(host.gitalyLog().at(-1), 'unclean Gitaly shutdown: received signal "terminated"')
  t.match(host.events().findLast(({ event }) => event === 'gitaly-exit'), { code: 1 })
})

void test('the down file is honoured at boot; the log rotates by rename and loses no line', async (t) => {
  const host = await runningHost(t, { overrides: { machine: { svlogd: { size: 1500, keep: 50 } } } })
  for (let round = 0; round < 2; round++) {
    await host.run('gitlab-ctl', 'restart', 'gitaly')
    await host.whenServing()
  }
  const folder = join(host.root, 'var/log/gitlab/gitaly')
  const rotated = readdirSync(folder).filter((name) => /^@4000[0-9a-f]{20}\.s$/.test(name)).sort()
  t.ok(rotated.length > 1)
  const lines = [...rotated, 'current'].flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter((line) => line !== ''))
  t.equal(lines.filter((line) => line.includes('"Started Gitaly"')).length, 3)
  t.ok(lines.every((line) => JSON.parse(line) !== undefined), 'no line is split')
  writeFileSync(join(host.root, 'opt/gitlab/sv/gitaly/down'), '')
  t.match((await host.run('gitlab-ctl', 'status', 'gitaly')).stdout, /^run: gitaly: \(pid \d+\) \d+s, normally down;/)
  await host.run('systemctl', 'reboot')
  await host.waitFor('boot', () => host.boots().length === 2)
  await host.waitFor('runsvdir', () => host.events().some((event) => event.event === 'agent-start' && event.boot_id === host.bootId()))
  const { stdout } = await host.run('gitlab-ctl', 'status', 'gitaly')
  t.match(stdout, /^(?:down: gitaly: \ds; run: log|fail: gitaly: runsv not running)/)
})

void test('apt: simulation, download, install; held and excluded packages stay', async (t) => {
  const host = await runningHost(t)
  const simulated = await host.run('apt-get', '-s', '-q', 'upgrade', '--with-new-pkgs')
  t.equal(simulated.exit, 0)
  t.match(simulated.stdout, 'Inst openssl [3.0.14-1~deb12u2] (3.0.15-1~deb12u1 Debian-Security:12/stable-security [amd64])')
  t.match(simulated.stdout, 'Inst linux-image-6.1.0-27-amd64 (6.1.115-1 Debian-Security:12/stable-security [amd64])\n')
  t.match(simulated.stdout, 'have been kept back:\n  postgresql-client-15\n')
  t.match(simulated.stdout, '6 upgraded, 1 newly installed, 0 to remove and 1 not upgraded.')
  t.match(simulated.stdout, /^Conf tzdata /m)
  t.same(host.installed()['openssl']?.version, '3.0.14-1~deb12u2')
  const manifest = ['openssl=3.0.15-1~deb12u1', 'libssl3=3.0.15-1~deb12u1']
  t.match((await host.run('apt-get', '-y', '-q', '--download-only', 'install', ...manifest)).stdout, /Download complete and in download only mode\n$/)
  const status = join(host.root, 'status')
  const installed = spawnSync('/bin/sh', ['-c', `"${host.path}/apt-get" -y -q -o Dpkg::Options::=--force-confdef -o DPkg::Lock::Timeout=5 -o APT::Status-Fd=3 install ${manifest.join(' ')} 3>"${status}"`], { encoding: 'utf8' })
  t.equal(installed.status, 0, installed.stderr)
  t.match(installed.stdout, 'Need to get 0 B/3,459 kB of archives.')
  t.match(readFileSync(status, 'utf8'), /^pmstatus:openssl:\d+\.\d{4}:Installed openssl \(amd64\)$/m)
  t.match(host.installed()['openssl'], { version: '3.0.15-1~deb12u1', state: 'installed' })
  t.match((await host.run('apt-get', '-s', '-q', 'install', ...manifest)).stdout, 'openssl is already the newest version (3.0.15-1~deb12u1).')
  t.equal((await host.run('dpkg-query', '-W', '-f=${Package}\\t${Version}\\t${db:Status-Abbrev}|\\n', 'openssl')).stdout, 'openssl\t3.0.15-1~deb12u1\tii |\n')
  t.equal((await host.run('apt-mark', 'showhold')).stdout, 'postgresql-client-15\n')
  t.equal((await host.run('dpkg', '--print-architecture')).stdout, 'amd64\n')
  t.equal((await host.run('dpkg', '--compare-versions', '1.0~rc1', 'ge', '1.0')).exit, 1)
  const refusals: [string[], string][] = [
    [['-s', '-q', 'install', 'openssl=1.1'], "E: Version '1.1' for 'openssl' was not found\n"],
    [['-s', '-q', 'install', 'nothing'], 'E: Unable to locate package nothing\n'],
    [['-y', '-q', 'install', 'postgresql-client-15=15.10-0+deb12u1'], 'E: Held packages were changed and -y was used without --allow-change-held-packages.\n']
  ]
  for (const [args, text] of refusals) t.match(await host.run('apt-get', ...args), { exit: 100, stderr: text })

  host.publish({ name: 'tzdata', version: '2024b-0+deb12u9', architecture: 'all', release: 'Debian:12.8/stable-updates', summary: '' })
  t.notMatch((await host.run('apt-get', '-s', '-q', 'upgrade')).stdout, 'deb12u9')
  t.equal((await host.run('apt-get', 'update', '-q')).exit, 0)
  t.match((await host.run('apt-get', '-s', '-q', 'upgrade')).stdout, 'deb12u9')
  t.match((await host.run('apt-get', '-s', '-q', 'upgrade')).stdout, /kept back:\n {2}linux-image-amd64 postgresql-client-15\n/, 'without --with-new-pkgs')
})

void test('apt: lists of its own, a download, and a world of nothing but local files', async (t) => {
  const host = await runningHost(t)
  const own = join(host.root, 'own')
  mkdirSync(join(own, 'lists'), { recursive: true })
  writeFileSync(join(own, 'preferences'), 'Package: gitlab-ee base-files\nPin: release *\nPin-Priority: -1\n')
  const seen = ['-o', `Dir::State::lists=${own}/lists`, '-o', `Dir::Etc::preferences=${own}/preferences`]
  t.notMatch((await host.run('apt-get', '-s', '-q', ...seen, 'upgrade', '--with-new-pkgs')).stdout, /^Inst/m, 'lists that were never refreshed offer nothing')
  t.equal((await host.run('apt-get', 'update', '-q', ...seen)).exit, 0)
  const offered = (await host.run('apt-get', '-s', '-q', ...seen, 'upgrade', '--with-new-pkgs')).stdout
  t.match(offered, /^Inst tzdata/m)
  t.notMatch(offered, /^Inst (?:gitlab-ee|base-files)/m, 'pinned away')
  const { stdout } = await host.run('apt-cache', ...seen, 'show', 'tzdata=2024b-0+deb12u1', 'tzdata=0')
  t.match(stdout, /^Package: tzdata\nVersion: 2024b-0\+deb12u1\nArchitecture: all\n(?:.*\n)*Filename: .*\nSize: \d+\nSHA256: [0-9a-f]{64}\n/)
  const got = spawnSync(join(host.path, 'apt-get'), ['-q', ...seen, 'download', 'tzdata=2024b-0+deb12u1'], { cwd: own, encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '' } })
  t.equal(got.status, 0, got.stderr)
  const file = join(own, 'tzdata_2024b-0+deb12u1_all.deb')
  writeFileSync(join(own, 'Packages'), stdout.replace(/^Filename: .*$/m, 'Filename: ./tzdata_2024b-0+deb12u1_all.deb'))
  const local = ['-o', 'Dir::Etc::sourcelist=/dev/null', '--with-source', `${own}/Packages`, 'upgrade', '--with-new-pkgs']
  t.match((await host.run('apt-get', '-s', '-q', ...local)).stdout, /newly installed.*\nInst tzdata \[2024a-0\+deb12u1\] \(2024b-0\+deb12u1 volatile-packages-file \[all\]\)\nConf/)
  const content = readFileSync(file)
  writeFileSync(file, 'torn')
  t.match(await host.run('apt-get', '-y', '-q', ...local), { exit: 100, stderr: /Hash Sum mismatch/ })
  t.equal(host.installed()['tzdata']?.version, '2024a-0+deb12u1')
  writeFileSync(file, content)
  t.match(await host.run('apt-get', '-y', '-q', ...local), { exit: 0, stdout: /Need to get 0 B\// })
  t.equal(host.installed()['tzdata']?.version, '2024b-0+deb12u1')
})

void test('apt: a failing script, an interruption, a lock', async (t) => {
  const host = await runningHost(t)
  const install = ['-y', '-q', 'install', 'openssl=3.0.15-1~deb12u1', 'tzdata=2024b-0+deb12u1']
  await host.fault('apt-fails', { package: 'openssl' })
  const failed = await host.run('apt-get', ...install)
  t.equal(failed.exit, 100)
  t.match(failed.stderr, /^dpkg: error processing package openssl \(--configure\):\n installed openssl package post-installation script/)
  t.match(failed.stderr, /E: Sub-process \/usr\/bin\/dpkg returned an error code \(1\)\n$/)
  const audit = await host.run('dpkg', '--audit')
  t.equal(audit.exit, 0)
  t.match(audit.stdout, /^The following packages are only half configured, probably due to problems\n.*\n.*\n openssl {14}Secure Sockets Layer/)
  t.match(host.installed()['tzdata'], { state: 'installed' })
  t.match((await host.run('apt-get', '-s', '-q', 'upgrade')).stdout, '1 not fully installed or removed.')
  t.equal((await host.run('dpkg', '--configure', '-a')).exit, 0)
  t.equal((await host.run('dpkg', '--audit')).stdout, '')

  await host.fault('apt-interrupted')
  const cut = await host.run('apt-get', '-y', '-q', 'install', 'linux-image-amd64=6.1.115-1', 'base-files=12.4+deb12u8')
  t.same([cut.exit, cut.signal], [null, 'SIGKILL'])
  t.equal(host.commands().at(-1)?.exit, null)
  const half = await host.run('dpkg', '--audit')
  t.match(half.stdout, 'have been unpacked but not yet configured')
  t.match(half.stdout, 'are only half configured')
  const refused = await host.run('apt-get', '-y', '-q', 'install', 'base-files=12.4+deb12u8')
  t.match(refused, { exit: 100, stderr: "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. \n" })
  t.equal((await host.run('dpkg', '--configure', '-a')).exit, 0)
  t.match(host.installed()['linux-image-6.1.0-27-amd64'], { state: 'installed' })

  await host.fault('dpkg-lock-held', { ms: 600 })
  const tzdata = ['-y', '-q', 'install', 'tzdata=2024b-0+deb12u1']
  const locked = await host.run('apt-get', ...tzdata)
  t.equal(locked.exit, 100)
  t.match(locked.stderr, /^E: Could not get lock \/var\/lib\/dpkg\/lock-frontend\. It is held by process \d+ \(unattended-upgr\)\nN: /)
  const patient = await host.run('apt-get', '-o', 'DPkg::Lock::Timeout=10', ...tzdata)
  t.equal(patient.exit, 0)
  const both = await Promise.all([host.run('apt-get', '-y', '-q', 'install', 'gitlab-ee=18.5.2-ee.0'), host.run('apt-get', '-y', '-q', 'install', 'gitlab-ee=18.5.2-ee.0')])
  t.same(new Set(both.map(({ exit }) => exit)), new Set([0, 100]), 'two at once: one is refused')
})

void test('what systemd runs behind a unit is told how it ended, and the unit is not over before; KillMode=process leaves the rest alone', async (t) => {
  const host = await runningHost(t)
  const mainPid = async (unit: string): Promise<number> => Number((await host.run('systemctl', 'show', '-p', 'MainPID', '--value', unit)).stdout)
  const behind = `ExecStopPost="/bin/sh" "-c" "echo $$SERVICE_RESULT $$EXIT_CODE $$EXIT_STATUS >> \\"$$0\\"" "${host.root}/var/log/ends"`
  const start = async (unit: string, script: string): Promise<void> => {
    t.same(await host.run('systemd-run', '--quiet', '--collect', `--unit=${unit}`, `--property=${behind}`, '--property=KillMode=process', '--', '/bin/sh', '-c', script), { exit: 0, signal: null, stdout: '', stderr: '' })
  }
  const ended = async (count: number): Promise<string> => await host.waitFor('end of the unit', () => {
    const text = existsSync(join(host.root, 'var/log/ends')) ? readFileSync(join(host.root, 'var/log/ends'), 'utf8') : ''
    return text.split('\n').length > count && text.trim().split('\n').at(-1)
  })
  await start('good', ':')
  t.equal(await ended(1), 'success exited 0')
  await start('bad', 'exit 3')
  t.equal(await ended(2), 'exit-code exited 3')
  await start('killed', `(sleep 0.3; echo survived > ${host.root}/var/log/rest) & wait`)
  process.kill(await mainPid('killed'), 'SIGKILL')
  t.equal(await ended(3), 'signal killed KILL')
  await host.waitFor('what the unit left behind', () => existsSync(join(host.root, 'var/log/rest')))
  await start('stopped', 'exec sleep 1000')
  t.equal((await host.run('systemctl', 'stop', 'stopped')).exit, 0)
  t.equal(await ended(4), 'success killed TERM', 'when stop comes back, it has run')
})

void test('a unit that is waited for ends its asker with its own code; its time over is 1, a signal 255', async (t) => {
  const host = await runningHost(t)
  // As measured with systemd 252.
  const waited = (...args: string[]) => host.run('systemd-run', '--wait', '--pipe', '--quiet', '--collect', ...args)
  t.match(await waited('--setenv=GREETING=hello', '--', '/bin/sh', '-c', 'echo $GREETING; echo no >&2; exit 3'), { exit: 3, stdout: 'hello\n', stderr: 'no\n' })
  t.match(await waited('--property=RuntimeMaxSec=200ms', '--', '/bin/sleep', '30'), { exit: 1 })
  t.match(await waited('--', '/bin/sh', '-c', 'kill -9 $$'), { exit: 255 })
})

void test('a unit outlives its caller, refuses a second of its name, ends by stop', async (t) => {
  const host = await runningHost(t)
  const caller = spawnSync('/bin/sh', ['-c', `"${host.path}/systemd-run" --quiet --collect --unit=work --setenv=GREETING=hello --property=Description=Work -- /bin/sh -c 'echo $GREETING; exec sleep 1000'; kill -KILL $$`])
  t.equal(caller.signal, 'SIGKILL')
  t.equal((await host.run('systemctl', 'is-active', 'work')).stdout, 'active\n')
  t.match(await host.run('systemd-run', '--quiet', '--collect', '--unit=work', '--', 'true'), {
    exit: 1, stderr: 'Failed to start transient service unit: Unit work.service was already loaded or has a fragment file.\n'
  })
  t.match((await host.run('systemctl', 'show', '-p', 'SubState,MainPID,ActiveState,LoadState,UnitFileState,Result', 'work')).stdout,
    /^MainPID=[1-9]\d*\nResult=success\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=transient\n$/)
  t.equal(readFileSync(join(host.root, 'var/log/journal/work.service.log'), 'utf8'), 'hello\n')
  t.equal((await host.run('systemctl', 'stop', 'work.service')).exit, 0)
  t.same(await host.run('systemctl', 'is-active', 'work'), { exit: 3, signal: null, stdout: 'inactive\n', stderr: '' })
  t.match((await host.run('systemctl', 'show', '-p', 'LoadState,ActiveState', 'work')).stdout, 'LoadState=not-found\nActiveState=inactive\n')
  t.match(await host.run('systemctl', 'stop', 'work'), { exit: 5, stderr: 'Failed to stop work.service: Unit work.service not loaded.\n' })
  t.match(await host.run('systemd-run', '--unit=x', '--', '/no/such'), { exit: 1, stderr: 'Failed to find executable /no/such: No such file or directory\n' })

  await host.run('systemd-run', '--quiet', '--collect', '--unit=later', '--on-active=1h', '--', 'true')
  t.match((await host.run('systemctl', 'show', '-p', 'ActiveState,SubState', 'later.timer')).stdout, 'ActiveState=active\nSubState=waiting\n')
  t.equal((await host.run('systemctl', 'stop', 'later.service')).exit, 0, 'stopping the service is no error')
  t.equal((await host.run('systemctl', 'is-active', 'later.timer')).stdout, 'active\n', 'and leaves the timer')
  t.equal((await host.run('systemctl', 'stop', 'later.timer')).exit, 0)
  t.equal((await host.run('systemctl', 'is-active', 'later.timer')).exit, 3)
  await host.run('systemd-run', '--quiet', '--collect', '--unit=soon', '--on-active=0.05', '--timer-property=AccuracySec=1ms', '--', 'false')
  await seen(host, 'unit-exit', 2)
  t.match(host.events().findLast(({ event }) => event === 'unit-exit'), { unit: 'soon.service', result: 'exit-code', exit: 1 })
  await host.run('systemd-run', '--quiet', '--unit=kept', '--', 'false')
  await seen(host, 'unit-exit', 3)
  t.equal((await host.run('systemctl', 'is-active', 'kept')).stdout, 'failed\n', 'without --collect a failure stays')
})

void test('scheduled shutdowns, masks and notices', async (t) => {
  const host = await runningHost(t)
  const ask = ['--system', '--json=short', 'get-property', 'org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager', 'ScheduledShutdown']
  t.equal((await host.run('busctl', ...ask)).stdout, '{"type":"(st)","data":["",0]}\n')
  t.equal((await host.run('shutdown', '-r', '+5')).exit, 0)
  t.match((await host.run('busctl', ...ask)).stdout, /^\{"type":"\(st\)","data":\["reboot",\d{16}\]\}\n$/)
  t.ok(existsSync(join(host.root, 'run/systemd/shutdown/scheduled')))
  t.equal((await host.run('shutdown', '-c')).exit, 0)
  t.match((await host.run('busctl', ...ask)).stdout, '"data":["",')
  await host.run('systemctl', 'stop', 'apt-daily.timer')
  t.equal((await host.run('systemctl', 'mask', '--runtime', 'apt-daily.timer')).stderr, 'Created symlink /run/systemd/system/apt-daily.timer → /dev/null.\n')
  t.equal((await host.run('systemctl', 'show', '-p', 'UnitFileState,LoadState,ActiveState', 'apt-daily.timer')).stdout, 'LoadState=masked\nActiveState=inactive\nUnitFileState=masked-runtime\n')
  t.match(await host.run('systemctl', 'start', 'apt-daily.timer'), { exit: 1, stderr: 'Failed to start apt-daily.timer: Unit apt-daily.timer is masked.\n' })
  t.equal((await host.run('systemctl', 'unmask', '--runtime', 'apt-daily.timer')).stderr, 'Removed "/run/systemd/system/apt-daily.timer".\n')
  t.equal((await host.run('systemctl', 'start', 'apt-daily.timer')).exit, 0)
  t.equal((await host.run('systemctl', 'is-active', 'apt-daily.timer')).stdout, 'active\n')
  await host.run('systemctl', 'mask', '--runtime', 'apt-daily-upgrade.timer', 'unattended-upgrades.service')
  await host.run('systemctl', 'unmask', '--runtime', 'apt-daily-upgrade.timer', 'unattended-upgrades.service')
  t.equal((await host.run('systemctl', 'is-active', 'apt-daily-upgrade.timer', 'unattended-upgrades')).stdout, 'failed\nactive\n', 'a timer does not live through its mask, a service does')
  t.match(await host.run('systemd-notify', '--ready'), { exit: 1, stderr: /NOTIFY_SOCKET was not set/ })
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
