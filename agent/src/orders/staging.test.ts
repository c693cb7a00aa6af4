// Staging with the real apt of this machine: what is staged stays good whatever the repository and the host's own apt do, and
// leads to exactly what was resolved.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { asManifest, packageOrders } from '../fixtures/package-orders.ts'
import { noRealApt } from '../fixtures/real-apt.ts'

const options = { skip: noRealApt }

void t.test('what was staged outlives the repository, the host\'s own apt and the night; apt\'s marks stay as they were', options, async (t) => {
  const world = await packageOrders(t)
  const { host, run, publish, drop } = world
  publish({ name: 'library', version: '1:1.0', architecture: 'amd64' }, { name: 'tool', version: '1.0', depends: 'library' }, { name: 'wanted', version: '1.0' }, { name: 'gitlab-ee', version: '18.5.1-ee.0' }, { name: 'needs-gitlab', version: '1.0' })
  run('apt-get', 'update')
  run('apt-get', '-y', '-q', 'install', 'tool', 'wanted', 'gitlab-ee', 'needs-gitlab')
  publish({ name: 'library', version: '1:1.1', architecture: 'amd64', fields: ['Phased-Update-Percentage: 100'] }, { name: 'tool', version: '1.1~rc1', depends: 'library (>= 1:1.1), fresh' }, { name: 'fresh', version: '3' },
    { name: 'gitlab-ee', version: '18.6.0-ee.0' }, { name: 'needs-gitlab', version: '2.0', depends: 'gitlab-ee (>= 18.6)' })

  const canary = await world.stage()
  t.match(canary, { status: 'succeeded', reasons: [] })
  t.same([...canary.changes].sort((a, b) => a.name < b.name ? -1 : 1), [
    { name: 'fresh', from: '', to: '3', origin: 'Debian-Security:12/stable-security', security: true },
    { name: 'library', from: '1:1.0', to: '1:1.1', origin: 'Debian-Security:12/stable-security', security: true },
    { name: 'tool', from: '1.0', to: '1.1~rc1', origin: 'Debian-Security:12/stable-security', security: true }
  ], 'GitLab is not in it, and what needs a newer GitLab waits with it')
  t.match(canary.notes, [/needs-gitlab is kept back/])
  t.same(world.packages()['tool'], '1.0 ii', 'nothing is installed')
  const manifest = asManifest(canary.changes)

  // Another night: superseded versions have left the repository, and the host's own apt has refreshed, cleaned and moved on.
  drop('tool', '1.1~rc1')
  drop('library', '1:1.1')
  drop('fresh', '3')
  publish({ name: 'tool', version: '1.2', depends: 'library (>= 1:1.2)' }, { name: 'library', version: '1:1.2', architecture: 'amd64' }, { name: 'wanted', version: '1.1' })
  run('apt-get', 'update')
  run('apt-get', 'clean')
  const again = await world.stage(manifest)
  t.match(again, { status: 'succeeded', reasons: [], progress: ['all of it was staged before'] }, again.reasons.join())
  const told = ({ changes }: typeof again): readonly string[] => changes.map(({ name, to, origin }) => `${name} ${to} ${origin}`).sort()
  t.same(told(again), told(canary))

  const done = await world.upgrade(manifest)
  t.match(done, { status: 'succeeded', reasons: [] }, done.reasons.join())
  t.same(world.packages(), { 'fresh': '3 ii', 'gitlab-ee': '18.5.1-ee.0 ii', 'library': '1:1.1 ii', 'needs-gitlab': '1.0 ii', 'tool': '1.1~rc1 ii', 'wanted': '1.0 ii' }, 'exactly the manifest')
  t.match(done.changes.find(({ name }) => name === 'tool'), { from: '1.0', to: '1.1~rc1', security: true })
  t.same(run('apt-mark', 'showauto').trim().split('\n'), ['fresh', 'library'], 'as before, and the new one is not wanted by a person either')
  t.ok(await world.paid())
  t.same(readdirSync(join(host.root, 'var/cache/pitstop-agent/apt/staged')).filter((name) => name.endsWith('.deb')), [], 'what was used is gone')
  t.match(await world.upgrade(manifest), { status: 'succeeded', changes: [] }, 'nothing is left to do')
  t.same(asManifest((await world.stage()).changes).map(({ name, version }) => `${name}=${version}`).sort(), ['library=1:1.2', 'tool=1.2', 'wanted=1.1'], 'a canary looks afresh')
  t.same(host.read('unit-words').trim().split('\n'), ['stop apt-daily.timer', 'mask --runtime apt-daily.timer apt-daily.service', 'unmask --runtime apt-daily.timer apt-daily.service', 'start apt-daily.timer'], 'stopped before it is masked, and running again')
})

