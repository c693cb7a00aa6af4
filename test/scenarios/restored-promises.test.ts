// What is owed when a store was put back, in the simulated world: nothing is written to GitLab before a person has spoken, in
// whichever phase the copy has the window; what two sources do not agree on is written by nobody; the assigner comes last.
import { reason } from '@pitstop/shared/fault'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import type { StoreCopy } from '../world/memory-store.ts'
import { World, minutes } from '../world/world.ts'

async function planned(): Promise<World> {
  const world = new World({ nodes: 3, policy: { groupSize: 1 } })
  world.memories = new Map()
  await world.boot()
  await world.makePlan()
  return world
}

async function opened(): Promise<World> {
  const world = await planned()
  await world.openWindow()
  return world
}

/** A backup of the moment in which this is journaled first. */
function copyAt(world: World, type: string): () => StoreCopy {
  let copy: StoreCopy | null = null
  const { store } = world
  const { onAppended } = store
  store.onAppended = (stream, recorded) => {
    onAppended(stream, recorded)
    if (copy === null && recorded.some(({ event }) => event.type === type)) copy = store.copy()
  }
  return () => {
    store.onAppended = onAppended
    if (copy === null) throw new Error(`no ${type}`)
    return copy
  }
}

async function putBack(world: World, copy: StoreCopy): Promise<void> {
  world.kill()
  world.putBackStore(copy)
  await world.boot()
}

const pass = (world: World, ms: number): Promise<boolean> => world.clock.runUntil(() => false, ms)
const lost = async (world: World): Promise<string[]> => (await world.settle(world.coordinator.lostPromises())).map(({ id }) => id).sort()
const wrote = ({ history }: World): number => history.happenings.filter(({ what }) => what === 'weights-sent' || what === 'schedule-sent').length
const handOver = (world: World, obligation: string): Promise<void> => world.say({ kind: 'hand-over', obligation })

/** As the documents say: put back by hand, then said. */
async function settledByHand(world: World): Promise<void> {
  for (const { id, kind, subject, previous } of await world.settle(world.coordinator.lostPromises())) {
    if (kind === 'weight') world.gitlab.writeAs('ada', { [subject]: Number(previous) })
    else world.gitlab.setScheduleAs('ada', previous === true)
    await handOver(world, id)
  }
}

for (const at of ['node-healthy', 'node-postponed']) void t.test(`a host that is down keeps its weight 0, though the copy of ${at} owes it: paused nothing is paid, aborted not before it is seen healthy`, async (t) => {
  const world = await opened()
  const copy = copyAt(world, at)
  if (at === 'node-postponed') {
    await world.until(() => world.gitlab.weights['gitaly-01.test'] === 0)
    await world.say({ kind: 'abort' })
  }
  await world.untilClosed()
  // A month later, as far as that copy knows.
  await world.makePlan()
  await world.openWindow()
  const host = world.host(0)
  await world.until(() => !host.up)
  host.faults.unreachable = true
  const plan = world.plan
  world.plan = (await world.settle(world.coordinator.listPlans())).find(({ hash }) => hash !== plan.hash) ?? plan
  await putBack(world, copy())
  t.match(await world.view(), { label: 'paused', pause: { reasons: [{ code: 'STORE_RESTORED' }] } })
  const before = wrote(world)
  await pass(world, 2 * minutes)
  t.equal(wrote(world), before, 'no person has looked')
  await settledByHand(world)
  // By hand is what the person found right then: the host was not looked at.
  world.gitlab.writeAs('ada', { [host.node]: 0 })
  await world.say({ kind: 'abort' })
  await pass(world, 5 * minutes)
  t.equal(world.gitlab.weights[host.node], 0, 'it is down')
  t.equal(world.gitlab.scheduleActive, false, 'the assigner is last')
  t.match((await world.view()).obligations.find(({ id }) => id === `weight:${host.node}`)?.because, { text: /goes back when gitaly-01\.test is seen healthy/ })
  host.faults.unreachable = false
  await world.until(() => host.serves, 30 * minutes)
  // Watched by the copy, it has booted again since: that is for a person to look at.
  if (at === 'node-healthy') {
    await world.until(() => world.phase(0) === 'failed', minutes)
    t.equal(world.gitlab.weights[host.node], 0)
    await world.say({ kind: 'write-off', node: host.node })
    world.gitlab.writeAs('ada', { [host.node]: 100 })
  }
  await world.until(() => world.state().window.phase === 'closed', 30 * minutes)
  t.equal(world.gitlab.weights[host.node], 100)
  t.equal(world.gitlab.scheduleActive, true)
})

