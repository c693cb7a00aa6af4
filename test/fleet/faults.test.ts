// Faults and bad input on a real fleet: a clear message, nothing hurt twice, nothing lost.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { untilEvent } from '../demo/follow-events.ts'
import { checkHistory } from '../world/check-history.ts'
import { fleetEvidence } from './fleet-evidence.ts'
import { fleetReady, opened, planned, quickPolicy, view } from './open-window.ts'

void t.test('what must be true before a window opens: each problem in plain words, exit 3, nothing touched', async (t) => {
  await using fleet = await fleetReady({ nodes: 2, policy: quickPolicy })
  const before = fleet.gitlab.world.weights()
  const hash = await planned(fleet)
  const start = (): Promise<{ exit: number, stdout: string, stderr: string }> => fleet.pitstop(['window', 'start', hash, '--confirm', hash, '--reason', 'test'])

  writeFileSync(join(fleet.folder, 'gitlab-token'), 'glpat-wrong\n')
  const wrongToken = await start()
  t.equal(wrongToken.exit, 3)
  t.match(wrongToken.stderr, /token/i)
  t.notMatch(wrongToken.stderr, /glpat-wrong/, 'the token itself is never shown')
  writeFileSync(join(fleet.folder, 'gitlab-token'), 'glpat-demo-token\n')

  const tokens = fleet.gitlab.tokens
  fleet.gitlab.tokens = tokens.map((token) => ({ ...token, user: { id: 99, username: 'maintainer', admin: false } }))
  const notOwned = await start()
  t.equal(notOwned.exit, 3)
  t.match(notOwned.stderr, /administrator|owner/)
  fleet.gitlab.tokens = tokens

  fleet.gitlab.world.saveSchedule('bob', false)
  const inactive = await start()
  t.equal(inactive.exit, 3)
  t.match(inactive.stderr, /off already/)
  fleet.gitlab.world.saveSchedule('bob', true)

  fleet.gitlab.world.removeStorage(fleet.hosts[1]?.node ?? '')
  const removed = await start()
  t.equal(removed.exit, 3)
  t.match(removed.stderr, /GitLab has no storage gitaly-02/)

  const wrongHash = await fleet.pitstop(['window', 'start', hash, '--confirm', 'deadbeef', '--reason', 'test'])
  t.equal(wrongHash.exit, 3)
  const unknown = await fleet.pitstop(['window', 'start', 'abcdef12', '--confirm', 'abcdef12', '--reason', 'test'])
  t.equal(unknown.exit, 2)
  const noWindow = await fleet.pitstop(['window', 'pause', '--reason', 'x'])
  t.equal(noWindow.exit, 3)
  t.match(noWindow.stderr, /no window is open/)
  t.equal(fleet.gitlab.world.weights()[fleet.hosts[0]?.node ?? ''], before[fleet.hosts[0]?.node ?? ''])
  t.ok(fleet.hosts.every((host) => host.reboots().length === 0))
})

void t.test('a start-up error halts with the line itself; retry --reboot and resume finish the window; node patch is refused meanwhile', async (t) => {
  await using fleet = await fleetReady({ nodes: 3, policy: quickPolicy })
  const [, faulty] = fleet.hosts
  if (faulty === undefined) return
  const before = fleet.gitlab.world.weights()
  await faulty.fault('startup-error')
  await opened(fleet)
  const halted = await fleet.pitstop(['window', 'watch'])
  t.equal(halted.exit, 5)
  const why = await fleet.pitstop(['why', faulty.node])
  t.match(why.stdout, /Unable to write gitaly metadata file/)
  t.equal(fleet.gitlab.world.weights()[faulty.node], 0, 'its weight stays 0')
  const patch = await fleet.pitstop(['node', 'patch', fleet.hosts[2]?.node ?? '', '--reason', 'now'])
  t.equal(patch.exit, 3)
  t.match(patch.stderr, /window 1 .* opened by/)
  const early = await fleet.pitstop(['window', 'resume', '--reason', 'too early'])
  t.equal(early.exit, 3)
  t.match(early.stderr, /budget/)
  t.equal((await fleet.pitstop(['node', 'retry', faulty.node, '--reboot', '--reason', 'mended'])).exit, 0)
  await untilEvent(fleet.socket, (event) => event.type === 'node-healthy' && event.node === faulty.node)
  t.equal((await fleet.pitstop(['window', 'resume', '--reason', 'healthy again'])).exit, 0)
  const watched = await fleet.pitstop(['window', 'watch'])
  t.equal(watched.exit, 0, watched.stdout)
  t.equal(faulty.reboots().length, 2)
  t.same((await view(fleet)).nodes.map(({ phase }) => phase), ['done', 'done', 'done'])
  t.same(checkHistory(await fleetEvidence(fleet, before)), [])
})

