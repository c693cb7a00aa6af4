// What lies staged: taken over from the repository's own words, kept as long as it may be needed, and no longer.
import t from 'tap'
import { parseStanzas } from './apt-stanza.ts'
import { spaceNeed, spaceReasons } from './package-space.ts'
import { nothingStaged, packagesFile, stagedEntries, type StagedPackage, withoutObsolete, withStaged } from './staged-packages.ts'

// apt-cache show pb=1:2.0 with apt 2.6, from a repository that phases it; then what apt shows of a package without a repository.
const shown = `Package: pb
Version: 1:2.0
Architecture: amd64
Maintainer: x <x@x>
Installed-Size: 1200
Filename: ./pb_1%3a2.0_amd64.deb
Size: 694
MD5sum: eb5fb011bed0117e31c195c127939a84
SHA256: C70d4937486808625100324cec78ab8b6ad6dddccefd10e779e32b33990bf826
Description: test package pb
 with more to say: of it
Description-md5: 6e6e18e08902b7025a8015052617928f
Phased-Update-Percentage: 10

Package: pb
Version: 1:2.0
Architecture: i386
Filename: pool/main/p/pb/pb_2.0_i386.deb
Size: 700
SHA256: d287d005d48dbe39408ee6ed686f927c91c4e2064a1c843f80da84f96e2e297c

Package: local
Version: 1
Architecture: all
Status: install ok installed
Description: of no repository

`
const [native, foreign] = parseStanzas(shown, 'amd64')

void t.test('a stanza keeps its hash and loses its phase and its place', (t) => {
  t.equal(parseStanzas(shown, 'amd64').length, 2, 'what cannot be downloaded is left out')
  t.match(native, { name: 'pb', version: '1:2.0', file: 'pb_1%3a2.0_amd64.deb', size: 694, sha256: 'c70d4937486808625100324cec78ab8b6ad6dddccefd10e779e32b33990bf826', installedKb: 1200 })
  t.match(native?.text, /^SHA256: C70d/m)
  t.match(native?.text, /^Description: test package pb\n with more to say: of it$/m)
  t.match(native?.text, /^Filename: \.\/pb_1%3a2\.0_amd64\.deb$/m)
  t.notMatch(native?.text, /Phased/)
  t.match(foreign, { name: 'pb:i386', file: 'pb_1%3a2.0_i386.deb' })
  t.same(parseStanzas('no stanza: at all\n\n\n:\n', 'amd64'), [])
  t.end()
})

const day = 24 * 3_600_000
const entry = (name: string, version: string, stagedAtMs = 0): StagedPackage =>
  ({ name, version, file: `${name}_${version}_all.deb`, size: 1, sha256: '', installedKb: 0, text: `Package: ${name}`, origin: '', security: false, stagedAtMs })

void t.test('staged packages are kept until they are used or too old, and always for an order that is not over', (t) => {
  const index = withStaged(nothingStaged, [entry('used', '1'), entry('newer', '2'), entry('old', '1'), entry('needed', '1'), entry('fresh', '1', 29 * day)])
  const kept = withoutObsolete(index, [{ name: 'used', version: '1' }, { name: 'newer', version: '1' }, { name: 'needed', version: '1' }], [{ name: 'needed', version: '1' }], 30 * day)
  t.same(kept.packages.map(({ name }) => name), ['needed', 'fresh'])
  t.same(withoutObsolete(index, [{ name: 'newer', version: '1' }], [], 1).packages.map(({ name }) => name), ['used', 'newer', 'old', 'needed', 'fresh'], 'a newer version than the installed one is still to be used')
  t.same(withStaged(index, [entry('old', '1', 5)]).packages.find(({ name }) => name === 'old')?.stagedAtMs, 5, 'staged again counts anew')
  t.same(stagedEntries(index, [{ name: 'used', version: '1' }, { name: 'used', version: '2' }]).missing, [{ name: 'used', version: '2' }])
  t.equal(packagesFile([entry('a', '1'), entry('b', '1')]), 'Package: a\n\nPackage: b\n')
  t.end()
})

void t.test('room is needed for the download, for what grows, and for the largest package beside its old self', (t) => {
  const stanza = (name: string, size: number, installedKb: number): StagedPackage => ({ ...entry(name, '2'), size, installedKb })
  const all = [stanza('a', 100, 3000), stanza('b', 50, 900), stanza('n', 10, 500)]
  const need = spaceNeed(all.slice(0, 2), all, [{ name: 'a', version: '1', installedKb: 2000 }, { name: 'b', version: '1', installedKb: 1000 }])
  t.same(need, { downloadBytes: 150, installBytes: (1000 + 0 + 500 + 2000) * 1024 })
  const gib = 1_073_741_824
  t.same(spaceReasons({ downloadBytes: gib, installBytes: gib }, { staging: 3 * gib, system: 3 * gib, shared: true }, gib), [])
  t.match(spaceReasons({ downloadBytes: gib, installBytes: gib }, { staging: 2 * gib, system: 2 * gib, shared: true }, gib), [{ code: 'DISK_FULL', text: '/ has 2048 MiB free; downloading and installing takes 2048 MiB and 1024 MiB shall stay free' }])
  t.match(spaceReasons({ downloadBytes: 0, installBytes: gib }, { staging: 0.5 * gib, system: gib, shared: false }, gib).map(({ text }) => text), [/^\/var\/cache/, /^\/usr/])
  t.end()
})
