// The gate on firing alerts: others' trouble holds what has not begun, ours holds nothing, and what cannot be read is closed.
import t, { type Test } from 'tap'
import { checkHistory } from '../world/check-history.ts'
import type { SimulatedAlerts } from '../world/simulated-alerts.ts'
import { World, type WorldOptions, minutes } from '../world/world.ts'

const allDone = (world: World): boolean => [...world.hosts.keys()].every((_, index) => world.phase(index) === 'done')
const count = (world: World, type: string): number => world.events().filter(({ event }) => event.type === type).length

async function opened(options: WorldOptions = {}): Promise<{ readonly world: World, readonly alerts: SimulatedAlerts }> {
  const world = await World.opened({ alerts: true, ...options })
  if (world.alerts === null) throw new Error('no alerts')
  return { world, alerts: world.alerts }
}

async function ends(t: Test, world: World): Promise<void> {
  await world.untilClosed()
  t.ok(allDone(world))
  t.same(checkHistory(world), [])
}

void t.test('an alert of somebody else holds further beginnings, by name; nodes that are down finish; it goes on when the alert ends', async (t) => {
  const { world, alerts } = await opened()
  await world.until(() => world.phase(0) === 'down' && !world.host(0).up)
  const alert = alerts.start('LowCountOfActiveGitalyShards')
  const of = alerts.start('GitalyFileServerDown', 'gitaly-99.test')
  await world.until(() => world.phase(0) === 'done')
  const taken = count(world, 'slot-taken')
  await world.clock.runUntil(() => false, 20 * minutes)
  t.equal(count(world, 'slot-taken'), taken, 'nobody else goes down')
  t.match((await world.view()).gates, [
    { code: 'ALERT_FIRING', text: /^alert LowCountOfActiveGitalyShards fires since 2026-11-22 02:\d\d:\d\dZ and closes the gate gitaly$/ }, { code: 'ALERT_FIRING', text: /^alert GitalyFileServerDown of gitaly-99\.test fires/ }
  ])
  t.equal(world.has('window-halted'), false, 'an alert halts nothing')
  alerts.end(alert)
  await world.clock.runUntil(() => false, minutes)
  t.match((await world.view()).gates, [{ text: /GitalyFileServerDown/ }])
  alerts.end(of)
  await ends(t, world)
})

void t.test('alerts of nodes that are down by our doing or just back hold nobody', async (t) => {
  const options = { nodes: 6, policy: { watchMs: 3 * minutes } }
  const quiet = await World.opened(options)
  await quiet.untilClosed()
  const { world, alerts } = await opened(options)
  for (const host of world.hosts.values()) alerts.watch(host, 2 * minutes)
  await ends(t, world)
  t.ok(world.history.happenings.filter(({ what }) => what === 'alert-started').length > 4, 'monitoring saw them')
  t.ok(world.history.happenings.some((each) => each.what === 'alerts-read' && each.alerts.length > 0), 'and told pitstop')
  t.ok(world.clock.now() - quiet.clock.now() < 1000, 'it took no longer than without')
})

void t.test('an alert of our own doing that outlives the watch takes no neighbour\'s reboot back and holds nobody', async (t) => {
  for (const [nodes, groupSize, endsAfterMs] of [[6, 2, minutes], [6, 1, 4 * minutes], [10, 1, 10 * minutes]] as const) {
    const options = { nodes, policy: { groupSize, prepareAhead: 4, canaryFirst: false, watchMs: 30_000, rebootDelayMs: 20_000 } }
    const { world, alerts } = await opened(options)
    const quiet = await World.opened(options)
    for (const each of [world, quiet]) [...each.hosts.values()].forEach((host, index) => { host.times = { ...host.times, rebootMs: 20_000 + 9000 * index } })
    for (const host of world.hosts.values()) alerts.watch(host, endsAfterMs)
    await quiet.untilClosed()
    await ends(t, world)
    t.equal(world.history.happenings.some(({ what }) => what === 'cancel-sent'), false)
    const laterMs = world.clock.now() - quiet.clock.now()
    t.equal(laterMs < 1000, endsAfterMs < 5 * minutes, `${laterMs} ms later: what fires for longer is no trace of the reboot`)
  }
})

