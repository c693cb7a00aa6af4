// Why the host refuses: a table of facts. What cannot be read is a refusal, and every reason is named.
import { reason } from '@pitstop/shared/fault'
import t from 'tap'
import type { ServiceReading } from './service-status.ts'
import { type HostFacts, timeVetoes, vetoes } from './veto.ts'

const running: ServiceReading = { name: 'gitaly', state: 'run', pid: 42, uptimeS: 100, normallyDown: false, text: 'run: gitaly: (pid 42) 100s' }
const known = <T>(value: T): { readonly value: T } => ({ value })
const host: HostFacts = {
  disabled: known(undefined), audit: known(''), dpkgLock: known(undefined), space: known([{ path: '/', free: 10, needed: 5, inodes: { free: 10, needed: 5 } }]), bootProblems: known([]), comebackProblems: known([]),
  bootObstacle: known(undefined), downFile: known(undefined), shutdown: known(undefined), blockers: known([]), service: known(running), hooks: known([])
}
const bad: HostFacts = {
  disabled: known('chef runs'), audit: known('foo is half-configured'), dpkgLock: known(undefined), space: known([{ path: '/boot', free: 1, needed: 5, inodes: { free: 1, needed: 16 } }]),
  bootProblems: known(['/boot/initrd.img-6 is missing']), comebackProblems: known(['/etc/fstab wants UUID=1 on /data, and nothing is mounted there']),
  bootObstacle: known('gitlab-runsvdir.service is disabled'), downFile: known('/opt/gitlab/sv/gitaly/down'), shutdown: known('poweroff at 1'),
  blockers: known(['APT (process 121): APT is installing or removing packages']), service: known({ ...running, state: 'down' }), hooks: known([reason('HOOK_REFUSED', 'a hook is writable by everybody')])
}
const codes = (step: 'stage' | 'upgrade' | 'reboot', facts: HostFacts): readonly string[] => vetoes(step, facts).map(({ code }) => code)

void t.test('a veto names every reason', (t) => {
  t.same(codes('reboot', host), [])
  t.same(codes('reboot', bad), ['HOST_DISABLED', 'DPKG_BROKEN', 'DISK_FULL', 'DISK_FULL', 'KERNEL_MISSING', 'BOOT_UNSAFE', 'SERVICE_MARKED_DOWN', 'SERVICE_MARKED_DOWN',
    'SHUTDOWN_SCHEDULED', 'SHUTDOWN_BLOCKED', 'SERVICE_NOT_RUNNING', 'HOOK_REFUSED'])
  t.same(codes('upgrade', { ...host, bootProblems: bad.bootProblems, blockers: bad.blockers }), [], 'an upgrade may mend the kernel, and apt itself blocks shutdowns')
  t.same(codes('upgrade', { ...host, comebackProblems: bad.comebackProblems }), ['BOOT_UNSAFE'], 'no kernel is written into a /boot that is not mounted')
  t.same(codes('stage', { ...bad, disabled: known(undefined), space: host.space }), [], 'downloading needs no running Gitaly')
  t.end()
})

void t.test('somebody else\'s apt at work is waited for by an upgrade and keeps a reboot away', (t) => {
  const busy = { ...host, audit: known('foo is half-configured'), dpkgLock: known({ path: '/var/lib/dpkg/lock-frontend', pid: 321, program: 'apt-get install foo' }) }
  t.same(codes('upgrade', busy), [], 'what is half-configured now is its work, and is asked again when it has ended')
  t.match(vetoes('reboot', busy), [{ code: 'DPKG_LOCKED', text: '/var/lib/dpkg/lock-frontend is held by process 321 (apt-get install foo)', hint: /ps -fp 321/ }])
  t.same(codes('upgrade', { ...host, audit: busy.audit, dpkgLock: { unknown: 'no /proc' } }), ['DPKG_BROKEN'], 'not known is not busy')
  t.end()
})

void t.test('what cannot be read is a reason', (t) => {
  const blind = { unknown: 'no answer' }
  const code: Readonly<Record<keyof HostFacts, string>> = {
    disabled: 'HOST_DISABLED', audit: 'DPKG_BROKEN', dpkgLock: 'DPKG_LOCKED', space: 'DISK_FULL', bootProblems: 'KERNEL_MISSING', comebackProblems: 'BOOT_UNSAFE', bootObstacle: 'SERVICE_MARKED_DOWN',
    downFile: 'SERVICE_MARKED_DOWN', shutdown: 'SHUTDOWN_SCHEDULED', blockers: 'SHUTDOWN_BLOCKED', service: 'SERVICE_NOT_RUNNING', hooks: 'HOOK_REFUSED'
  }
  for (const [fact, expected] of Object.entries(code)) t.match(vetoes('reboot', { ...host, [fact]: blind }), [{ code: expected, text: /no answer/ }], fact)
  t.end()
})

void t.test('never late, and not by a clock that is off', (t) => {
  const grant = { notBeforeMs: 1000, notAfterMs: 2000 }
  t.same(timeVetoes(grant, 1000, 100), [])
  t.same(timeVetoes(grant, 950, 100), [], 'within the offset allowed')
  t.match(timeVetoes(grant, 899, 100), [{ code: 'CLOCK_OFF' }])
  t.match(timeVetoes(grant, 2000, 100), [{ code: 'EXPIRED' }])
  t.end()
})
