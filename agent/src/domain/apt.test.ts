// What apt prints and what the host makes of it: parsers understand real lines and never throw; a plan that differs from
// the manifest is refused by name.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as fc from 'fast-check'
import t from 'tap'
import { parseInstalled, parseNames, parseSimulation } from './apt-output.ts'
import { applicable, changedPackages, compareSimulation, missingVersions, resolveManifest } from './apt-plan.ts'
import { parseStatusLine } from './apt-progress.ts'
import { compareVersions } from './debian-version.ts'

const simulation = `NOTE: This is only a simulation!
Reading package lists...
The following packages will be upgraded:
Inst libc6 [2.36-9+deb12u8] (2.36-9+deb12u9 Debian:12.8/stable [amd64]) [libc-bin:amd64 ]
Inst libssl3 [3.0.14-1~deb12u2] (3.0.15-1~deb12u1 Debian:12.8/stable, Debian-Security:12/stable-security [amd64])
Inst linux-image-6.1.0-27-amd64 (6.1.115-1 Debian-Security:12/stable-security [amd64])
Inst tzdata [2024a-0ubuntu0.22.04] (2024b-0ubuntu0.22.04 Ubuntu:22.04/jammy-updates [all])
Inst openssl [3.0.2-0ubuntu1.17] (3.0.2-0ubuntu1.18 Ubuntu:22.04/jammy-security [amd64])
Inst locally-built (1.0 [amd64])
Conf libc6 (2.36-9+deb12u9 Debian:12.8/stable [amd64])
`

void t.test('a simulation is read line by line', (t) => {
  const { changes, removed, unread } = parseSimulation(simulation)
  t.same(changes.map(({ name, from, to, security }) => [name, from, to, security]), [
    ['libc6', '2.36-9+deb12u8', '2.36-9+deb12u9', false],
    ['libssl3', '3.0.14-1~deb12u2', '3.0.15-1~deb12u1', true],
    ['linux-image-6.1.0-27-amd64', '', '6.1.115-1', true],
    ['tzdata', '2024a-0ubuntu0.22.04', '2024b-0ubuntu0.22.04', false],
    ['openssl', '3.0.2-0ubuntu1.17', '3.0.2-0ubuntu1.18', true],
    ['locally-built', '', '1.0', false]
  ])
  t.equal(changes[1]?.origin, 'Debian:12.8/stable, Debian-Security:12/stable-security')
  t.same([removed, unread], [[], []])
  t.same(parseSimulation('Remv exim4 [4.96]\nInst broken line\n'), { changes: [], removed: ['exim4'], unread: ['Inst broken line'] }, 'what is not understood is kept, not dropped')
  t.end()
})

void t.test('installed means installed: what only left its configuration behind does not count', (t) => {
  t.same(parseInstalled('base-files\t12.4\tii \nold\t1.0\trc \nheld\t2.0\thi \nbroken\t3\tiF \n'), [{ name: 'base-files', version: '12.4' }, { name: 'held', version: '2.0' }])
  t.same(parseNames('gitlab-ee\n\n linux-image:all \n'), ['gitlab-ee', 'linux-image'])
  t.end()
})

void t.test('no text makes a parser throw', (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
    parseSimulation(`Inst ${text}`); parseSimulation(text); parseInstalled(text); parseNames(text); parseStatusLine(text); parseStatusLine(`pmstatus:${text}`)
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
const offers = (...changes: ReturnType<typeof change>[]): { changes: ReturnType<typeof change>[], removed: string[], unread: string[] } => ({ changes, removed: [], unread: [] })
const free = { excluded: ['gitlab-ee'], held: [] }

void t.test('the canary resolves everything but what is excluded or held', (t) => {
  const { changes, notes, reasons } = resolveManifest(offers(change('a', '1', '2'), change('gitlab-ee', '17', '18'), change('h', '1', '2')), { excluded: ['gitlab-ee'], held: ['h'] })
  t.same(changes.map(({ name }) => name), ['a'])
  t.match(notes.join(), /gitlab-ee.*excluded.*h 1.*held/s)
  t.same(reasons, [])
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
  t.match(missingVersions([{ name: 'a', version: '2' }, { name: 'b', version: '2' }], [{ name: 'a', version: '2' }]), [{ code: 'PACKAGES_DIFFER', text: /b is not installed/ }])
  t.end()
})
