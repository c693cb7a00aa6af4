// PostgreSQL without synchronous replication: the server that is promoted lacks the newest commits.
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { untilEvent } from '../demo/follow-events.ts'
import { isStep, opened, view } from './open-window.ts'
import { severalReady } from './several-coordinators.ts'

void t.test('a fail-over that loses the newest rows is told with how many, by whoever had journaled them', async (t) => {
  await using all = await severalReady({ coordinators: 1, nodes: 1 })
  const { fleet, server, store } = all
  await opened(fleet)
  await untilEvent(fleet.socket, isStep('step-intended', 'upgrade'))
  // Paused, so that nothing is journaled between our reading of the end and the end of the server.
  t.equal((await fleet.pitstop(['freeze', '--reason', 'nothing moves'])).exit, 0)
  await server.stop('immediate')
  await server.start()
  const [newest] = await server.query<{ seq: string }>(store, 'delete from journal where seq >= (select max(seq) - 2 from journal) returning (select max(seq) from journal) as seq')
  await server.demote()
  await server.promote()
  // It may have been quick enough for the coordinator to act on in ignorance: only a new epoch is an answer.
  for (const until = Date.now() + 30_000; Date.now() < until; await pause(20)) {
    const { status, lease } = await all.ready(0)
    if (status === 200 && (lease?.epoch ?? 0) > 1) break
  }
  const shown = await view(fleet)
  const last = Number(newest?.seq)
  t.equal(shown.label, 'paused')
  t.match(JSON.stringify(shown.pause?.reasons), /failed over or restored: it was on cluster/)
  t.match(JSON.stringify(shown.pause?.reasons), new RegExp(`this machine has seen entry ${last} of the journal, the store ends with ${last - 3}`))
})
