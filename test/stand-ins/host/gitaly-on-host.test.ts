// Gitaly on a stand-in host: its faults, its token, its down file and its log.
import { createHmac } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { HealthService } from '@pitstop/proto'
import { test } from 'tap'
import { health, messages, runningHost, serverInfo } from './host-under-test.ts'

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
