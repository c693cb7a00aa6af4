// What apt prints and what the host makes of it: parsers understand real lines and never throw; a plan that differs from
// the manifest is refused by name.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as fc from 'fast-check'
import t from 'tap'
import { completelyInstalled, lastLines, parseNames, parsePackages, parseSimulation } from './apt-output.ts'
import { applicable, changedPackages, compareSimulation, missingVersions, resolveManifest, stillNeeded } from './apt-plan.ts'
import { parseStatusLine } from './apt-progress.ts'
import { compareVersions } from './debian-version.ts'

const simulation = `NOTE: This is only a simulation!
Reading package lists...
The following package was automatically installed and is no longer required:
  pc
The following packages have been kept back:
  gitlab-ee libfoo:i386
  pa
The following upgrades have been deferred due to phasing:
  pb
The following packages will be upgraded:
  libc6 libssl3
Inst libc6 [2.36-9+deb12u8] (2.36-9+deb12u9 Debian:12.8/stable [amd64]) [libc-bin:amd64 ]
Inst libssl3 [3.0.14-1~deb12u2] (3.0.15-1~deb12u1 Debian:12.8/stable, Debian-Security:12/stable-security [amd64])
Inst linux-image-6.1.0-27-amd64 (6.1.115-1 Debian-Security:12/stable-security [amd64])
Inst tzdata [2024a-0ubuntu0.22.04] (2024b-0ubuntu0.22.04 Ubuntu:22.04/jammy-updates [all])
Inst openssl [3.0.2-0ubuntu1.17] (3.0.2-0ubuntu1.18 Ubuntu:22.04/jammy-security [amd64])
Inst locally-built (1.0 [amd64])
Inst libc6:i386 [2.36-9+deb12u8] (2.36-9+deb12u9 Debian:12.8/stable [i386])
Inst wireless-regdb [2026.02.04-1~deb12u1] (2026.05.30-1~deb12u1 Debian-Security:12/oldstable-security [all])
Inst vim [2:8.2.3995-1ubuntu2.16] (2:8.2.3995-1ubuntu2.17 UbuntuESM:22.04/jammy-infra-security [amd64])
Inst nano [6.2-1] (6.2-1ubuntu0.1 UbuntuESM:22.04/jammy-infra-updates [amd64])
Inst redis [5:6.0.16-1ubuntu1] (5:6.0.16-1ubuntu1+esm1 UbuntuESMApps:22.04/jammy-apps-security [amd64])
Inst libssl-dev (3.0.2-0ubuntu1.30 Ubuntu:22.04/jammy-updates, Ubuntu:22.04/jammy-security [amd64])
Inst docker-ce [5:27.0] (5:28.0 Docker CE:bookworm [amd64])
Inst pnew (1.0 volatile-packages-file [amd64])
Conf libc6 (2.36-9+deb12u9 Debian:12.8/stable [amd64])
`

void t.test('a simulation is read line by line', (t) => {
  const { changes, removed, kept, unread } = parseSimulation(simulation)
  t.same(changes.map(({ name, from, to, security }) => [name, from, to, security]), [
    ['libc6', '2.36-9+deb12u8', '2.36-9+deb12u9', false],
    ['libssl3', '3.0.14-1~deb12u2', '3.0.15-1~deb12u1', true],
    ['linux-image-6.1.0-27-amd64', '', '6.1.115-1', true],
    ['tzdata', '2024a-0ubuntu0.22.04', '2024b-0ubuntu0.22.04', false],
    ['openssl', '3.0.2-0ubuntu1.17', '3.0.2-0ubuntu1.18', true],
    ['locally-built', '', '1.0', false],
    ['libc6:i386', '2.36-9+deb12u8', '2.36-9+deb12u9', false],
    ['wireless-regdb', '2026.02.04-1~deb12u1', '2026.05.30-1~deb12u1', true],
    ['vim', '2:8.2.3995-1ubuntu2.16', '2:8.2.3995-1ubuntu2.17', true],
    ['nano', '6.2-1', '6.2-1ubuntu0.1', false],
    ['redis', '5:6.0.16-1ubuntu1', '5:6.0.16-1ubuntu1+esm1', true],
    ['libssl-dev', '', '3.0.2-0ubuntu1.30', true],
    ['docker-ce', '5:27.0', '5:28.0', false],
    ['pnew', '', '1.0', false]
  ])
  t.same(kept, ['gitlab-ee', 'libfoo:i386', 'pa', 'pb'], 'what apt does not take, and nothing of the other lists')
  t.equal(changes.find(({ name }) => name === 'docker-ce')?.origin, 'Docker CE:bookworm', 'a label may have a blank')
  t.equal(changes[1]?.origin, 'Debian:12.8/stable, Debian-Security:12/stable-security')
  t.same([removed, unread], [[], []])
  t.same(parseSimulation('Remv exim4 [4.96]\nInst broken line\n'), { changes: [], removed: ['exim4'], kept: [], unread: ['Inst broken line'] }, 'what is not understood is kept, not dropped')
  t.end()
})

