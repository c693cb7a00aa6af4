// Two coordinators on one PostgreSQL, without anybody being hurt: stopped in good order, or with the database away.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { untilEvent } from '../demo/follow-events.ts'
import { isStep, opened } from './open-window.ts'
import { severalReady, ttlMs } from './several-coordinators.ts'

void t.test('a graceful stop hands over at once; so does the next', async (t) => {
  const leaseMs = 12_000
  await using all = await severalReady({ coordinators: 2, nodes: 2, leaseMs })
  const { fleet } = all
  await opened(fleet)
  await untilEvent(fleet.socket, isStep('step-intended', 'upgrade'))
  await fleet.killCoordinator('SIGTERM', 0)
  const began = Date.now()
  await all.untilActing(1)
  t.ok(Date.now() - began < leaseMs / 2, `${Date.now() - began} ms after the first was gone, with a lease of ${leaseMs} ms`)
  await fleet.startCoordinator(0, 'standby')
  await untilEvent(fleet.coordinators[1]?.socket ?? '', ({ type }) => type === 'node-reported')
  await fleet.killCoordinator('SIGTERM', 1)
  await all.untilActing(0)
  // The first host asked coordinator 0 first, a standby then, and followed the address that it was given.
  const log = readFileSync(join(fleet.hosts[0]?.root ?? '', 'var/log/pitstop-agent.log'), 'utf8').split('\n').filter((line) => /readiness/.test(line))
  t.match(log[0], new RegExp(`"coordinator":"${fleet.coordinators[0]?.agentsAddress ?? ''}".*UNAVAILABLE: this coordinator stands by`))
  t.match(log[1], /readiness acknowledged/, 'at its second try, without a pause')
  t.same(await all.problems(0), [])
})

void t.test('the database crashes in mid-window, is away for longer than the lease, and comes back: nothing but time is lost', async (t) => {
  await using all = await severalReady({ coordinators: 2, nodes: 2 })
  const { fleet } = all
  await opened(fleet)
  await untilEvent(fleet.socket, isStep('step-intended', 'upgrade'))
  await all.server.stop('immediate')
  for (;;) if ((await all.ready(0)).status === 503) break
  const [first] = fleet.hosts
  const epoch = all.newestEpoch()
  await new Promise((resolve) => { setTimeout(resolve, ttlMs) })
  t.same(all.newestEpoch(), epoch, 'nobody acts without a lease')
  t.equal(first?.reboots().length, 0)
  // A coordinator that is started while the database is away waits for it too.
  await fleet.killCoordinator('SIGKILL', 1)
  const late = fleet.startCoordinator(1, 'standby')
  await new Promise((resolve) => { setTimeout(resolve, 500) })
  await all.server.start()
  await late
  t.same(await all.problems(await all.untilOneActs()), [])
})
