// systemd of a stand-in host: units that outlive their caller, how they end, shutdowns and masks.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { runningHost, seen } from './host-under-test.ts'

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
