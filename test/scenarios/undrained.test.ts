// A node that relapsed behind its own weight, and cannot be drained anew: its window ends all the same, a person is told what stands
// against it, and what was refused before that person made room counts no more.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'

const first = 'gitaly-01.test'

/** Without the weight of the first node too few storages would take new projects. */
async function relapsedAtTheFloor(closesInMs = 300 * minutes): Promise<World> {
  const world = await World.opened({ policy: { groupSize: 1, activeStorageFloor: 3, prepareAhead: 1 }, closesInMs })
  world.host(0).faults.relapseAfterMs = 20_000
  await world.until(() => world.gitlab.weights[first] === 100 && world.phase(0) === 'returning')
  world.gitlab.writeAs('bob', { 'spare-1': 0, 'spare-2': 0 })
  await world.until(() => world.phase(0) === 'failed')
  world.host(0).faults = {}
  return world
}

for (const ends of ['abort', 'closing time'] as const) {
  void t.test(`after ${ends} the assigner is enabled and the window closes`, async (t) => {
    const world = await relapsedAtTheFloor(60 * minutes)
    if (ends === 'abort') await world.say({ kind: 'abort' })
    await world.untilClosed(120 * minutes)
    t.ok(world.gitlab.scheduleActive)
    t.same(checkHistory(world), [])
  })
}

void t.test('GitLab forbids it for good: what was promised for it is handed over, and after an abort the window closes', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1 }, closesInMs: 60 * minutes })
  world.host(0).faults.relapseAfterMs = 20_000
  await world.until(() => world.gitlab.weights[first] === 100 && world.phase(0) === 'returning')
  await world.until(() => world.gitlab.weights['gitaly-02.test'] === 0)
  world.gitlab.faults.writeGoes = () => 'forbidden'
  await world.until(() => world.phase(0) === 'failed')
  await world.say({ kind: 'abort' })
  await world.clock.runUntil(() => false, 5 * minutes)
  for (const { id, subject, previous } of [...world.state().obligations.values()].filter(({ kind, status }) => kind === 'weight' && status === 'open')) {
    world.gitlab.writeAs('ada', { [subject]: Number(previous) })
    await world.say({ kind: 'hand-over', obligation: id })
  }
  await world.untilClosed(120 * minutes)
  t.ok(world.gitlab.scheduleActive)
})

void t.test('the window and its node say why, and room that is made is used', async (t) => {
  const world = await relapsedAtTheFloor()
  await world.clock.runUntil(() => false, minutes)
  const view = await world.view()
  for (const reasons of [view.reasons, view.nodes[0]?.reasons ?? []]) {
    t.match(reasons.find(({ code }) => code === 'WEIGHT_NOT_SETTLED'), { text: /new projects may be made on gitaly-01\.test, which is down/ })
    t.ok(reasons.some(({ code }) => code === 'WEIGHT_FLOOR'))
  }
  t.ok(view.nodes[0]?.reasons.some(({ code }) => code === 'RELAPSED'), 'beside why it failed')
  world.gitlab.writeAs('bob', { 'spare-1': 1, 'spare-2': 1 })
  await world.until(() => world.gitlab.weights[first] === 0, minutes)
  await world.clock.runUntil(() => false, minutes)
  t.notOk((await world.view()).reasons.some(({ code }) => code === 'WEIGHT_FLOOR'))
})

void t.test('a weight that pitstop itself had put back is not called somebody else\'s', async (t) => {
  const world = await relapsedAtTheFloor()
  await world.clock.runUntil(() => false, minutes)
  await world.say({ kind: 'resume', raiseBudgetBy: 1 })
  await world.clock.runUntil(() => false, 5 * minutes)
  const { gates } = await world.view()
  t.match(gates, [{ code: 'WEIGHT_NOT_SETTLED', text: /pitstop had put it back when gitaly-01\.test was healthy/ }])
  t.notMatch(JSON.stringify(gates), /find out who raised it/)
})

for (const offMs of [0, -60 * minutes]) {
  void t.test(`a reboot asked for by name whose drain is refused is given back, also with the clock ${offMs / minutes} min off since`, async (t) => {
    const world = await relapsedAtTheFloor()
    await world.say({ kind: 'retry', node: first, mode: 'reboot' })
    world.setClock(offMs)
    await world.until(() => world.phase(0) === 'failed', 30 * minutes)
    t.match(world.node(0).reasons, [{ code: 'WEIGHT_FLOOR' }])
    await t.resolves(world.say({ kind: 'write-off', node: first }))
  })
}

void t.test('a reboot asked for by name after room was made is not given back for what was refused before, when one reading fails', async (t) => {
  const world = await relapsedAtTheFloor()
  await world.clock.runUntil(() => false, 11_000)
  world.gitlab.writeAs('bob', { 'spare-1': 1, 'spare-2': 1 })
  let failing = 1
  world.gitlab.faults.readGoes = () => failing-- > 0 ? 'error' : 'well'
  await world.say({ kind: 'retry', node: first, mode: 'reboot' })
  await world.until(() => world.phase(0) === 'failed' || world.phase(0) === 'done')
  t.equal(world.phase(0), 'done')
  t.same(checkHistory(world), [])
})
