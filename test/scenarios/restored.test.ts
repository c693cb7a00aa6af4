// A store that was put back to an older copy, in the simulated world: noticed whenever the copy was made, paused, nothing lost
// that was promised, nobody rebooted twice. With real processes: test/fleet/restored-store.test.ts.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'

async function remembering(): Promise<World> {
  const world = new World({ nodes: 3 })
  world.memories = new Map()
  await world.boot()
  await world.makePlan()
  return world
}

void t.test('a copy from before the window is noticed though no coordinator was started since', async (t) => {
  const world = await remembering()
  const copy = world.store.copy()
  await world.openWindow()
  await world.until(() => world.phase(0) === 'down')
  world.kill()
  world.putBackStore(copy)
  await world.boot()
  const lost = await world.coordinator.lostPromises()
  t.same(lost.map(({ id }) => id).sort(), ['found:assigner', 'found:weight:gitaly-01.test', 'found:weight:gitaly-02.test', 'found:weight:gitaly-03.test'])
  t.match(lost.find(({ node }) => node === 'gitaly-03.test'), { previous: false, text: /gitaly-03\.test has stage .* what its weight was, no journal says any more/ }, 'at 0 and staged: since when it is at 0, nobody knows')
  await t.rejects(world.openWindow(), { code: 'STORE_RESTORED' })
})

void t.test('a copy from within the window is noticed though no coordinator was started since: paused, and nothing goes on', async (t) => {
  const world = await remembering()
  await world.openWindow()
  await world.until(() => world.has('window-rolling'))
  const copy = world.store.copy()
  await world.until(() => world.phase(0) === 'down')
  world.kill()
  world.putBackStore(copy)
  await world.boot()
  t.match((await world.view()).pause?.reasons, [{ code: 'STORE_RESTORED' }])
  await world.clock.runUntil(() => false, 10 * minutes)
  t.ok(world.history.happenings.filter(({ what }) => what === 'gitaly-stopped').length <= 1)
  t.same(checkHistory(world), [])
})
