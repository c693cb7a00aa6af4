// A commit whose answer is lost: the journal may hold what nobody was told. Whoever goes on reads what is there.
import t from 'tap'
import { Fault } from '@pitstop/shared/fault'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'

for (const stored of [true, false]) {
  void t.test(`a pause whose answer is lost ${stored ? 'and that is stored holds' : 'and that is not stored is no pause'}`, async (t) => {
    const world = await World.opened({ policy: { groupSize: 1 } })
    await world.until(() => world.phase(0) === 'down')
    const append = world.store.append.bind(world.store)
    let lost = 0
    world.store.append = async (...write) => {
      const [, , , events] = write
      if (!events.some(({ type }) => type === 'window-paused') || lost++ > 0) return append(...write) as never
      if (stored) await append(...write)
      throw new Fault('STORE_UNAVAILABLE', 'cannot journal: Connection terminated unexpectedly')
    }
    await t.rejects(world.say({ kind: 'pause' }), { code: 'STORE_UNAVAILABLE' })
    await world.clock.runUntil(() => false, 30 * minutes)
    t.equal(world.has('window-paused'), stored)
    t.equal(world.has('window-closed'), !stored)
    if (stored) {
      t.equal((await world.view()).label, 'paused')
      t.equal(world.phase(1), 'prepared', 'nobody else has gone down')
      await world.say({ kind: 'resume' })
      await world.untilClosed()
    }
    t.same(checkHistory(world), [])
  })
}
