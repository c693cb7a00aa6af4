// The upgrade's unit with the real apt and dpkg of this machine: what stands in the way is waited for or refused with the host
// as it was, what went wrong half-way is told by name, and dpkg is never cut off.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { placeHook } from '../fixtures/hook-files.ts'
import { packageOrders, type PackageOrders } from '../fixtures/package-orders.ts'
import { noRealApt, type RealPackage } from '../fixtures/real-apt.ts'
import type { HostSettings } from '../ports.ts'

const options = { skip: noRealApt }
const manifest = [{ name: 'one', version: '2' }, { name: 'two', version: '2' }]

/** Two packages staged in a new version. */
async function staged(t: { teardown: (handler: () => unknown) => void }, two: Partial<RealPackage> = {}, overrides: Partial<HostSettings['apt']> = {}): Promise<PackageOrders> {
  const world = await packageOrders(t, overrides)
  world.publish({ name: 'one', version: '1' }, { ...two, name: 'two', version: '1', postinst: 'true' })
  world.run('apt-get', 'update')
  world.run('apt-get', '-y', '-q', 'install', 'one', 'two')
  world.publish({ name: 'one', version: '2' }, { ...two, name: 'two', version: '2', depends: 'one (>= 2)' })
  const { status, reasons } = await world.stage()
  if (status !== 'succeeded') throw new Error(reasons.join())
  return world
}

/** Another program with dpkg's lock, as apt takes it. Ends by itself. */
async function lockHolder(t: { teardown: (handler: () => unknown) => void }, root: string, seconds: number): Promise<number> {
  const program = "use Fcntl; open(F, '+<', $ARGV[0]) or die; my $lock = pack('s s x4 q q i x4', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $lock) or die $!; $| = 1; print \"held\\n\"; sleep $ARGV[1]"
  const child = spawn('/usr/bin/perl', ['-e', program, join(root, 'var/lib/dpkg/lock-frontend'), String(seconds)], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { child.kill('SIGKILL') })
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => { throw new Error('the lock could not be taken') })])
  return child.pid ?? 0
}

void t.test('a lock that is freed in time is waited for, and its holder is told meanwhile', options, async (t) => {
  const world = await staged(t)
  const pid = await lockHolder(t, world.host.root, 4)
  const done = await world.upgrade(manifest)
  t.match(done, { status: 'succeeded' }, done.reasons.join())
  t.ok(done.progress.some((text) => text.includes(`lock-frontend is held by process ${pid}`)), done.progress.join('\n'))
  t.same(world.packages(), { one: '2 ii', two: '2 ii' })
})

void t.test('a lock that is held for ever is a refusal with its holder\'s name, and the host is as it was', options, async (t) => {
  const world = await staged(t, {}, { lockTimeoutMs: 2500 })
  placeHook(world.host.root, 'before-upgrade/50-a')
  placeHook(world.host.root, 'before-upgrade/50-a.undo')
  const pid = await lockHolder(t, world.host.root, 600)
  const begun = performance.now()
  const done = await world.upgrade(manifest)
  t.match(done, { status: 'vetoed', reasons: [new RegExp(`^DPKG_LOCKED: /var/lib/dpkg/lock-frontend is held by process ${pid}`)], hints: [new RegExp(`ps -fp ${pid}`)], changes: [] })
  t.ok(performance.now() - begun < 20_000)
  t.same(world.packages(), { one: '1 ii', two: '1 ii' })
  t.ok(await world.paid(), 'the timers are back')
  t.equal(world.host.read('hooks-ran'), 'before-upgrade/50-a\nbefore-upgrade/50-a.undo\n', 'and so is what the hooks made room with')
  t.match(await world.stage(manifest), { status: 'succeeded' }, 'what was staged before needs no lock')
})

void t.test('a dpkg that was cut off is refused with the command to type, also when its audit is silent', options, async (t) => {
  const world = await staged(t)
  const updates = join(world.host.root, 'var/lib/dpkg/updates/0001')
  writeFileSync(updates, `${readFileSync(join(world.host.root, 'var/lib/dpkg/status'), 'utf8').split('\n\n')[0] ?? ''}\n`)
  t.equal(world.run('dpkg', '--audit'), '')
  t.match(await world.upgrade(manifest), { status: 'vetoed', reasons: [/^DPKG_BROKEN: .*1 unfinished record in \/var\/lib\/dpkg\/updates/], hints: [/dpkg --configure -a/] })
  rmSync(updates)
  t.match(await world.upgrade(manifest), { status: 'succeeded' })
})