void t.test('a host that has staged a part goes on with the rest; what nobody has any more is refused by name', options, async (t) => {
  const world = await packageOrders(t)
  const { host, run, publish, drop } = world
  publish({ name: 'one', version: '1' }, { name: 'two', version: '1' })
  run('apt-get', 'update')
  run('apt-get', '-y', '-q', 'install', 'one', 'two')
  publish({ name: 'one', version: '2' }, { name: 'two', version: '2' })
  t.match(await world.stage(), { status: 'succeeded' })
  const manifest = [{ name: 'one', version: '2' }, { name: 'two', version: '2' }]
  const staged = join(host.root, 'var/cache/pitstop-agent/apt/staged')
  writeFileSync(join(staged, 'two_2_all.deb'), readFileSync(join(staged, 'two_2_all.deb')).fill(7, 200, 400))
  const refused = await world.upgrade(manifest)
  t.match(refused, { status: 'vetoed', reasons: [/^NOT_STAGED: two 2 was staged on this host, but two_2_all\.deb is gone, or no longer/] }, 'a staged file is held against the hash of the repository')
  t.same(world.packages(), { one: '1 ii', two: '1 ii' }, 'before any package is touched')
  t.match(await world.stage(manifest), { status: 'succeeded' }, 'the torn one is fetched again')
  rmSync(join(staged, 'two_2_all.deb'))
  drop('two', '2')
  drop('one', '2')
  t.match(await world.stage(manifest), { status: 'vetoed', reasons: ['MANIFEST_DIFFERS: apt does not offer two=2 here, and it was not staged before'] })
  t.ok(existsSync(join(staged, 'one_2_all.deb')), 'what is staged stays')
  publish({ name: 'two', version: '2' })
  t.match(await world.stage(manifest), { status: 'succeeded' })
  t.match(await world.upgrade(manifest), { status: 'succeeded' })
  t.same(world.packages(), { one: '2 ii', two: '2 ii' })
})

