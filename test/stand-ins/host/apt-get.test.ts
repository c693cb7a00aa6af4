// apt and dpkg of a stand-in host: their texts and their traps.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { runningHost } from './host-under-test.ts'

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
