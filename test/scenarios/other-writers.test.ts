// GitLab cannot fence: a weight that somebody else set is theirs, told, and never overwritten.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'
import { allDone } from './all-done.ts'

void t.test('a weight raised on a prepared node is theirs: superseded, halted, and drained anew after a person resumes', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(1) === 'prepared')
  world.gitlab.writeAs('bob', { 'gitaly-02.test': 42 })
  await world.until(() => world.has('window-halted'))
  t.match((await world.view()).halt?.reasons, [{ code: 'WEIGHT_CHANGED' }])
  t.equal(world.gitlab.weights['gitaly-02.test'], 42, 'not overwritten')
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.ok(allDone(world))
  t.equal(world.gitlab.weights['gitaly-02.test'], 42, 'previous is what it was before our change')
  t.same(checkHistory(world), [])
})

void t.test('a weight raised on a node that is down closes all gates and asks a person', async (t) => {
  const world = await World.opened({ nodes: 6 })
  await world.until(() => world.phase(0) === 'down' && !world.host(0).up)
  world.host(0).faults.boot = { slowMs: 3 * minutes }
  world.gitlab.writeAs('the assigner', { 'gitaly-01.test': 80 })
  await world.until(() => world.has('window-halted'))
  t.match((await world.view()).halt?.reasons, [{ code: 'WEIGHT_CHANGED', text: /gitaly-01\.test.*80/ }])
  await world.until(() => world.phase(0) === 'done')
  await world.clock.runUntil(() => false, 10 * minutes)
  t.equal(world.history.happenings.filter((each) => each.what === 'gitaly-stopped').length, 1, 'nobody else went down')
  t.equal(world.gitlab.weights['gitaly-01.test'], 80)
})

void t.test('what a person sets on a node that is down is seen before the next write, kept by it, and asked about', async (t) => {
  const world = await World.opened({ nodes: 6, policy: { groupSize: 1, prepareAhead: 1 } })
  await world.until(() => world.phase(0) === 'down' && !world.host(0).up)
  world.host(0).faults.boot = { slowMs: 3 * minutes }
  await world.until(() => world.node(1).steps.stage?.status === 'intended')
  world.gitlab.writeAs('bob', { 'gitaly-01.test': 80 })
  const told = world.history.happenings.length
  await world.until(() => world.has('window-halted'), minutes)
  t.notOk(world.history.happenings.slice(told).some(({ what }) => what === 'weights-sent'), 'nothing was written beside it')
  t.match((await world.view()).halt?.reasons, [{ code: 'WEIGHT_CHANGED', text: /gitaly-01\.test.*80/ }])
  t.equal(world.gitlab.weights['gitaly-01.test'], 80)
  await world.say({ kind: 'resume' }).catch(() => undefined)
  await world.until(() => world.phase(0) === 'done')
  t.equal(world.gitlab.weights['gitaly-01.test'], 80)
})
