// What the host's files say of its age and its room: in a container the machine's clock is not the host's.
import t from 'tap'
import { fakeHost } from '../fixtures/fake-host.ts'
import { buildHost } from '../host.ts'
import { hostFiles } from './host-files.ts'

/** As systemd 252 in a container on a machine that had been up for three hours; the name may hold anything. */
const pid1 = (ticks: number): string => `1 (sys) d (x) S 0 1 1 0 -1 4194560 2166 9624 0 1 7 3 6 6 20 0 1 0 ${ticks} 20180992 2972 18446744073709551615 93918052966400 0 0\n`

void t.test('the uptime is the host\'s own, and the machine\'s is kept for what counts on it', async (t) => {
  const host = await fakeHost()
  t.teardown(() => host.close())
  host.write('proc/uptime', '11599.26 16074.85\n')
  const files = (): ReturnType<typeof hostFiles> => hostFiles(host.settings().host)
  t.equal(files().machineUptimeMs(), 11_599_260)
  t.equal(files().uptimeMs(), 11_599_260, 'a /proc that is only a picture of one has no PID 1')
  host.write('proc/1/stat', pid1(1_158_169))
  t.equal(files().uptimeMs(), 11_599_260 - 11_581_690, 'since PID 1 of the container')
  host.write('proc/1/stat', pid1(24))
  t.equal(files().uptimeMs(), 11_599_260 - 240, 'on a machine of its own')
  host.write('proc/1/stat', pid1(2_000_000))
  t.equal(files().uptimeMs(), 11_599_260, 'where /proc/uptime counts for the container already (lxcfs), nothing is taken off')
})

void t.test('a systemd service\'s age is counted on the machine\'s clock', async (t) => {
  const host = await fakeHost()
  t.teardown(() => host.close())
  host.write('proc/uptime', '11599.26 16074.85\n')
  host.write('proc/1/stat', pid1(1_158_169))
  host.write('bin/systemctl', '#!/bin/sh\necho MainPID=7; echo ActiveState=active; echo SubState=running; echo ActiveEnterTimestampMonotonic=11589000000; echo UnitFileState=enabled\n')
  const settings = host.settings().host
  const plain = buildHost({ ...settings, gitaly: { ...settings.gitaly, manager: 'systemd' } }, { now: () => 0, monotonic: () => 0 })
  t.match(await plain.manager.status(), { state: 'run', pid: 7, uptimeS: 10 })
})

void t.test('room is counted in bytes and in inodes', async (t) => {
  const host = await fakeHost()
  t.teardown(() => host.close())
  host.write('boot/x', '')
  const space = hostFiles(host.settings().host).freeSpace()
  t.same(space.map(({ path }) => path), ['/', '/var', '/boot'])
  for (const { free, inodes } of space) {
    t.ok(free > 0)
    t.ok(inodes === undefined || inodes.free > 0)
  }
})

void t.test('packages have another stamp when they have changed', async (t) => {
  const host = await fakeHost()
  t.teardown(() => host.close())
  const files = hostFiles(host.settings().host)
  const none = files.packagesStamp()
  host.write('var/lib/dpkg/status', 'a')
  const first = files.packagesStamp()
  t.not(first, none)
  t.equal(files.packagesStamp(), first)
})
