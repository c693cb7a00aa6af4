// A replica that lags, or a slow answer: what was before our own write is neither written back nor blamed on anybody.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World } from '../world/world.ts'
import { allDone } from './all-done.ts'

void t.test('GitLab that takes longer to answer than pitstop waits between readings is believed all the same', async (t) => {
  const world = await World.opened({ nodes: 2, policy: { groupSize: 1 } })
  world.gitlab.readMs = 2500
  await world.untilClosed()
  t.ok(allDone(world))
})

/** One replica has not heard of pitstop's last write: every other reading of weights is from before it. */
function lagBehind(world: World): void {
  let readings = 0
  world.gitlab.faults.readGoes = (_count, what) => what === 'weights' && readings++ % 2 === 0 ? 'stale' : 'well'
}

void t.test('a reading from before our own write is not written back: a node that is down stays at 0', async (t) => {
  const world = await World.opened({ nodes: 4, policy: { groupSize: 1, prepareAhead: 1 } })
  await world.until(() => world.phase(0) === 'down' && !world.host(0).up)
  await world.until(() => world.phase(1) === 'preparing')
  lagBehind(world)
  await world.untilClosed()
  t.ok(allDone(world))
  t.notOk(world.has('window-halted'), 'nobody is blamed for it')
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('a reading from before our own write is not written back: a weight that went back stays back', async (t) => {
  const world = await World.opened({ nodes: 6, policy: { groupSize: 1, prepareAhead: 1 } })
  await world.until(() => world.node(0).steps['restore-weight']?.status === 'done')
  lagBehind(world)
  await world.untilClosed()
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('a reading from before our own write does not say that a weight is back', async (t) => {
  const world = await World.opened({ nodes: 4 })
  await world.until(() => world.node(0).steps['zero-weight']?.status === 'done')
  await world.say({ kind: 'abort' })
  lagBehind(world)
  await world.untilClosed()
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

for (const hooksMs of [0, 20_000]) void t.test(`one answer from before pitstop switched the assigner off halts nothing${hooksMs === 0 ? '' : ', and takes no reboot back while its hooks run'}`, async (t) => {
  const world = new World({ nodes: 2, policy: { groupSize: 1 } })
  const port = world.gitlab.port.bind(world.gitlab)
  let stale = 0
  world.gitlab.port = (asker) => {
    const gitlab = port(asker)
    return { ...gitlab, readSchedule: async () => {
      const schedule = await gitlab.readSchedule()
      return stale > 0 && stale-- > 0 ? { ...schedule, active: true } : schedule
    } }
  }
  world.host(0).times = { ...world.host(0).times, hooksMs }
  await world.boot()
  await world.makePlan()
  await world.openWindow()
  await world.until(() => world.has('window-rolling'))
  if (hooksMs > 0) await world.until(() => world.node(0).steps.reboot?.status === 'intended')
  stale = 1
  await world.untilClosed()
  t.equal(stale, 0)
  t.notOk(world.has('window-halted'))
  t.ok(allDone(world))
  t.same(checkHistory(world), [])
})
