// Asking whether the host wants a reboot: needrestart is run when it is asked for, its answer kept while no package changes,
// and without it files and kernels still answer.
import { chmodSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { unitObstacle } from '../domain/boot-unit.ts'
import { type FakeHost, fakeHost } from '../fixtures/fake-host.ts'
import { buildHost, type Host } from '../host.ts'

async function world(t: { teardown(undo: () => unknown): void }): Promise<{ fake: FakeHost, host: Host, needrestart: (script: string) => void }> {
  const fake = await fakeHost()
  const host = buildHost(fake.settings().host, { now: Date.now, monotonic: () => performance.now() })
  t.teardown(async () => { host.gitaly.close(); await fake.close() })
  fake.write('var/lib/dpkg/status', 'a')
  return {
    fake, host,
    needrestart: (script) => {
      fake.write('bin/needrestart', `#!/bin/sh\necho "$*" >> ${fake.root}/asked\n${script}\n`)
      chmodSync(join(fake.root, 'bin/needrestart'), 0o755)
    }
  }
}

void t.test('without needrestart nothing is missed, and its failure is told', async (t) => {
  const { fake, host, needrestart } = await world(t)
  t.same(await host.rebootNeeds.ask(), { required: false, because: [], notes: [] })
  needrestart('echo "Can\'t locate object method" >&2; exit 255')
  t.match(await host.rebootNeeds.ask(), { required: false, notes: [/needrestart gave no answer:.*Can't locate object method/] })
  fake.write('run/reboot-required', '*** System restart required ***\n')
  fake.write('run/reboot-required.pkgs', 'libc6\nlibc6\n')
  t.match(host.rebootNeeds.remembered(), { required: true, because: ['/run/reboot-required: libc6'] })
})

void t.test('its answer is kept as long as no package changes, and never asked for by remembering', async (t) => {
  const { fake, host, needrestart } = await world(t)
  needrestart('echo NEEDRESTART-VER: 3.6; echo NEEDRESTART-SVC: dbus.service')
  t.match(host.rebootNeeds.remembered(), { required: false })
  t.equal(fake.read('asked'), '')
  t.match(await host.rebootNeeds.ask(60_000), { required: true, because: [/dbus.service/] })
  t.match(await host.rebootNeeds.ask(60_000), { required: true })
  const asked = `-b -r l -c ${join(fake.root, 'var/cache/pitstop-agent/needrestart.conf')}\n`
  t.equal(fake.read('asked'), asked, 'once, and only to list')
  t.match(fake.read('var/cache/pitstop-agent/needrestart.conf'), /<> };\n[^]*\n\$nrconf\{interpscan\} = 0;\n$/, 'behind the host\'s own configuration: no interpreter is run')
  t.equal(statSync(join(fake.root, 'var/cache/pitstop-agent/needrestart.conf')).mode & 0o777, 0o600)
  t.match(host.rebootNeeds.remembered(), { required: true })
  rmSync(join(fake.root, 'var/lib/dpkg/status'))
  fake.write('var/lib/dpkg/status', 'ab')
  t.match(host.rebootNeeds.remembered(), { required: false }, 'packages have changed since')
  t.match(await host.rebootNeeds.ask(60_000), { required: true })
  t.equal(fake.read('asked'), asked + asked)
})

void t.test('what cannot be read asks for a reboot rather than against it', async (t) => {
  const { fake, host } = await world(t)
  fake.write('boot/grub/grub.cfg/x', '')
  t.match(host.rebootNeeds.remembered(), { required: true, because: [/cannot be read.*EISDIR/] })
})

void t.test('who blocks a shutdown is asked of logind, and without logind its files are the truth', async (t) => {
  const { fake, host } = await world(t)
  t.match(await host.facts(), { blockers: { value: [] } })
  fake.write('inhibitors', '{"type":"a(ssssuu)","data":[[["shutdown","APT","APT is installing or removing packages","block",0,121]]]}\n')
  t.match(await host.facts(), { blockers: { value: ['APT (process 121): APT is installing or removing packages'] } })
  fake.write('inhibitors', 'Call failed: The name org.freedesktop.login1 was not provided by any .service files\n')
  t.match(await host.facts(), { blockers: { value: [] } }, 'no logind, no inhibitors')
  fake.write('run/systemd/inhibit/1.ref', '')
  t.match(await host.facts(), { blockers: { value: [] } })
  fake.write('run/systemd/inhibit/1', 'WHAT=shutdown\n')
  t.match(await host.facts(), { blockers: { unknown: /logind does not tell/ } }, 'somebody may, and nobody says who')
})

void t.test('Gitaly\'s unit is started at boot, or why not', async (t) => {
  const { fake, host } = await world(t)
  t.match(await host.facts(), { bootObstacle: { value: undefined } })
  fake.write('is-enabled', 'disabled\n')
  t.match(await host.facts(), { bootObstacle: { value: /gitlab-runsvdir.service is disabled: systemctl enable/ } })
  const words: Readonly<Record<string, RegExp | undefined>> = {
    'enabled\n': undefined, 'static\n': undefined, 'generated\n': undefined, 'indirect\n': undefined, 'alias\n': undefined,
    'masked\n': /unmask/, 'masked-runtime\n': /unmask/, 'enabled-runtime\n': /gone after the boot/, 'linked\n': /enable/, 'not-found\n': /does not exist/,
    'Failed to get unit file state for x.service: No such file or directory\n': /does not exist/, '': /not understood/, 'bad\n': /not understood/
  }
  for (const [text, expected] of Object.entries(words)) {
    if (expected === undefined) t.equal(unitObstacle('x.service', text), undefined, text)
    else t.match(unitObstacle('x.service', text), expected, text)
  }
})