void t.test('holds, newer versions, removals and what the manifest does not have', options, async (t) => {
  const world = await packageOrders(t)
  const { run, publish } = world
  publish({ name: 'held', version: '1' }, { name: 'newer', version: '3' }, { name: 'plain', version: '1' }, { name: 'rival', version: '1' }, { name: 'other', version: '1' }, { name: 'both', version: '1', architecture: 'amd64', fields: ['Multi-Arch: same'] }, { name: 'both', version: '1', architecture: 'i386', fields: ['Multi-Arch: same'] })
  run('apt-get', 'update')
  run('apt-get', '-y', '-q', 'install', 'held', 'newer', 'plain', 'rival', 'other', 'both', 'both:i386')
  run('apt-mark', 'hold', 'held')
  publish({ name: 'held', version: '2' }, { name: 'plain', version: '2', conflicts: 'rival' }, { name: 'both', version: '2', architecture: 'amd64', fields: ['Multi-Arch: same'] }, { name: 'both', version: '2', architecture: 'i386', fields: ['Multi-Arch: same'] })
  const canary = await world.stage()
  t.match(canary, { status: 'succeeded', notes: [/plain is kept back/] }, 'a removal is never taken')
  t.same(asManifest(canary.changes).map(({ name, version }) => `${name}=${version}`).sort(), ['both:i386=2', 'both=2'], 'each architecture for itself')
  const both = asManifest(canary.changes)
  t.match(await world.stage([...both, { name: 'held', version: '2' }]), { status: 'vetoed', reasons: [/MANIFEST_DIFFERS: held is held at 1/] })
  t.match(await world.stage([...both, { name: 'plain', version: '2' }]), { status: 'vetoed', reasons: [/apt would not install plain 2/], hints: [/apt-cache policy plain/] })
  t.match(await world.stage([both[0] as { name: string, version: string }]), { status: 'vetoed', reasons: [/which is not in the manifest/] })
  const withOld = [...both, { name: 'newer', version: '2' }, { name: 'absent', version: '1' }]
  t.match(await world.stage(withOld), { status: 'succeeded', notes: [/newer 3 is newer than the manifest \(2\)/, /absent is not installed here/] })
  t.match(await world.upgrade(withOld), { status: 'succeeded', notes: [/newer 3/, /absent/] })
  t.match(world.packages(), { 'newer': '3 ii', 'held': '1 hi', 'plain': '1 ii', 'both:i386': '2 ii' }, 'nothing goes back, nothing is removed')
})

void t.test('a phased update waits on the canary until it is meant for everybody; once it is in the manifest, no host\'s phase matters', options, async (t) => {
  const world = await packageOrders(t)
  world.publish({ name: 'library', version: '1' }, { name: 'tool', version: '1', depends: 'library' })
  world.run('apt-get', 'update')
  world.run('apt-get', '-y', '-q', 'install', 'tool')
  world.publish({ name: 'library', version: '2', fields: ['Phased-Update-Percentage: 0'], depends: 'fresh' }, { name: 'tool', version: '2', depends: 'library (>= 2)' }, { name: 'fresh', version: '1' }, { name: 'elsewhere', version: '1' })
  t.match(await world.stage(), { status: 'succeeded', changes: { length: 0 }, notes: [/library is kept back/, /tool is kept back/] })
  const manifest = [{ name: 'library', version: '2' }, { name: 'tool', version: '2' }, { name: 'fresh', version: '1' }, { name: 'elsewhere', version: '1' }]
  const staged = await world.stage(manifest)
  t.match(staged, { status: 'succeeded', changes: { length: 3 }, notes: [/elsewhere is not installed here/] }, staged.reasons.join())
  t.match(await world.upgrade(manifest), { status: 'succeeded' })
  t.same(world.packages(), { fresh: '1 ii', library: '2 ii', tool: '2 ii' })
})

void t.test('a repository that does not answer is no success with the lists of yesterday', options, async (t) => {
  const world = await packageOrders(t)
  world.publish({ name: 'one', version: '1' })
  writeFileSync(join(world.host.root, 'etc/apt/sources.list'), `deb [trusted=yes] copy:${world.host.root}/repository ./\ndeb [trusted=yes] http://127.0.0.1:9 ./\n`)
  writeFileSync(join(world.host.root, 'apt.conf'), `${world.host.read('apt.conf')}\nAcquire::Retries "0";\n`)
  t.match(await world.stage(), { status: 'failed', reasons: [/^APT_FAILED: apt-get update failed: .*127\.0\.0\.1/s] })
})

void t.test('room is counted before anything is fetched', options, async (t) => {
  const world = await packageOrders(t)
  world.publish({ name: 'one', version: '1' })
  world.run('apt-get', 'update')
  world.run('apt-get', '-y', '-q', 'install', 'one')
  world.publish({ name: 'one', version: '2', installedKb: 4_000_000_000 })
  t.match(await world.stage(), { status: 'vetoed', reasons: [/^DISK_FULL: \/ has \d+ MiB free; downloading and installing takes \d+ MiB/] })
})
