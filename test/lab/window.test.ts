// Real hosts, nothing wrong: the window that the product is for, and the ways in which a host may be without trouble.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StopMark } from '@pitstop/agent/src/domain/order-record.ts'
import { opened } from '../fleet/open-window.ts'
import type { LabHost } from './lab-host.ts'
import { inLab, scenario } from './lab-test.ts'
import { assertAllDone, labReady, patched, phases, watched } from './scenario-window.ts'

await inLab(import.meta.filename, (parts) => {
  scenario('apt install of the agent\'s package makes it active; a window over real hosts ends with all done', async (t) => {
    await using lab = await labReady(parts)
    const { first } = lab
    t.equal((await first.run('systemctl', 'is-active', 'pitstop-agent')).stdout.trim(), 'active')
    t.equal((await first.run('systemctl', 'is-enabled', 'pitstop-agent')).stdout.trim(), 'enabled')
    first.put('/etc/lab-tool.conf', 'colour = blue\n')
    const bootBefore = await first.bootId()
    await assertAllDone(t, lab, await patched(lab))
    t.not(await first.bootId(), bootBefore)
    t.same(aroundTheMark(first), ['Gitaly shutdown', 'Wrapper started'], 'the log is marked between the old Gitaly\'s last line and the new one\'s first')
    t.equal(await first.must('cat', '/etc/lab-tool.conf'), 'colour = blue\n', 'a changed configuration file is kept without a question')
    t.notMatch(await first.must('apt-mark', 'showmanual'), /^$/, 'marks can be read')
    t.match(await first.must('systemctl', 'is-enabled', 'apt-daily.timer'), /enabled/, 'the distribution\'s own timers are back')
    const again = await lab.startCoordinator().then(() => patched(lab))
    t.equal(again.exit, 0)
    t.equal(first.reboots().length, 2, 'reboot "always" means also without new packages, in a plan of its own')
  })

  scenario('Gitaly that starts slowly, but within its deadline, is waited for and not blamed', async (t) => {
    await using lab = await labReady(parts, { hosts: 1 })
    lab.first.fault('slow-start', { ms: 5000 })
    const run = await patched(lab)
    await assertAllDone(t, lab, run)
    t.ok((run.window.nodes[0]?.slotMs ?? 0) > 5000)
  })

  scenario('logging.level = warn has no start marker, and a wrapper\'s error lines are no errors', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, host: () => ({ gitaly: { logLevel: 'warn', wrapper: true } }) })
    await assertAllDone(t, lab, await patched(lab))
  })

  scenario('nothing to install and nothing that asks for a reboot: the node is current and stays up', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, policy: { reboot: 'if-needed' }, host: () => ({ configuration: { reboot: { policy: 'if-needed' } } }) })
    await lab.first.must('apt-get', 'update')
    await lab.first.must('apt-get', 'install', '-y', 'lab-library', 'lab-tool', 'lab-kernel')
    await lab.first.must('rm', '-f', '/run/reboot-required', '/run/reboot-required.pkgs')
    const { exit, window } = await patched(lab)
    t.equal(exit, 0, JSON.stringify(window.nodes))
    t.same(phases(window), ['current'])
    t.equal(lab.first.reboots().length, 0)
    t.same(lab.gitlab.world.weights(), lab.weightsBefore)
  })

  scenario('Gitaly as a plain systemd unit, without omnibus', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, host: () => ({ gitaly: { manager: 'systemd' } }) })
    await assertAllDone(t, lab, await patched(lab))
    t.equal((await lab.first.run('systemctl', 'is-active', 'gitaly')).stdout.trim(), 'active')
  })

  scenario('hooks: before-upgrade runs once before apt, its undo is owed and paid by the host itself after the reboot', async (t) => {
    await using lab = await labReady(parts, { hosts: 1 })
    for (const [file, word] of [['before-upgrade/50-chef', 'disable'], ['before-upgrade/50-chef.undo', 'enable'], ['after-ready/10-tell', 'ready']] as const) {
      lab.first.put(`/etc/pitstop/hooks.d/${file}`, `#!/bin/sh\necho "${word} $(dpkg-query -W -f='\${Version}' lab-tool) $(cat /proc/sys/kernel/random/boot_id)" >> /var/log/hooks.log\n`, 0o755)
    }
    const bootBefore = await lab.first.bootId()
    await assertAllDone(t, lab, await patched(lab))
    await lab.first.waitFor('the undo', async () => /enable/.test(await lab.first.must('cat', '/var/log/hooks.log')))
    const bootAfter = await lab.first.bootId()
    t.same((await lab.first.must('cat', '/var/log/hooks.log')).trim().split('\n'), [`disable 1.0 ${bootBefore}`, `ready 1.1 ${bootAfter}`, `enable 1.1 ${bootAfter}`])
  })

  scenario('observe mode tells what would be done and does nothing', async (t) => {
    await using lab = await labReady(parts, { hosts: 1, host: () => ({ configuration: { mode: 'observe' } }) })
    const run = await patched(lab).catch((error: unknown) => String(error))
    t.match(typeof run === 'string' ? run : JSON.stringify(run.window.nodes), /OBSERVE_MODE|observe/i)
    t.equal(lab.first.boots().length, 1)
    t.equal((await lab.first.installed()).get('lab-tool'), '1.0')
    t.same(lab.gitlab.world.weights(), lab.weightsBefore)
  })

  scenario('a coordinator killed -9 while a host is down goes on where it was', async (t) => {
    await using lab = await labReady(parts)
    await opened(lab)
    await lab.first.waitFor('its power being off', () => lab.first.events().some(({ event }) => event === 'off'))
    await lab.killCoordinator('SIGKILL')
    await sleep(500)
    await lab.startCoordinator()
    await assertAllDone(t, lab, await watched(lab))
  })
})

/** What Gitaly said last before the mark of its stop, and first behind it. */
function aroundTheMark({ root }: LabHost): readonly unknown[] {
  const orders = join(root, 'var/lib/pitstop-agent/orders')
  const reboot = readdirSync(orders).find((id) => existsSync(join(orders, id, 'mark.json'))) ?? ''
  const { log } = JSON.parse(readFileSync(join(orders, reboot, 'mark.json'), 'utf8')) as StopMark
  const text = readFileSync(join(root, 'var/log/gitlab/gitaly/current'))
  const said = (line: string | undefined): unknown => (JSON.parse(line ?? '{}') as { msg?: unknown }).msg
  return [said(text.subarray(0, log?.offset).toString().trimEnd().split('\n').at(-1)), said(text.subarray(log?.offset).toString().split('\n')[0])]
}
