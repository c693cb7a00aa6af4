// A store that was put back, and a wall clock that is set: what may still land is waited out, and what came since the restore is
// told by the journal's numbers.
import t from 'tap'
import { World, minutes } from '../world/world.ts'

const pass = (world: World, ms: number): Promise<boolean> => world.clock.runUntil(() => false, ms)
const lost = async (world: World): Promise<string[]> => (await world.settle(world.coordinator.lostPromises())).map(({ id }) => id)

async function planned(): Promise<World> {
  const world = new World({ nodes: 3, policy: { groupSize: 1 }, closesInMs: 600 * minutes })
  world.memories = new Map()
  await world.boot()
  await world.makePlan()
  return world
}

for (const offMs of [0, minutes]) void t.test(`the clock set forward ${offMs / 1000} s: a lost weight is not handed over while a write of the lost time may still land`, async (t) => {
  const world = await planned()
  await world.openWindow()
  await world.until(() => world.has('window-rolling'))
  const copy = world.store.copy()
  const { node } = world.host(0)
  await world.until(() => world.gitlab.weights[node] === 0)
  world.kill()
  world.putBackStore(copy)
  await world.boot()
  world.gitlab.writeAs('ada', { [node]: 100 })
  world.setClock(offMs)
  await t.rejects(world.say({ kind: 'hand-over', obligation: `found:weight:${node}` }), { code: 'STORE_RESTORED', message: /may still land/ })
  await pass(world, minutes)
  await world.say({ kind: 'hand-over', obligation: `found:weight:${node}` })
})

for (const aheadMs of [0, 120 * minutes]) void t.test(`a window was opened under a clock ${aheadMs / minutes} min ahead: a write of the lost one that lands after the restore is told all the same`, async (t) => {
  const world = await planned()
  const setClocks = (ms: number): void => {
    world.setClock(ms)
    for (const host of world.hosts.values()) host.clockOffMs = ms
  }
  setClocks(aheadMs)
  await world.openWindow()
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  setClocks(0)
  const copy = world.store.copy()
  const { node } = world.host(0)
  await world.openWindow()
  await world.until(() => world.phase(0) === 'down')
  world.kill()
  world.memories?.clear()
  world.glass.clear()
  world.putBackStore(copy)
  world.gitlab.writeAs('ada', { [node]: 100 })
  await world.boot()
  t.notOk((await lost(world)).includes(`found:weight:${node}`))
  world.gitlab.setScheduleAs('ada', true)
  world.gitlab.writeAs('pitstop', { [node]: 0 })
  await pass(world, minutes)
  for (const { id, kind, subject, previous } of await world.settle(world.coordinator.lostPromises())) {
    if (kind === 'weight') world.gitlab.writeAs('ada', { [subject]: Number(previous) })
    await world.say({ kind: 'hand-over', obligation: id })
  }
  await t.rejects(world.openWindow(), { code: 'STORE_RESTORED', message: new RegExp(`found:weight:${node}`) })
})
