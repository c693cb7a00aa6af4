// Several real coordinators on one PostgreSQL: whatever becomes of the one that acts, the window ends as if nothing had
// happened, and each host was rebooted once.
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { untilEvent } from '../demo/follow-events.ts'
import { isStep, opened } from './open-window.ts'
import { severalReady, ttlMs } from './several-coordinators.ts'

void t.test('three coordinators, two killed -9 in mid-window: the last one ends it; each take-over is about the TTL', async (t) => {
  await using all = await severalReady({ coordinators: 3, nodes: 2 })
  const { fleet } = all
  t.match(await all.ready(0), { status: 200, state: 'acting' })
  const standby = await all.ready(1)
  t.match(standby, { status: 503, state: 'standby', code: 'STANDBY', lease: { address: fleet.coordinators[0]?.agentsAddress ?? '', epoch: 1 } })
  t.ok((standby.lease?.leftMs ?? 0) > 0)
  const refused = await fleet.pitstop(['freeze', '--reason', 'x'], { coordinator: 1 })
  t.equal(refused.exit, 6)
  t.match(refused.stderr, /stands by; .* holds the lease, last renewed 1s ago[^]*ask it: on .* type: pitstop/)
  await opened(fleet)
  const [first, second] = fleet.hosts.map(({ node }) => node)
  for (const [index, moment] of [isStep('step-done', 'reboot', first), isStep('step-intended', 'reboot', second)].entries()) {
    await untilEvent(fleet.coordinators[index]?.socket ?? '', moment)
    const { epoch } = all.newestEpoch()
    const killedAt = Date.now()
    await fleet.killCoordinator('SIGKILL', index)
    const took = await all.untilNewerEpoch(epoch, killedAt)
    t.comment(`take-over ${index + 1}: ${took} ms from kill -9 to the first action on an agent, TTL ${ttlMs} ms`)
    // The figure that is promised (TTL + 1 s) is the bench's; here other tests share the processors.
    t.ok(took <= ttlMs + 3000, `${took} ms`)
    // Which of the two standbys it is, nobody knows beforehand.
    if (index === 0 && (await all.ready(2)).status === 200) {
      await fleet.killCoordinator('SIGKILL', 2)
      await all.untilActing(1)
      await fleet.startCoordinator(2, 'standby')
    }
  }
  await all.untilActing(2)
  t.match(glass(0), /^curl /m, 'as it was left')
  await fleet.startCoordinator(0, 'standby')
  for (const until = Date.now() + 10_000; !glass(0).includes('does not act: nothing is to be paid from this file') && Date.now() < until;) await pause(20)
  t.match(glass(0), /seen 20.*Z: .* acts, epoch [34]\./)
  t.notMatch(glass(0), /curl/, 'a machine that stands by tells nobody to pay')
  t.same(await all.problems(2), [])
  t.match(glass(2), /# written 20.*Z by .*, epoch [34], entry \d+;[^]*# Nothing has to be put back\./)

  function glass(index: number): string { return readFileSync(fleet.coordinators[index]?.breakGlass ?? '', 'utf8') }
})

void t.test('the holder paused (SIGSTOP) beyond its lease: the standby goes on, and the sleeper that wakes changes nothing', async (t) => {
  await using all = await severalReady({ coordinators: 2, nodes: 2 })
  const { fleet } = all
  await opened(fleet)
  const pid = fleet.coordinatorPid(0)
  if (pid === undefined) throw new Error('no coordinator')
  await untilEvent(fleet.socket, isStep('step-intended', 'reboot'))
  process.kill(pid, 'SIGSTOP')
  await all.untilActing(1)
  process.kill(pid, 'SIGCONT')
  t.same(await all.problems(1), [])
})

void t.test('the holder cut off from the database: it stops before its lease ends, says so, and stands by when it is back', async (t) => {
  await using all = await severalReady({ coordinators: 2, nodes: 2 })
  const { fleet } = all
  await opened(fleet)
  await untilEvent(fleet.socket, isStep('step-done', 'zero-weight'))
  all.networks[0]?.silence()
  await all.untilActing(1)
  const cutOff = await all.ready(0)
  t.equal(cutOff.status, 503, 'never two at once')
  t.match(cutOff, { state: 'waiting' })
  all.networks[0]?.heal()
  for (;;) if ((await all.ready(0)).state === 'standby') break
  t.same(await all.problems(1), [])
})
