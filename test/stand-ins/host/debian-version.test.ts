// Versions and their relations, held against the real dpkg where there is one.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'tap'
import { compareVersions, relationHolds } from './debian-version.ts'

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