void t.test('apt failing half-way is failed, with dpkg\'s own words; a data disk that is missing after the boot is unhealthy', async (t) => {
  await using fleet = await fleetReady({ nodes: 2, policy: { ...quickPolicy, 'failure-budget': 2 } })
  const [first, second] = fleet.hosts
  if (first === undefined || second === undefined) return
  const before = fleet.gitlab.world.weights()
  await first.fault('data-disk-missing')
  await second.fault('apt-fails')
  await opened(fleet)
  const halted = await fleet.pitstop(['window', 'watch'])
  t.equal(halted.exit, 5)
  const { nodes } = await view(fleet)
  t.same(nodes.map(({ phase }) => phase), ['failed', 'failed'])
  t.ok(nodes[0]?.reasons.some(({ code }) => code === 'STORAGE_CHANGED'), JSON.stringify(nodes[0]?.reasons))
  t.ok(nodes[1]?.reasons.some(({ code }) => code === 'APT_FAILED'), JSON.stringify(nodes[1]?.reasons))
  t.equal(nodes[0]?.holdsSlot, true)
  t.equal(nodes[1]?.holdsSlot, false)
  t.equal(second.reboots().length, 0, 'a failed upgrade is not rebooted')
  const owed = await fleet.pitstop(['obligations'])
  t.match(owed.stdout, /curl/)
  t.match(owed.stdout, /gitaly-01/)
  t.equal((await fleet.pitstop(['node', 'write-off', first.node, '--reason', 'disk is gone'])).exit, 0)
  t.equal((await fleet.pitstop(['node', 'write-off', second.node, '--reason', 'to be rebuilt'])).exit, 0)
  t.equal((await fleet.pitstop(['window', 'abort', '--reason', 'over'])).exit, 0)
  await fleet.pitstop(['window', 'watch', '--stay'])
  t.equal(fleet.gitlab.world.schedule?.active, true, 'the assigner is back')
  t.same(checkHistory(await fleetEvidence(fleet, before)), [])
})

void t.test('a weight that somebody sets in mid-window is theirs: never overwritten, named at the end', async (t) => {
  await using fleet = await fleetReady({ nodes: 2, policy: quickPolicy })
  await opened(fleet)
  const [first] = fleet.hosts
  if (first === undefined) return
  const before = fleet.gitlab.world.weights()
  await first.waitFor('the first node down', (host) => host.events().some(({ event }) => event === 'reboot-requested'))
  fleet.gitlab.world.personSets(first.node, 77)
  await fleet.pitstop(['window', 'watch', '--stay'])
  const { audit, obligations, phase } = await view(fleet)
  t.equal(phase, 'closed')
  t.equal(fleet.gitlab.world.weights()[first.node], 77)
  t.match(obligations.find(({ id }) => id === `weight:${first.node}`), { status: 'superseded' })
  t.match(audit, [{ code: 'WEIGHT_CHANGED' }])
  t.same(checkHistory(await fleetEvidence(fleet, before)), [])
})