for (const at of ['window-opened', 'window-aborted', 'window-settling', 'window-audited']) {
  void t.test(`a copy of ${at}, put back while a later window has a host down: the assigner stays off until a person has spoken, and is the last to be paid`, async (t) => {
    const world = await planned()
    const copy = copyAt(world, at)
    await world.openWindow()
    if (at !== 'window-opened') {
      await world.until(() => world.gitlab.weights['gitaly-01.test'] === 0)
      await world.say({ kind: 'abort' })
      await world.untilClosed()
      await world.openWindow()
    }
    const host = world.host(0)
    await world.until(() => !host.up)
    host.faults.unreachable = true
    await putBack(world, copy())
    t.match(await world.view(), { label: 'paused', pause: { reasons: [{ code: 'STORE_RESTORED' }] } })
    const before = wrote(world)
    await pass(world, 2 * minutes)
    t.equal(wrote(world), before, 'no person has looked')
    t.equal(world.gitlab.scheduleActive, false)
    t.equal(world.state().window.phase === 'closed', false)
    t.ok((await lost(world)).includes(`found:weight:${host.node}`) || world.state().obligations.get(`weight:${host.node}`)?.status === 'open')
    for (const kind of ['resume', 'abort'] as const) await t.rejects(world.say({ kind }), { code: 'STORE_RESTORED', message: /settles what the restored store had lost/ })
    host.faults.unreachable = false
    await world.clock.runUntil(() => host.serves, 10 * minutes)
    await settledByHand(world)
    await world.say({ kind: at === 'window-settling' ? 'resume' : 'abort' })
    await world.until(() => world.state().window.phase === 'closed', 60 * minutes)
    t.same(world.gitlab.weights, world.initialWeights)
    t.same(world.state().window.audit?.filter(({ code }) => code === 'WEIGHT_CHANGED'), [], 'audited anew')
    t.same(checkHistory(world), [])
  })
}