void t.test('installed means installed: what only left its configuration behind does not count', (t) => {
  // dpkg 1.21 in a Debian 12 with i386 added; pslow was only unpacked, pkill's dpkg was killed, ptrg2 awaits a trigger.
  const listing = 'libc6:amd64\t2.36-9+deb12u14\tii \t12986\npma:i386\t1.0\tii \t1\nparted\t\tun \t\nold\t1.0\trc \t5\nheld\t2.0\thi \t7\npslow\t1.0\tiU \t1\npkill\t1.0\tiHR\t\nptrg2\t1\tiW \t\n'
  const packages = parsePackages(listing, 'amd64')
  t.same(packages, [
    { name: 'libc6', version: '2.36-9+deb12u14', installedKb: 12_986 }, { name: 'pma:i386', version: '1.0', installedKb: 1 }, { name: 'held', version: '2.0', installedKb: 7 },
    { name: 'pslow', version: '1.0', unfinished: 'U', installedKb: 1 }, { name: 'pkill', version: '1.0', unfinished: 'H' }, { name: 'ptrg2', version: '1', unfinished: 'W' }
  ], 'the native architecture goes without saying, a foreign one does not')
  t.same(completelyInstalled(packages).map(({ name }) => name), ['libc6', 'pma:i386', 'held'])
  t.same(parseNames('gitlab-ee\n\n linux-image:all \nlibc6:amd64\nlibc6:i386\n', 'amd64'), ['gitlab-ee', 'linux-image', 'libc6', 'libc6:i386'])
  t.equal(lastLines('a\n(Reading database ... \r(Reading database ... 5%\r(Reading database ... 11354 files\r\nSetting up pa (2.0) ...\n\n', 2), '(Reading database ... 11354 files\nSetting up pa (2.0) ...', 'of a line written over only its end')
  t.end()
})

void t.test('no text makes a parser throw', (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
    parseSimulation(`Inst ${text}`); parseSimulation(text); parsePackages(text); parseNames(text); lastLines(text, 3); parseStatusLine(text); parseStatusLine(`pmstatus:${text}`)
  }))
  t.pass()
  t.end()
})

void t.test('progress lines of apt, also with an architecture in the package name', (t) => {
  t.same(parseStatusLine('pmstatus:libc6:42.5:Unpacking libc6'), { percent: 42.5, text: 'Unpacking libc6' })
  t.same(parseStatusLine('pmstatus:libc6:amd64:40:Unpacking libc6:amd64 (2.36)'), { percent: 40, text: 'Unpacking libc6:amd64 (2.36)' })
  t.same(parseStatusLine('dlstatus:1:20:Retrieving file 1 of 5'), { percent: 20, text: 'Retrieving file 1 of 5' })
  t.same(parseStatusLine('pmerror:foo:50:subprocess returned 1'), { percent: 50, text: 'error: foo: subprocess returned 1' })
  t.equal(parseStatusLine('Reading database ...'), undefined)
  t.end()
})

void t.test('versions are ordered as dpkg orders them', { skip: existsSync('/usr/bin/dpkg') ? false : 'no dpkg on this machine' }, (t) => {
  const samples = ['1.0', '1.0-1', '1.0-1~deb12u1', '1.0~rc1', '1:0.5', '1.0+b1', '1.10', '1.9', '2.36-9+deb12u9', '2.36-9+deb12u10', '1.0a', '1.0.', '0', '00', '1-1-1', '6.1.0-27-amd64', '6.1.0-9-amd64']
  const expected = JSON.parse(execFileSync('bash', ['-c', `printf '['; first=1; for a in "$@"; do for b in "$@"; do
    if dpkg --compare-versions "$a" lt "$b"; then r=-1; elif dpkg --compare-versions "$a" gt "$b"; then r=1; else r=0; fi
    [ $first = 1 ] || printf ,; first=0; printf %s $r; done; done; printf ']'`, 'bash', ...samples]).toString()) as number[]
  t.same(samples.flatMap((a) => samples.map((b) => Math.sign(compareVersions(a, b)))), expected)
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => Math.sign(compareVersions(a, b)) === -Math.sign(compareVersions(b, a))))
  t.end()
})

