// A PostgreSQL that was failed over, or written by a newer release, in mid-window. Real processes: the window waits, paused, under a new
// incarnation; and who does not understand the journal leaves the lease to others.
import t from 'tap'
import { untilEvent } from '../demo/follow-events.ts'
import { isStep, opened, view } from './open-window.ts'
import { saidToRestored } from './restored-window.ts'
import { severalReady, ttlMs } from './several-coordinators.ts'

void t.test('the database fails over in mid-window: the window waits, paused, under a new incarnation; then it goes on as before', async (t) => {
  await using all = await severalReady({ coordinators: 2, nodes: 1 })
  const { fleet } = all
  await opened(fleet)
  await untilEvent(fleet.socket, isStep('step-intended', 'upgrade'))
  await all.server.demote()
  await all.server.promote()
  const acting = await Promise.any([0, 1].map(async (index) => { await untilPaused(index); return index }))
  t.match((await all.ready(acting)), { status: 200 })
  const shown = await view({ pitstop: (args) => fleet.pitstop(args, { coordinator: acting }) })
  t.match(shown.pause?.reasons, [{ code: 'STORE_RESTORED', text: /failed over or restored: it was on cluster\/timeline .*00000001 and is on .*00000002/ }])
  const resumed = await saidToRestored(fleet, 'resume', acting)
  t.equal(resumed.exit, 0, resumed.stderr)
  t.same(await all.problems(acting), [])

  async function untilPaused(index: number): Promise<void> {
    for (const until = Date.now() + 30_000; Date.now() < until;) {
      if ((await all.ready(index).catch(() => null))?.status !== 200) continue
      const seen = await fleet.pitstop(['window', 'show', '--json'], { coordinator: index })
      if (seen.exit === 0 && (JSON.parse(seen.stdout) as { label: string }).label === 'paused') return
    }
    throw new Error(`coordinator ${index} did not pause the window`)
  }
})

void t.test('a standby that meets an event of a newer release stays a standby and says which release is needed', async (t) => {
  await using all = await severalReady({ coordinators: 2, nodes: 1 })
  const { fleet } = all
  const hash = await opened(fleet)
  await untilEvent(fleet.socket, isStep('step-intended', 'upgrade'))
  // What a newer coordinator would have written, under its lease.
  await all.server.query(all.store, `insert into journal (stream, at, epoch, version, type, body) values ('fleet', 1, 1, 1, 'lease-taken', $1)`, [JSON.stringify({ type: 'lease-taken', holder: 'newer/1/ab', address: 'x:1', release: '9.9.0' })])
  await all.server.query(all.store, `insert into journal (stream, at, epoch, version, type, body) values ($1, 1, 1, 1, 'node-teleported', $2)`, [hash, JSON.stringify({ type: 'node-teleported', node: fleet.hosts[0]?.node })])
  await fleet.killCoordinator('SIGKILL')
  const { epoch } = all.newestEpoch()
  for (;;) if ((await all.ready(1)).code === 'STORE_NEWER') break
  t.match(await all.ready(1), { status: 503, state: 'waiting', text: /type node-teleported, which this release does not know/, hint: /release 9\.9\.0: run that one or a newer one/ })
  await new Promise((resolve) => { setTimeout(resolve, ttlMs) })
  const [lease] = await all.server.query<{ epoch: string }>(all.store, 'select epoch from lease')
  t.equal(Number(lease?.epoch), 1, 'the lease is left to whoever understands it')
  t.equal(all.newestEpoch().epoch, epoch)
})
