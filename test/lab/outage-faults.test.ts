// What goes wrong between Gitaly's stop and its return, on real hosts: each fault with its verdict and its end state.
import { opened } from '../fleet/open-window.ts'
import type { LabHost } from './lab-host.ts'
import { inLab, scenario } from './lab-test.ts'
import { assertAllDone, codes, healthy, isOrderRunning, labReady, patched, phases, watched } from './scenario-window.ts'

await inLab(import.meta.filename, (parts) => {
  scenario('Gitaly does not start: the window halts with its own last words, the node keeps slot and weight 0', async (t) => {
    await using lab = await labReady(parts, { host: () => ({ configuration: { gitaly: { 'start-deadline': '4s' } } }) })
    lab.first.fault('fatal', { times: 'always', message: 'unable to start the bootstrap: listen tcp: bind: address already in use' })
    const { exit, window } = await patched(lab)
    t.equal(exit, 5)
    t.equal(window.nodes[0]?.phase, 'failed')
    t.equal(window.nodes[0]?.holdsSlot, true)
    t.match((await lab.pitstop(['why', lab.first.node])).stdout, /unclean Gitaly shutdown: unable to start the bootstrap/)
    t.equal(lab.gitlab.world.weights()[lab.first.node], 0)
    t.equal(lab.second.reboots().length, 0, 'no second host goes down')
  })

  scenario('a start-up error in the log halts; mended and rebooted once more on a person\'s word, the window ends', async (t) => {
    await using lab = await labReady(parts)
    lab.first.fault('startup-error')
    const halted = await patched(lab)
    t.equal(halted.exit, 5)
    t.ok(codes(halted.window, 0).includes('STARTUP_ERROR'), codes(halted.window, 0).join())
    t.equal((await lab.pitstop(['node', 'retry', lab.first.node, '--reboot', '--reason', 'mended'])).exit, 0)
    await healthy(lab, lab.first)
    t.equal((await lab.pitstop(['window', 'resume', '--reason', 'healthy again'])).exit, 0)
    const { exit, window } = await watched(lab)
    t.equal(exit, 0)
    t.same(phases(window), ['done', 'done'])
    t.equal(lab.first.reboots().length, 2)
    t.same(lab.gitlab.world.weights(), lab.weightsBefore)
  })

  scenario('Gitaly past its start deadline halts; when it serves after all, a recheck is enough, without another reboot', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, host: () => ({ configuration: { gitaly: { 'start-deadline': '3s' } } }) })
    lab.first.fault('slow-start', { ms: 9000 })
    const halted = await patched(lab)
    t.equal(halted.exit, 5)
    await lab.first.waitFor('Gitaly after all', () => lab.first.reboots().length === 1)
    t.equal((await lab.pitstop(['node', 'retry', lab.first.node, '--reason', 'it serves'])).exit, 0)
    await healthy(lab, lab.first)
    await lab.pitstop(['window', 'resume', '--reason', 'healthy'])
    await assertAllDone(t, lab, await watched(lab))
  })

  scenario('a host that hangs in boot is overdue, holds its slot and stops the rest; back at last, it needs no second reboot', async (t) => {
    await using lab = await labReady(parts)
    const release = lab.first.hangInBoot()
    const halted = await patched(lab)
    t.equal(halted.exit, 5)
    t.ok(codes(halted.window, 0).includes('OVERDUE'), codes(halted.window, 0).join())
    t.equal(halted.window.nodes[0]?.holdsSlot, true)
    t.equal(lab.second.reboots().length, 0)
    release()
    await healthy(lab, lab.first)
    t.equal((await lab.pitstop(['window', 'resume', '--reason', 'it came back'])).exit, 0)
    await assertAllDone(t, lab, await watched(lab))
  })

  scenario('the data disk missing after the reboot: Gitaly serves an empty one, and the node is unhealthy', async (t) => {
    await using lab = await labReady(parts)
    lab.first.loseDataDisk()
    const { exit, window } = await patched(lab)
    t.equal(exit, 5)
    t.ok(codes(window, 0).includes('STORAGE_CHANGED'), codes(window, 0).join())
    t.equal(lab.gitlab.world.weights()[lab.first.node], 0)
  })

  scenario('the network cut after the reboot: healthy inside, unreachable from outside is unknown, never done; mended, it goes on by itself or by one word', async (t) => {
    await using lab = await labReady(parts)
    await opened(lab)
    await lab.first.waitFor('its power being off', () => lab.first.events().some(({ event }) => event === 'off'))
    await lab.first.network.cut()
    const halted = await watched(lab)
    t.equal(halted.exit, 5)
    t.ok(codes(halted.window, 0).includes('OVERDUE'), codes(halted.window, 0).join())
    t.ok(lab.first.reboots().length === 1, 'inside, all is well')
    t.equal(lab.gitlab.world.weights()[lab.first.node], 0)
    t.equal(lab.second.reboots().length, 0)
    await lab.first.network.join()
    await healthy(lab, lab.first)
    t.equal((await lab.pitstop(['window', 'resume', '--reason', 'cable'])).exit, 0)
    await assertAllDone(t, lab, await watched(lab))
  })

  scenario('the reboot\'s unit killed -9 while Gitaly stops: Gitaly is started again, and the node is failed, not rebooted', async (t) => {
    await using lab = await labReady(parts, { hosts: 1 })
    lab.first.fault('hang-on-stop', { times: 'always' })
    await lab.first.must('gitlab-ctl', 'kill', 'gitaly')
    await lab.first.waitFor('Gitaly that does not want to stop', () => lab.first.events().filter(({ event }) => event === 'gitaly-serving').length === 2)
    await opened(lab)
    await lab.first.waitFor('the stop', isOrderRunning(lab.first, 'reboot'))
    await lab.first.waitFor('the stop under way', async () => /want down/.test((await lab.first.run('gitlab-ctl', 'status', 'gitaly')).stdout))
    const unit = /pitstop-reboot-\S+\.service/.exec((await lab.first.run('systemctl', 'list-units', '--plain', '--no-legend', 'pitstop-reboot-*')).stdout)?.[0] ?? ''
    await lab.first.must('systemctl', 'kill', '--kill-whom=main', '-s', 'KILL', unit)
    const { exit, window } = await watched(lab)
    t.equal(exit, 5)
    t.ok(codes(window, 0).includes('NOT_REBOOTED'), codes(window, 0).join())
    t.equal(lab.first.boots().length, 1)
    await lab.first.waitFor('Gitaly wanted up again', async () => /^run: gitaly: \(pid \d+\) \d+s(?:, got TERM)?;/.test((await lab.first.run('gitlab-ctl', 'status', 'gitaly')).stdout))
  })

  scenario('logind agrees to the reboot, lets somebody delay it, and then cannot begin it: Gitaly is given back', async (t) => {
    await using lab = await labReady(parts, { hosts: 1 })
    await loseReboots(lab.first)
    const { exit, window } = await patched(lab)
    t.equal(exit, 5)
    t.match(JSON.stringify(window.nodes[0]?.reasons), /systemctl reboot was answered with yes, and no shutdown began; Gitaly was started again/)
    t.equal(lab.first.boots().length, 1)
    await lab.first.waitFor('Gitaly up again', async () => (await lab.first.run('gitlab-ctl', 'status', 'gitaly')).stdout.startsWith('run: gitaly: '))
  })

  scenario('the reboot\'s unit killed -9 right behind logind\'s yes to a reboot that never begins: Gitaly is given back all the same', async (t) => {
    await using lab = await labReady(parts, { hosts: 1 })
    await loseReboots(lab.first)
    // In the moment of the answer, on the host itself: from outside it would be too late.
    lab.first.put('/usr/local/sbin/kill-behind-yes', `#!/bin/sh
until [ -n "$(find /var/lib/pitstop-agent/orders -name going-down)" ]; do sleep 0.01; done
for unit in $(systemctl list-units --plain --no-legend 'pitstop-reboot-*' | cut -d' ' -f1); do systemctl kill --kill-whom=main -s KILL "$unit"; done
`, 0o755)
    await lab.first.must('systemd-run', '--quiet', '--unit=killer', '/usr/local/sbin/kill-behind-yes')
    const { exit, window } = await patched(lab)
    t.equal(exit, 5)
    t.match(JSON.stringify(window.nodes[0]?.reasons), /ended \(signal, killed, KILL\) before the host went down; Gitaly was started again/)
    t.equal(lab.first.boots().length, 1)
    await lab.first.waitFor('Gitaly up again', async () => (await lab.first.run('gitlab-ctl', 'status', 'gitaly')).stdout.startsWith('run: gitaly: '))
  })
})

/** logind says yes at once because somebody delays the shutdown, and when the delay is over it finds that there is nothing to start. */
async function loseReboots(host: LabHost): Promise<void> {
  host.put('/etc/systemd/logind.conf.d/lab.conf', '[Login]\nInhibitDelayMaxSec=1s\n')
  await host.must('systemctl', 'restart', 'systemd-logind')
  host.put('/usr/local/sbin/lose-reboot', `#!/bin/sh
until busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager PreparingForShutdown | grep -q true; do sleep 0.01; done
ln -s /dev/null /run/systemd/system/reboot.target
systemctl daemon-reload
sleep 0.3
`, 0o755)
  await host.must('systemd-run', '--quiet', '--unit=delayer', 'systemd-inhibit', '--what=shutdown', '--mode=delay', '--who=lab', '--why=a job to finish', '/usr/local/sbin/lose-reboot')
  await host.waitFor('the delay', async () => /delay/.test((await host.run('systemd-inhibit', '--list', '--no-legend')).stdout))
}
