// Real processes, real kill -9: the coordinator dies in the middle of six different steps and is started again.
import t from 'tap'
import { untilEvent } from '../demo/follow-events.ts'
import { checkHistory } from '../world/check-history.ts'
import { fleetEvidence } from './fleet-evidence.ts'
import { fleetReady, isStep, opened, quickPolicy, view } from './open-window.ts'

void t.test('the coordinator killed -9 in six steps: the window ends as if nothing had happened, one reboot per host', async (t) => {
  await using fleet = await fleetReady({ nodes: 3, policy: quickPolicy })
  const before = fleet.gitlab.world.weights()
  await opened(fleet)
  const [first, second, third] = fleet.hosts.map(({ node }) => node)
  const moments = [
    isStep('step-intended', 'zero-weight', first), isStep('step-intended', 'upgrade', first), isStep('step-intended', 'reboot', first),
    isStep('step-done', 'reboot', second), isStep('step-intended', 'restore-weight', second), isStep('step-done', 'reboot', third)
  ]
  for (const moment of moments) {
    await untilEvent(fleet.socket, moment)
    await fleet.killCoordinator('SIGKILL')
    await fleet.startCoordinator()
  }
  const watched = await fleet.pitstop(['window', 'watch'])
  t.equal(watched.exit, 0, watched.stderr)
  t.same((await view(fleet)).nodes.map(({ phase }) => phase), ['done', 'done', 'done'])
  for (const host of fleet.hosts) t.equal(host.reboots().length, 1, `${host.node} was rebooted once`)
  t.same(fleet.gitlab.world.weights(), before)
  t.equal(fleet.gitlab.world.schedule?.active, true)
  t.same(checkHistory(await fleetEvidence(fleet, before)), [])
})

void t.test('an agent killed during the upgrade does not stop apt: the unit goes on, the agent re-attaches', async (t) => {
  await using fleet = await fleetReady({ nodes: 1, policy: quickPolicy })
  const [host] = fleet.hosts
  if (host === undefined) return
  const before = fleet.gitlab.world.weights()
  await host.fault('slow-apt', { ms: 2500 })
  await opened(fleet)
  await host.waitFor('apt at work', (each) => each.commands().some(({ command, args }) => command === 'apt-get' && args.includes('-s')) && each.events().some(({ event }) => event === 'unit-start'))
  await untilEvent(fleet.socket, isStep('step-intended', 'upgrade'))
  await host.waitFor('the upgrade\'s unit', (each) => each.events().filter(({ event }) => event === 'unit-start').length > 0)
  t.ok(host.killAgent('SIGKILL'))
  const watched = await fleet.pitstop(['window', 'watch'])
  t.equal(watched.exit, 0, watched.stdout + watched.stderr)
  t.equal(host.commands().filter(({ command, args }) => command === 'apt-get' && args.includes('upgrade') && !args.includes('-s')).length, 1, 'apt installed once')
  t.equal(host.reboots().length, 1)
  t.same(checkHistory(await fleetEvidence(fleet, before)), [])
})

void t.test('a coordinator paused (SIGSTOP) while a host is down goes on when it wakes; a second one on its store is refused and the first named', async (t) => {
  await using fleet = await fleetReady({ nodes: 1, policy: quickPolicy })
  const [host] = fleet.hosts
  if (host === undefined) return
  const before = fleet.gitlab.world.weights()
  const second = await fleet.pitstop(['coordinator'])
  t.not(second.exit, 0)
  t.match(second.stderr, /in use by process \d+/)
  t.match(second.stderr, new RegExp(`process ${fleet.coordinatorPid() ?? 'none'}`))
  await opened(fleet)
  await host.waitFor('the host going down', (each) => each.events().some(({ event }) => event === 'reboot-requested'))
  const pid = fleet.coordinatorPid()
  if (pid === undefined) throw new Error('no coordinator')
  process.kill(pid, 'SIGSTOP')
  await host.waitFor('Gitaly back', (each) => each.reboots().some(({ servingAt }) => servingAt !== undefined))
  process.kill(pid, 'SIGCONT')
  t.equal((await fleet.pitstop(['window', 'watch'])).exit, 0)
  t.equal(host.reboots().length, 1)
  t.same(checkHistory(await fleetEvidence(fleet, before)), [])
})