void t.test('a healthy host, too, gets its weight back only when a person has spoken', async (t) => {
  const world = await opened()
  const copy = copyAt(world, 'node-healthy')
  await world.until(() => world.phase(0) === 'returning')
  const { node } = world.host(0)
  await world.until(() => world.gitlab.weights[node] !== 0)
  await putBack(world, copy())
  world.gitlab.writeAs('ada', { [node]: 0 })
  const before = wrote(world)
  await pass(world, 3 * minutes)
  t.equal(wrote(world), before)
  t.match((await world.view()).nodes.find((each) => each.node === node)?.reasons, [{ code: 'STORE_RESTORED' }])
  await settledByHand(world)
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('the file says another previous value than the copy: both are told, and pitstop writes neither', async (t) => {
  const world = await opened()
  const [first] = world.hosts.values()
  const storage = first?.node ?? ''
  const promise = () => world.state().obligations.get(`weight:${storage}`)
  await world.until(() => promise()?.status === 'open' && world.gitlab.weights[storage] === 0)
  const copy = world.store.copy()
  world.host(0).faults.vetoes = [reason('DPKG_LOCKED', 'somebody else installs')]
  await world.until(() => promise()?.status === 'paid')
  // For good: its disk is nearly full.
  world.gitlab.writeAs('bob', { [storage]: 40 })
  world.host(0).faults = {}
  await pass(world, 10_000)
  await world.say({ kind: 'retry', node: storage })
  await world.until(() => promise()?.status === 'open' && world.gitlab.weights[storage] === 0)
  t.equal(promise()?.previous, 40)
  await putBack(world, copy)
  const found = (await world.settle(world.coordinator.lostPromises())).find(({ id }) => id === `found:weight:${storage}`)
  t.match(found, { previous: 40, text: /with 40, and the restored journal has 100: pitstop writes neither/ })
  t.match(promise(), { status: 'superseded', text: /says that it was 100, .* that it was 40: a person puts it back/ })
  t.match(world.breakGlass, /# weight:gitaly-01\.test: weight of gitaly-01\.test was 40/)
  t.notMatch(world.breakGlass, /was 100/)
  await pass(world, minutes)
  t.equal(world.gitlab.weights[storage], 0)
  await settledByHand(world)
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  t.equal(world.gitlab.weights[storage], 40)
  t.same(checkHistory(world), [])
})

void t.test('a weight that is 0 for no reason is told also when GitLab could not be read at the restore: before a person\'s word counts it is read', async (t) => {
  const world = await opened()
  await world.until(() => world.has('window-rolling'))
  const copy = world.store.copy()
  const { node } = world.host(0)
  await world.until(() => world.gitlab.weights[node] === 0)
  world.kill()
  // Another machine: neither memory nor file; the agents alone know.
  world.memories?.clear()
  world.glass.clear()
  world.putBackStore(copy)
  world.gitlab.faults.readGoes = () => 'error'
  await world.boot()
  t.match((await world.view()).pause?.reasons.at(-1), { text: /GitLab could not be read/ })
  await t.rejects(world.say({ kind: 'abort' }), { code: 'STORE_RESTORED', message: /may still land/ })
  await pass(world, minutes)
  await t.rejects(world.say({ kind: 'abort' }), { code: 'STORE_RESTORED', message: /GitLab cannot be held against the restored journal/ })
  world.gitlab.faults.readGoes = () => 'well'
  t.same(await lost(world), [])
  await t.rejects(world.say({ kind: 'abort' }), { code: 'STORE_RESTORED', message: new RegExp(`found:weight:${node}`) })
  t.match(world.breakGlass, new RegExp(`# weight:${node}: `))
  await settledByHand(world)
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('GitLab that fails for a moment is read again: what is 0 for no reason is told at once', async (t) => {
  const world = await opened()
  await world.until(() => world.has('window-rolling'))
  const copy = world.store.copy()
  const { node } = world.host(0)
  await world.until(() => world.gitlab.weights[node] === 0)
  world.kill()
  world.glass.clear()
  world.putBackStore(copy)
  const wellAt = world.clock.now() + 1500
  world.gitlab.faults.readGoes = () => world.clock.now() < wellAt ? 'error' : 'well'
  await world.boot()
  t.ok((await lost(world)).includes(`found:weight:${node}`))
})

void t.test('a backup of before the opening on a new machine: the weights of hosts that have orders of the lost window are told, and no window is opened over them', async (t) => {
  const world = await planned()
  const copy = world.store.copy()
  await world.openWindow()
  const host = world.host(0)
  await world.until(() => world.phase(0) === 'down')
  await world.until(() => host.serves && host.up, 3 * minutes)
  t.equal(world.gitlab.weights[host.node], 0)
  world.kill()
  world.memories?.clear()
  world.glass.clear()
  world.putBackStore(copy)
  await world.boot()
  const id = `found:weight:${host.node}`
  t.match((await world.settle(world.coordinator.lostPromises())).find((each) => each.id === id), { previous: false, text: /has .*upgrade .*of which the restored journal does not know; what its weight was, no journal says any more/, payByHand: /^export WEIGHT=''; / })
  world.gitlab.setScheduleAs('ada', true)
  await t.rejects(world.openWindow(), { code: 'STORE_RESTORED', message: new RegExp(id) })
  await pass(world, minutes)
  for (const { id: each, kind, subject } of await world.settle(world.coordinator.lostPromises())) {
    if (kind === 'weight') world.gitlab.writeAs('ada', { [subject]: world.initialWeights[subject] ?? 0 })
    await handOver(world, each)
  }
  await world.openWindow()
  await world.untilClosed()
  t.same(world.gitlab.weights, world.initialWeights)
})

void t.test('a write of the lost window lands after the restore, between windows: before one is opened it is told', async (t) => {
  const world = await planned()
  const copy = world.store.copy()
  await world.openWindow()
  const { node } = world.host(0)
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
  await settledByHand(world)
  await t.rejects(world.openWindow(), { code: 'STORE_RESTORED', message: new RegExp(`found:weight:${node}`) })
})

void t.test('put back a second time while it awaits a person: what was seen healthy in between is doubted again', async (t) => {
  const world = await opened()
  const host = world.host(0)
  const { node } = host
  await world.until(() => !host.up)
  const first = world.store.copy()
  await pass(world, 5000)
  await putBack(world, first)
  await world.until(() => world.phase(0) === 'returning', 10 * minutes)
  const second = world.store.copy()
  t.equal(world.state().obligations.get(`weight:${node}`)?.status, 'open')
  await pass(world, minutes)
  await settledByHand(world)
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  const plan = world.plan
  await world.makePlan()
  await world.openWindow()
  host.faults.boot = 'never'
  await world.until(() => !host.up, 20 * minutes)
  host.faults.unreachable = true
  world.plan = plan
  await putBack(world, second)
  t.match(world.state().window.pause?.reasons, [{ code: 'STORE_RESTORED' }])
  await pass(world, 2 * minutes)
  for (const { id, kind, subject, previous } of await world.settle(world.coordinator.lostPromises())) {
    if (kind === 'weight' && subject !== node) world.gitlab.writeAs('ada', { [subject]: Number(previous) })
    await handOver(world, id)
  }
  await world.say({ kind: 'resume' })
  await pass(world, 5 * minutes)
  t.equal(world.gitlab.weights[node], 0, 'it is down')
})

void t.test('a lost weight is not handed over while a write of the lost time may still land: behind that it would be told to nobody', async (t) => {
  const world = await opened()
  await world.until(() => world.has('window-rolling'))
  const copy = world.store.copy()
  const { node } = world.host(0)
  await world.until(() => world.gitlab.weights[node] === 0)
  await putBack(world, copy)
  world.gitlab.writeAs('ada', { [node]: 100 })
  await t.rejects(handOver(world, `found:weight:${node}`), { code: 'STORE_RESTORED', message: /may still land/, hint: /^look again in \d+s, then say it again$/ })
  await pass(world, 5000)
  world.gitlab.writeAs('pitstop', { [node]: 0 })
  await pass(world, minutes)
  t.ok((await lost(world)).includes(`found:weight:${node}`))
  await settledByHand(world)
  await world.say({ kind: 'abort' })
  await world.untilClosed()
  t.same(world.gitlab.weights, world.initialWeights)
})