void t.test('what is ordered is taken back neither for one failed reading nor for an alert', async (t) => {
  for (const what of ['GitLab', 'alerts', 'an alert'] as const) {
    const { world, alerts } = await opened({ policy: { groupSize: 1, rebootDelayMs: 40_000 } })
    await world.until(() => [...world.host(0).agent.orders.values()].some(({ step, view }) => step === 'reboot' && view.status === 'running'))
    let left = 1
    const failsOnce = (): 'error' | 'well' => left-- > 0 ? 'error' : 'well'
    if (what === 'GitLab') world.gitlab.faults.readGoes = (_, kind) => kind === 'other' ? failsOnce() : 'well'
    else if (what === 'alerts') alerts.goes = failsOnce
    const alert = what === 'an alert' ? alerts.start('GitalyFileServerDown', 'gitaly-99.test') : null
    await world.until(() => !world.host(0).up)
    if (alert === null) t.ok(left <= 0, what)
    else {
      t.match((await world.view()).gates, [{ code: 'ALERT_FIRING' }], 'it holds the next')
      alerts.end(alert)
    }
    await ends(t, world)
    t.equal(world.history.happenings.some(({ what: happened }) => happened === 'cancel-sent'), false)
  }
})

void t.test('a node that never comes back holds nobody by its alert once it is written off', async (t) => {
  const { world, alerts } = await opened({ policy: { groupSize: 1 } })
  world.host(0).faults.boot = 'never'
  alerts.watch(world.host(0), 1000)
  await world.until(() => world.node(0).overdue)
  await world.say({ kind: 'write-off', node: 'gitaly-01.test' })
  await world.say({ kind: 'resume', raiseBudgetBy: 1 })
  await world.until(() => [1, 2, 3].every((index) => world.phase(index) === 'done'))
  t.ok(world.history.happenings.some(({ what }) => what === 'alert-started'))
  t.same(checkHistory(world), [])
})

void t.test('an alert of no node that a failed node causes refuses its reboot, and says how that comes about', async (t) => {
  const { world, alerts } = await opened({ policy: { groupSize: 1 } })
  world.host(0).faults.boot = 'startup-error'
  await world.until(() => !world.host(0).up)
  const alert = alerts.start('GitalyServiceApdexLow')
  await world.until(() => world.phase(0) === 'failed')
  world.host(0).faults = {}
  const first = 'gitaly-01.test'
  await world.say({ kind: 'retry', node: first, mode: 'reboot' })
  await world.clock.runUntil(() => false, minutes)
  t.equal(world.phase(0), 'failed')
  t.match((await world.view()).nodes.find(({ node }) => node === first)?.reasons, [{ code: 'ALERT_FIRING', hint: /if gitaly-01\.test causes it, being down: silence it/ }])
  // Silenced it is not told any more.
  alerts.end(alert)
  await world.clock.runUntil(() => false, minutes)
  await world.say({ kind: 'retry', node: first, mode: 'reboot' })
  await world.until(() => world.phase(0) === 'done')
  await world.say({ kind: 'resume' })
  await ends(t, world)
})

void t.test('an alert of a node that has been done for a while, or was not yet begun, holds the others', async (t) => {
  for (const index of [0, 3]) {
    const { world, alerts } = await opened({ nodes: 6, policy: { groupSize: 1, prepareAhead: 1 } })
    await world.until(() => world.phase(0) === 'done')
    const alert = alerts.start('GitalyPermissionDenied', [...world.hosts.keys()][index] ?? '')
    await world.clock.runUntil(() => false, 10 * minutes)
    t.equal(world.phase(5), 'waiting')
    t.match((await world.view()).gates, [{ code: 'ALERT_FIRING', text: /GitalyPermissionDenied of gitaly-0[14]\.test/ }])
    alerts.end(alert)
    await ends(t, world)
  }
})

void t.test('an alert that begins after the last regular reading is seen by the final check: the slot goes back and the node stays prepared', async (t) => {
  const { world, alerts } = await opened({ policy: { groupSize: 1, prepareAhead: 1 } })
  await world.until(() => world.has('node-prepared'))
  let alert: number | null = null
  // Just then: the regular reading is not due for seconds.
  await world.until(() => { if (world.has('slot-taken')) alert ??= alerts.start('GitalyFileServerDown', 'gitaly-99.test'); return alert !== null })
  await world.until(() => world.has('slot-returned'))
  t.match(world.events().find(({ event }) => event.type === 'slot-returned')?.event, { reasons: [{ code: 'ALERT_FIRING' }] })
  t.equal(world.phase(0), 'prepared')
  t.ok(world.host(0).up)
  t.equal(world.history.happenings.some((each) => each.what === 'order-sent' && each.step === 'reboot'), false)
  alerts.end(alert ?? 0)
  await ends(t, world)
})