void t.test('a script that fails: failed, the package named with its words, what did change is listed', options, async (t) => {
  const world = await staged(t, { postinst: 'echo "two cannot find its knob" >&2; exit 3' })
  const done = await world.upgrade(manifest)
  t.equal(done.status, 'failed')
  t.match(done.reasons[0], /^APT_FAILED: apt-get upgrade failed at two: Setting up two \(2\) \.\.\.\ntwo cannot find its knob\ndpkg: error processing package two \(--configure\):\n installed two package post-installation script subprocess returned error exit status 3$/)
  t.match(done.reasons[1], /^DPKG_BROKEN: .*half configured/s)
  t.equal(done.hints[1], 'on the host: dpkg --configure -a')
  t.match(done.reasons[2], /^PACKAGES_DIFFER: two is 2, not completely installed/)
  t.same(done.changes.map(({ name, from, to }) => [name, from, to]), [['one', '1', '2'], ['two', '1', '2']])
  t.ok(await world.paid())
})

void t.test('a configuration file that was changed here is kept, and nobody is asked', options, async (t) => {
  const world = await staged(t, { files: { '/etc/two.conf': 'as shipped\n' } })
  writeFileSync(join(world.host.root, 'etc/two.conf'), 'as the administrator wants it\n')
  world.publish({ name: 'two', version: '3', depends: 'one (>= 2)', files: { '/etc/two.conf': 'as shipped later\n' } })
  const newer = [{ name: 'one', version: '2' }, { name: 'two', version: '3' }]
  t.match(await world.stage(newer), { status: 'succeeded' })
  t.match(await world.upgrade(newer), { status: 'succeeded' })
  t.equal(readFileSync(join(world.host.root, 'etc/two.conf'), 'utf8'), 'as the administrator wants it\n')
  t.equal(readFileSync(join(world.host.root, 'etc/two.conf.dpkg-dist'), 'utf8'), 'as shipped later\n')
})

void t.test('what somebody installed between acceptance and the unit\'s turn is not installed again', options, async (t) => {
  const world = await staged(t)
  world.run('apt-get', 'update')
  // The unit runs hooks first: whatever they do comes behind the acceptance.
  placeHook(world.host.root, 'before-upgrade/50-somebody', `exec '${world.host.root}/bin/apt-get' -y -q install one=2`)
  const done = await world.upgrade(manifest)
  t.match(done, { status: 'succeeded', changes: [{ name: 'two', from: '1', to: '2' }] }, done.reasons.join())
  t.equal(done.changes.length, 1)
})

void t.test('the environment of the scripts: fixed, nobody is asked, needrestart is told to wait', options, async (t) => {
  const world = await staged(t, { postinst: 'env | sort > "$DPKG_ROOT/seen"; readlink /proc/self/fd/0 >> "$DPKG_ROOT/seen"' })
  t.match(await world.upgrade(manifest), { status: 'succeeded' })
  const seen = world.host.read('seen')
  for (const line of ['HOME=/root', 'LANG=C', 'LC_ALL=C', 'DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=l', 'NEEDRESTART_SUSPEND=1', 'TERM=dumb']) t.ok(seen.split('\n').includes(line), line)
  // The test runner gives every process of Node's making its own NODE_OPTIONS, also past a fixed environment.
  t.notMatch(seen, /^(?:NODE_(?!OPTIONS=)|PITSTOP)/m)
})

void t.test('apt that hangs is told and not killed: what it does is finished', options, async (t) => {
  const world = await staged(t, { postinst: 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1; done; echo done > "$DPKG_ROOT/finished"' }, { deadlineMs: 5000 })
  const done = await world.upgrade(manifest)
  t.match(done, { status: 'failed', reasons: [/^COMMAND_TIMEOUT: apt has not ended within 5s and is not killed; the last of it: Configuring two/] })
  t.notOk(existsSync(join(world.host.root, 'finished')))
  t.same(world.promises.unpaid().length, 1, 'the timers wait for it')
  t.ok(await world.paid())
  t.equal(world.host.read('finished'), 'done\n')
  t.same(world.packages(), { one: '2 ii', two: '2 ii' })
})