const change = (name: string, from: string, to: string): { name: string, from: string, to: string, origin: string, security: boolean } => ({ name, from, to, origin: 'o', security: false })
const offers = (...changes: ReturnType<typeof change>[]): { changes: ReturnType<typeof change>[], removed: string[], kept: string[], unread: string[] } => ({ changes, removed: [], kept: [], unread: [] })
const free = { excluded: ['gitlab-ee'], held: [] }

void t.test('the canary resolves everything but what is excluded or held', (t) => {
  const { changes, notes, reasons } = resolveManifest(offers(change('a', '1', '2'), change('gitlab-ee', '17', '18'), change('h', '1', '2')), { excluded: ['gitlab-ee'], held: ['h'] })
  t.same(changes.map(({ name }) => name), ['a'])
  t.match(notes.join(), /gitlab-ee.*excluded.*h 1.*held/s)
  t.same(reasons, [])
  t.match(resolveManifest({ ...offers(), kept: ['pb', 'h'] }, { excluded: [], held: ['h'] }).notes, [/^pb is kept back by apt/], 'told, unless a hold says why')
  t.match(resolveManifest({ ...offers(), removed: ['exim4'] }, free).reasons, [{ code: 'MANIFEST_DIFFERS', text: /remove exim4/ }], 'a removal is never accepted')
  t.end()
})

void t.test('what of the manifest applies here, and every difference by name', (t) => {
  const manifest = [{ name: 'a', version: '2' }, { name: 'b', version: '2' }, { name: 'c', version: '2' }, { name: 'd', version: '2' }, { name: 'new', version: '1' }, { name: 'h', version: '2' }]
  const installed = [{ name: 'a', version: '1' }, { name: 'b', version: '2' }, { name: 'c', version: '3' }, { name: 'h', version: '1' }, { name: 'x', version: '1' }]
  const plan = applicable(manifest, installed, offers(change('a', '1', '3'), change('new', '', '1'), change('x', '1', '2'), change('gitlab-ee', '1', '2')), { excluded: ['gitlab-ee'], held: ['h'] })
  t.same(plan.install, [{ name: 'a', version: '2' }, { name: 'new', version: '1' }])
  t.match(plan.notes.join('; '), /c 3 is newer.*d is not installed here.*apt offers a 3, newer/s)
  t.match(plan.reasons.map(({ text }) => text), [/h is held at 1/, /install x 2, which is not in the manifest/])
  t.same(applicable([{ name: 'a', version: '1' }], [{ name: 'a', version: '1' }], offers(), free), { install: [], notes: [], reasons: [] }, 'nothing to do is a normal path')
  t.end()
})

void t.test('apt must do exactly what it is asked: more, less or else is refused', (t) => {
  const asked = [{ name: 'a', version: '2' }, { name: 'b', version: '2' }]
  t.same(compareSimulation(asked, offers(change('a', '1', '2'), change('b', '1', '2'))), [])
  t.match(compareSimulation(asked, offers(change('a', '1', '3'), change('dep', '', '1'))).map(({ text }) => text),
    [/a 3 instead of 2/, /also install dep 1/, /would not install b 2/])
  t.end()
})

void t.test('afterwards dpkg is believed, not apt', (t) => {
  t.same(changedPackages([{ name: 'a', version: '1' }, { name: 'b', version: '1' }], [{ name: 'a', version: '2' }, { name: 'b', version: '1' }, { name: 'n', version: '1' }]),
    [{ name: 'a', from: '1', to: '2' }, { name: 'n', from: '', to: '1' }])
  t.same(changedPackages([{ name: 'a', version: '1' }, { name: 'gone', version: '1' }], [{ name: 'a', version: '1', unfinished: 'F' }]),
    [{ name: 'a', from: '1', to: '1' }, { name: 'gone', from: '1', to: '' }], 'what was left half-way has changed, and so has what is gone')
  t.match(missingVersions([{ name: 'a', version: '2' }], [{ name: 'a', version: '2', unfinished: 'F' }]), [{ text: 'a is 2, not completely installed; the manifest has 2' }])
  t.same(stillNeeded([{ name: 'a', version: '2' }, { name: 'b', version: '2' }, { name: 'c', version: '2' }, { name: 'n', version: '1' }], [{ name: 'a', version: '1' }, { name: 'b', version: '2' }, { name: 'c', version: '2.1' }]),
    [{ name: 'a', version: '2' }, { name: 'n', version: '1' }], 'never again what somebody else has installed, and never back')
  t.match(missingVersions([{ name: 'a', version: '2' }, { name: 'b', version: '2' }], [{ name: 'a', version: '2' }]), [{ code: 'PACKAGES_DIFFER', text: /b is not installed/ }])
  t.end()
})