void t.test('the node\'s own alert speaks against taking it down for as long as it is up', async (t) => {
  const { world, alerts } = await opened({ policy: { groupSize: 1, prepareAhead: 1 } })
  const alert = alerts.start('GitalyDiskFull', 'gitaly-01.test')
  await world.clock.runUntil(() => false, 10 * minutes)
  t.equal(world.has('slot-taken'), false)
  alerts.end(alert)
  await ends(t, world)
})

void t.test('Alertmanager that cannot be read closes the gate with a reason, and opens it by itself', async (t) => {
  for (const goes of ['error', 'silent'] as const) {
    const { world, alerts } = await opened()
    await world.until(() => world.has('node-prepared'))
    alerts.goes = () => goes
    await world.clock.runUntil(() => false, 20 * minutes)
    t.match((await world.view()).gates, [{ code: 'ALERTS_UNREACHABLE', text: goes === 'silent' ? /no answer/ : /502/ }], goes)
    t.ok(count(world, 'slot-taken') <= 2)
    t.notOk(allDone(world))
    alerts.goes = () => 'well'
    await ends(t, world)
  }
})

void t.test('preflight wants an answer of Alertmanager; what fires already is told and keeps no window shut', async (t) => {
  const world = new World({ alerts: true })
  const { alerts } = world
  if (alerts === null) throw new Error('no alerts')
  await world.boot()
  await world.makePlan()
  alerts.goes = () => 'error'
  t.match((await world.settle(world.coordinator.preflight(world.plan.plan))).problems, [{ code: 'ALERTS_UNREACHABLE' }])
  await t.rejects(world.openWindow(), { code: 'PREFLIGHT_FAILED', message: /Alertmanager/ })
  alerts.goes = () => 'well'
  const alert = alerts.start('GitalyFileServerDown', 'gitaly-99.test')
  t.match(await world.settle(world.coordinator.preflight(world.plan.plan)), { problems: [], warnings: [{ code: 'ALERT_FIRING', text: /of gitaly-99\.test fires since/ }] })
  await world.openWindow()
  await world.clock.runUntil(() => false, 5 * minutes)
  t.equal(world.has('node-admitted'), false)
  alerts.end(alert)
  await ends(t, world)
})

void t.test('alerts are asked for while something may begin, every 15 s and no more', async (t) => {
  const { world, alerts } = await opened({ policy: { watchMs: 10 * minutes } })
  const read = (): number => world.history.happenings.filter(({ what }) => what === 'alerts-read').length
  await world.until(() => world.has('node-prepared'))
  const alert = alerts.start('X')
  await world.clock.runUntil(() => false, minutes)
  const before = read()
  await world.clock.runUntil(() => false, 30 * minutes)
  t.ok(Math.abs(read() - before - 120) <= 2, `${read() - before} readings in half an hour`)
  alerts.end(alert)
  // All are back, the last is watched: nothing of the window may begin any more.
  await world.until(() => [...world.hosts.keys()].every((_, index) => world.phase(index) === 'done' || world.phase(index) === 'returning'))
  const atEnd = read()
  await world.clock.runUntil(() => false, 5 * minutes)
  t.equal(world.node(3).phase, 'returning')
  t.equal(read(), atEnd)
  await ends(t, world)
})

void t.test('a coordinator that takes over in mid-reboot reads alerts before it takes anything back', async (t) => {
  const { world, alerts } = await opened({ policy: { groupSize: 1, rebootDelayMs: 30_000 } })
  // Slower than GitLab.
  alerts.readMs = 2000
  await world.until(() => world.history.happenings.some((each) => each.what === 'order-accepted' && each.step === 'reboot'))
  world.kill()
  await ends(t, world)
  t.equal(world.history.happenings.some(({ what }) => what === 'cancel-sent'), false)
})

void t.test('without a gate on alerts nothing of it is there', async (t) => {
  const world = await World.opened()
  await world.untilClosed()
  t.equal(world.history.happenings.some(({ what }) => what === 'alerts-read' || what === 'alerts-failed'), false)
  t.same(checkHistory(world), [])
})
