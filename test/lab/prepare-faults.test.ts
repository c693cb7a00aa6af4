// What goes wrong while a node is prepared, on real hosts with real apt and dpkg: each fault with its verdict and its end state.
import { opened } from '../fleet/open-window.ts'
import { inLab, scenario } from './lab-test.ts'
import { assertAllDone, codes, isOrderRunning, labReady, patched, phases, watched } from './scenario-window.ts'
import type { LabPackage } from './packages.ts'

const library = (version: string, postinst: string): LabPackage => ({ name: 'lab-library', version, postinst })

await inLab(import.meta.filename, (parts) => {
  scenario('a post-installation script fails: failed with dpkg\'s words, Gitaly stays up, nothing is rebooted', async (t) => {
    await using lab = await labReady(parts)
    await lab.repository.publish(library('1.2', 'echo "lab-library cannot be set up" >&2; exit 3'))
    const { exit, window } = await patched(lab)
    t.equal(exit, 5)
    t.equal(window.nodes[0]?.phase, 'failed')
    t.ok(codes(window, 0).some((code) => code === 'APT_FAILED' || code === 'DPKG_BROKEN'), codes(window, 0).join())
    t.match((await lab.pitstop(['why', lab.first.node])).stdout, /lab-library/)
    t.equal(lab.first.boots().length, 1)
    t.match((await lab.first.run('gitlab-ctl', 'status', 'gitaly')).stdout, /^run:/)
  })

  scenario('the dpkg lock held for 10 s by another apt is waited for', async (t) => {
    await using lab = await labReady(parts, { hosts: 1 })
    await lab.repository.publish({ name: 'lab-slow', version: '1', postinst: 'sleep 10' })
    await lab.first.must('apt-get', 'update')
    await lab.first.must('systemd-run', '--unit=somebody', 'apt-get', 'install', '-y', 'lab-slow')
    await lab.first.waitFor('the lock', async () => (await lab.first.run('pgrep', '-f', 'lab-slow.postinst')).exit === 0)
    await assertAllDone(t, lab, await patched(lab))
  })

  scenario('the dpkg lock held for ever: the node is postponed, the holder named, its weight back, nothing rebooted', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, host: () => ({ configuration: { apt: { 'lock-timeout': '3s' } } }) })
    await lab.repository.publish({ name: 'lab-slow', version: '1', postinst: 'sleep 600' })
    await lab.first.must('apt-get', 'update')
    await lab.first.must('systemd-run', '--unit=somebody', 'apt-get', 'install', '-y', 'lab-slow')
    await lab.first.waitFor('the lock', async () => (await lab.first.run('pgrep', '-f', 'lab-slow.postinst')).exit === 0)
    const { window } = await patched(lab)
    t.same(phases(window), ['postponed'])
    t.match((await lab.pitstop(['why', lab.first.node])).stdout, /apt-get/)
    t.equal(lab.first.boots().length, 1)
    t.same(lab.gitlab.world.weights(), lab.weightsBefore)
  })

  scenario('too little room is a veto before anything is touched', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, host: () => ({ diskBytes: 900 * 1024 * 1024, configuration: { apt: { 'minimum-free-bytes': 200 * 1024 * 1024 } } }) })
    await lab.first.must('sh', '-c', 'dd if=/dev/zero of=/var/filler bs=1M 2>/dev/null; truncate -s -60M /var/filler')
    const { window } = await patched(lab)
    t.same(phases(window), ['postponed'])
    t.ok(codes(window, 0).includes('DISK_FULL'), codes(window, 0).join())
    t.same(lab.gitlab.world.weights(), lab.weightsBefore)
  })

  const big = { '/usr/lib/lab-library/data': 'x'.repeat(80 * 1024 * 1024) }
  const nearlyFull = 'dd if=/dev/zero of=/var/filler bs=1M 2>/dev/null; truncate -s -60M /var/filler'

  scenario('the disk full in the middle of the installation is failed with dpkg\'s own words', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, host: () => ({ diskBytes: 900 * 1024 * 1024, configuration: { apt: { 'minimum-free-bytes': 0, 'minimum-free-boot-bytes': 0 } } }) })
    await lab.repository.publish({ name: 'lab-library', version: '1.2', files: big, compressed: true })
    await lab.first.must('sh', '-c', nearlyFull)
    const { exit, window } = await patched(lab)
    t.equal(exit, 5, JSON.stringify(window.nodes))
    t.match((await lab.pitstop(['why', lab.first.node])).stdout, /[Nn]o space left/)
    t.equal(lab.first.boots().length, 1)
    t.match((await lab.first.run('gitlab-ctl', 'status', 'gitaly')).stdout, /^run:/)
  })

  scenario('the disk full while packages are staged leaves the host as it was: postponed, its weight back', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, host: () => ({ diskBytes: 900 * 1024 * 1024, configuration: { apt: { 'minimum-free-bytes': 0, 'minimum-free-boot-bytes': 0 } } }) })
    await lab.repository.publish({ name: 'lab-library', version: '1.2', files: { '/usr/lib/lab-library/data': 'x'.repeat(40 * 1024 * 1024) } })
    await lab.first.must('sh', '-c', nearlyFull)
    const { window } = await patched(lab)
    t.same(phases(window), ['postponed'])
    t.ok(codes(window, 0).includes('DISK_FULL'), JSON.stringify(window.nodes[0]?.reasons))
    t.same(lab.gitlab.world.weights(), lab.weightsBefore)
  })

  scenario('the agent killed -9 while apt installs: apt goes on in its own unit, the agent re-attaches', async (t) => {
    await using lab = await labReady(parts, { hosts: 1 })
    await lab.repository.publish({ name: 'lab-tool', version: '1.2', postinst: 'sleep 3; echo ran >> /var/log/lab-tool.runs' })
    await opened(lab)
    await lab.first.waitFor('apt at work', async () => (await lab.first.run('pgrep', '-f', 'lab-tool.postinst')).exit === 0)
    await lab.first.must('systemctl', 'kill', '--kill-whom=main', '-s', 'KILL', 'pitstop-agent')
    const { exit, window } = await watched(lab)
    t.equal(exit, 0, JSON.stringify(window.nodes))
    t.equal(await lab.first.must('cat', '/var/log/lab-tool.runs'), 'ran\n', 'installed once')
    t.equal(lab.first.reboots().length, 1)
  })

  scenario('the agent upgraded by the very upgrade that it carries out', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, host: () => ({ configuration: { apt: { exclude: ['gitlab-ee', 'gitlab-ce'] } } }) })
    await lab.repository.publishFile(parts.newerAgentPackage)
    const before = (await lab.first.installed()).get('pitstop-agent')
    await assertAllDone(t, lab, await patched(lab))
    t.not((await lab.first.installed()).get('pitstop-agent'), before)
    t.equal((await lab.first.run('systemctl', 'is-active', 'pitstop-agent')).stdout.trim(), 'active')
  })

  scenario('the host reboots by itself in the middle of the upgrade: interrupted, failed, not rebooted again', async (t) => {
    await using lab = await labReady(parts)
    await lab.repository.publish({ name: 'lab-tool', version: '1.2', postinst: 'sleep 30' })
    await opened(lab)
    await lab.first.waitFor('apt at work', async () => (await lab.first.run('pgrep', '-f', 'lab-tool.postinst')).exit === 0)
    await lab.first.run('systemctl', 'reboot', '--force', '--force')
    const { exit, window } = await watched(lab)
    t.equal(exit, 5)
    t.equal(window.nodes[0]?.phase, 'failed')
    t.ok(codes(window, 0).includes('INTERRUPTED') || codes(window, 0).includes('DPKG_BROKEN'), codes(window, 0).join())
    t.equal(lab.first.boots().length, 2, 'its own reboot, and none of ours')
    t.equal(lab.second.boots().length, 1)
  })

  scenario('a clock that is off by 60 s: refused before anything is touched', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, host: () => ({ unitSettings: ['Environment=PITSTOP_LAB=1', 'Environment=PITSTOP_TEST_CLOCK_OFFSET_MS=-60000'] }) })
    const started = await patched(lab).catch((error: unknown) => String(error))
    t.match(typeof started === 'string' ? started : JSON.stringify(started.window.nodes), /CLOCK_OFF|clock/i)
    t.equal(lab.first.boots().length, 1)
    t.same(lab.gitlab.world.weights(), lab.weightsBefore)
  })

  scenario('a window that is closed while apt holds on: upgraded and not rebooted is said as such', async (t) => {
    await using lab = await labReady(parts, { hosts: 1 })
    await lab.repository.publish({ name: 'lab-tool', version: '1.2', postinst: 'sleep 4' })
    await opened(lab)
    await lab.first.waitFor('apt at work', isOrderRunning(lab.first, 'upgrade'))
    t.equal((await lab.pitstop(['window', 'abort', '--reason', 'enough'])).exit, 0)
    const { window } = await watched(lab)
    t.same(phases(window), ['pending-reboot'])
    t.equal(lab.first.boots().length, 1)
    t.same(lab.gitlab.world.weights(), lab.weightsBefore)
  })
})
