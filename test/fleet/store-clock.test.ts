// The database's clock jumps ahead in mid-window, and with it the lease of a coordinator that lives is over: real processes, a
// real PostgreSQL. Whoever acts from then on is alone, and the window ends as if nothing had happened.
import t from 'tap'
import { untilEvent } from '../demo/follow-events.ts'
import { isStep, opened } from './open-window.ts'
import { severalReady } from './several-coordinators.ts'

/** So long that its holder renews every three seconds: overtaken, it does not notice at once. */
const leaseMs = 9000

for (const [moment, step] of [['a weight is set', 'zero-weight'], ['a node goes down', 'reboot']] as const) {
  void t.test(`the database's clock jumps an hour ahead when ${moment}`, async (t) => {
    await using all = await severalReady({ coordinators: 2, nodes: 2, leaseMs, ownClock: true })
    const { fleet } = all
    await opened(fleet)
    await untilEvent(fleet.socket, isStep('step-intended', step))
    const { epoch } = all.newestEpoch()
    const jumpedAt = Date.now()
    await all.clock?.set(3_600_000)
    t.comment(`agents heard of the successor ${await all.untilNewerEpoch(epoch, jumpedAt)} ms later; the lease is ${leaseMs} ms`)
    const acting = await all.untilOneActs()
    t.same(await all.problems(acting), [])
  })
}
