// What happens when a node does not come back as it should: who is held, who goes on, and what a person can do.
import t from 'tap'
import { reason } from '@pitstop/shared/fault'
import { checkHistory } from '../world/check-history.ts'
import { story } from '../world/story.ts'
import { World, minutes } from '../world/world.ts'

const phases = (world: World): string => [...world.hosts.keys()].map((_, index) => world.phase(index)).join(' ')

void t.test('a start-up error halts the window; the node keeps its slot and its weight 0; a retry that ends healthy lets the rest go', async (t) => {
  const world = await World.opened()
  world.host(1).faults.boot = 'startup-error'
  await world.until(() => world.has('window-halted'))
  t.equal(world.phase(1), 'failed')
  t.equal(world.node(1).holdsSlot, true)
  t.equal(world.gitlab.weights['gitaly-02.test'], 0)
  t.match(world.node(1).reasons[0], { code: 'STARTUP_ERROR' })
  await world.clock.runUntil(() => false, 20 * minutes)
  t.not(world.phase(3), 'done', 'nothing new starts while halted')
  t.not(world.phase(3), 'down')
  await t.rejects(world.say({ kind: 'resume' }), { code: 'BUDGET_SPENT' }, 'the budget is spent until the node is settled')
  await world.say({ kind: 'retry', node: 'gitaly-02.test', mode: 'reboot' })
  await world.until(() => world.phase(1) === 'returning' || world.phase(1) === 'done')
  t.equal((await world.view()).label, 'halted', 'a halt is sticky until a person resumes')
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
  t.matchSnapshot(story(world.events(), world.start), 'the story of a halt and a retry')
})

void t.test('judging again after a person mended the host needs no second reboot', async (t) => {
  const world = await World.opened()
  world.host(1).faults.boot = 'startup-error'
  await world.until(() => world.phase(1) === 'failed')
  await world.say({ kind: 'retry', node: 'gitaly-02.test' })
  await world.until(() => world.phase(1) === 'returning')
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.equal(world.history.happenings.filter((each) => each.what === 'booted' && each.node === 'gitaly-02.test').length, 1)
  t.same(checkHistory(world), [])
})

void t.test('a host that never comes back is overdue, not concluded: slot and weight stay, idle nodes are not touched', async (t) => {
  const world = await World.opened()
  world.host(1).faults.boot = 'never'
  await world.until(() => world.has('window-halted'))
  t.equal(world.node(1).overdue, true)
  t.equal(world.phase(1), 'down')
  t.equal(world.node(1).holdsSlot, true)
  t.equal(world.gitlab.weights['gitaly-02.test'], 0)
  t.match((await world.view()).halt?.reasons, [{ code: 'BUDGET_SPENT' }, { code: 'OVERDUE' }])
  await t.test('the late truth corrects it', async (t) => {
    world.host(1).faults = {}
    world.host(1).powerOn([...world.host(1).orders.keys()].find((id) => id.startsWith('reboot')) ?? null)
    await world.until(() => world.phase(1) === 'done')
    t.equal(world.node(1).overdue, false)
    await world.say({ kind: 'resume' })
    await world.untilClosed()
    t.equal(phases(world), 'done done done done')
    t.same(checkHistory(world), [])
  })
})

void t.test('a written-off node frees its slot, keeps the budget spent and names who took over the weight', async (t) => {
  const world = await World.opened()
  world.host(1).faults.boot = 'never'
  await world.until(() => world.has('window-halted'))
  await world.say({ kind: 'write-off', node: 'gitaly-02.test' })
  t.equal(world.node(1).holdsSlot, false)
  await t.rejects(world.say({ kind: 'resume' }), { code: 'BUDGET_SPENT' })
  await world.say({ kind: 'resume', raiseBudgetBy: 1 })
  await world.untilClosed()
  t.equal(phases(world), 'done written-off done done')
  const view = await world.view()
  t.match(view.audit, [{ code: 'WEIGHT_CHANGED', text: /gitaly-02\.test: 99 at opening, 0 now \(ada took over/ }])
  t.same(checkHistory(world), [])
})

void t.test('a failed upgrade is failed: weight 0, no slot, no reboot', async (t) => {
  const world = await World.opened()
  world.host(1).faults.upgrade = 'fails'
  await world.until(() => world.has('window-halted'))
  t.equal(world.phase(1), 'failed')
  t.equal(world.node(1).holdsSlot, false)
  t.equal(world.gitlab.weights['gitaly-02.test'], 0)
  await world.say({ kind: 'retry', node: 'gitaly-02.test' })
  await world.until(() => world.phase(1) === 'returning')
  t.not(world.phase(3), 'done', 'the node asked for goes alone through the halt that it caused')
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('a node under retry counts as failed until it is healthy: resume does not go round the budget', async (t) => {
  const world = await World.opened({ nodes: 6 })
  world.host(1).faults.boot = 'startup-error'
  await world.until(() => world.phase(1) === 'failed')
  world.host(1).faults.boot = 'never'
  await world.say({ kind: 'retry', node: 'gitaly-02.test', mode: 'reboot' })
  await world.until(() => !world.host(1).up)
  await t.rejects(world.say({ kind: 'resume' }), { code: 'BUDGET_SPENT' })
  t.same(checkHistory(world), [])
})

void t.test('an overdue node does not keep the window open past closing time; its debts do', async (t) => {
  const world = await World.opened({ closesInMs: 15 * minutes })
  world.host(1).faults.boot = 'never'
  await world.until(() => world.has('window-halted'))
  await world.until(() => world.has('window-settling'), 30 * minutes)
  t.ok(world.clock.now() <= world.plan.plan.closesAt + minutes)
  const view = await world.view()
  t.same(view.obligations.filter(({ status }) => status === 'open').map(({ id }) => id).sort(), ['assigner', 'weight:gitaly-02.test'])
  world.host(1).faults = {}
  world.host(1).powerOn([...world.host(1).orders.keys()].find((id) => id.startsWith('reboot')) ?? null)
  await world.untilClosed()
  t.equal(world.phase(1), 'done', 'the late truth pays the debts')
  t.equal(world.gitlab.weights['gitaly-02.test'], 99)
  t.same(checkHistory(world), [])
})

void t.test('a Gitaly that restarts under apt takes a slot and counts as failed', async (t) => {
  const world = await World.opened()
  world.host(1).faults.upgrade = 'restarts-gitaly'
  await world.until(() => world.has('window-halted'))
  t.equal(world.node(1).holdsSlot, true)
  t.match(world.node(1).reasons[0], { code: 'SERVICE_UNHEALTHY' })
  world.host(1).faults = {}
  await world.say({ kind: 'retry', node: 'gitaly-02.test' })
  await world.until(() => world.phase(1) === 'prepared')
  t.equal(world.node(1).holdsSlot, false, 'healthy again, the slot is free')
  await world.say({ kind: 'resume', raiseBudgetBy: 1 })
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('a veto postpones the node, restores its weight and does not count as failed', async (t) => {
  const world = await World.opened()
  world.host(1).faults.vetoes = [reason('DPKG_BROKEN', 'dpkg is half-way')]
  await world.untilClosed()
  t.equal(phases(world), 'done postponed done done')
  t.equal(world.has('window-halted'), false)
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('a veto after the upgrade leaves "pending reboot", never "done"', async (t) => {
  const world = await World.opened()
  await world.until(() => world.phase(1) === 'prepared')
  world.host(1).faults.vetoes = [reason('HOST_DISABLED', '/etc/pitstop/disabled exists')]
  await world.untilClosed()
  t.equal(phases(world), 'done pending-reboot done done')
  t.same(world.gitlab.weights, world.initialWeights)
  t.same(checkHistory(world), [])
})

void t.test('a relapse during the watch halts before more nodes follow', async (t) => {
  const world = await World.opened({ nodes: 6 })
  world.host(0).faults.relapseAfterMs = 40_000
  await world.until(() => world.has('window-halted'))
  t.equal(world.phase(0), 'failed')
  t.equal(world.node(0).holdsSlot, true)
  t.match(world.node(0).reasons, [{ code: 'RELAPSED' }, { code: 'STARTUP_ERROR' }])
  await world.until(() => world.gitlab.weights['gitaly-01.test'] === 0, minutes)
  t.match((await world.view()).obligations.find(({ id }) => id === 'weight:gitaly-01.test'), { status: 'open', previous: 100 }, 'promised anew, and 0')
  world.host(0).faults = {}
  await world.say({ kind: 'retry', node: 'gitaly-01.test' })
  await world.until(() => world.phase(0) === 'done')
  t.equal(world.gitlab.weights['gitaly-01.test'], 100)
  t.same(checkHistory(world), [])
})

void t.test('a second boot after ours is unhealthy', async (t) => {
  const world = await World.opened()
  world.host(1).faults.boot = 'again'
  await world.until(() => world.has('window-halted'))
  t.match(world.node(1).reasons[0], { code: 'REBOOTED_AGAIN' })
  t.equal(world.node(1).holdsSlot, true)
  t.same(checkHistory(world), [])
})

void t.test('when idle nodes are unreachable too, the coordinator is blind: it pauses and blames nobody', async (t) => {
  const world = await World.opened({ nodes: 6 })
  await world.until(() => world.phase(0) === 'down')
  for (const host of world.hosts.values()) host.faults.unreachable = true
  await world.until(() => world.has('window-paused') || world.has('window-halted'))
  t.equal(world.has('window-halted'), false)
  t.match((await world.view()).pause?.reasons, [{ code: 'BLIND' }])
  t.equal((await world.view()).failures, 0)
  for (const host of world.hosts.values()) host.faults = {}
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('two nodes that fail together both keep their slots; the weights of the others are untouched', async (t) => {
  const world = await World.opened({ nodes: 5 })
  world.host(1).faults.boot = 'never'
  world.host(2).faults.boot = 'startup-error'
  await world.until(() => world.node(1).overdue && world.phase(2) === 'failed')
  t.equal((await world.view()).slotsTaken, 2)
  await world.say({ kind: 'resume', raiseBudgetBy: 2 })
  await world.clock.runUntil(() => false, 30 * minutes)
  t.not(world.phase(3), 'down', 'a raised budget makes no slots')
  await world.say({ kind: 'abort' })
  await world.until(() => (world.events().some(({ event }) => event.type === 'window-settling')))
  await world.clock.runUntil(() => false, 5 * minutes)
  const view = await world.view()
  t.equal(view.phase, 'settling', 'debts keep the window open')
  t.same(view.obligations.filter(({ status }) => status === 'open').map(({ id }) => id).sort(), ['assigner', 'weight:gitaly-02.test', 'weight:gitaly-03.test'])
  t.match(world.breakGlass, /curl .*gitaly-02\.test.*99/)
  t.match(world.breakGlass, /pipeline_schedules\/7\?active=true/)
  await world.say({ kind: 'write-off', node: 'gitaly-02.test' })
  await world.say({ kind: 'write-off', node: 'gitaly-03.test' })
  await world.untilClosed()
  t.equal(world.gitlab.scheduleActive, true, 'the assigner comes back last')
  t.same(checkHistory(world), [])
})

void t.test('whatever a window that settles says of a failed node ends with what to type, and that is taken; nothing sends from one view to the next', async (t) => {
  const world = await World.opened({ nodes: 3, policy: { groupSize: 2 } })
  world.host(0).faults.upgrade = 'fails'
  world.host(1).faults.boot = 'startup-error'
  await world.until(() => world.has('window-halted'))
  t.match((await world.view()).halt?.reasons, [{ code: 'BUDGET_SPENT' }, { code: 'APT_FAILED', hint: /pitstop node retry gitaly-01\.test --reason/ }])
  await world.say({ kind: 'resume', raiseBudgetBy: 2 })
  await world.until(() => world.phase(1) === 'failed' && world.events().some(({ event }) => event.type === 'window-settling'))
  await world.clock.runUntil(() => false, minutes)
  const hints = async (): Promise<string[]> => {
    const view = await world.view()
    return [...view.gates, ...view.reasons, ...view.nodes.flatMap(({ reasons }) => reasons), ...view.obligations.flatMap(({ because }) => (because === null ? [] : [because]))].map(({ hint }) => hint)
  }
  t.match((await world.view()).reasons, [{ text: /promises are not paid yet/, hint: 'see pitstop obligations' }])
  t.match((await world.view()).obligations.map(({ because }) => because?.hint ?? ''), ['nothing to do for the assigner itself: settle the weights', /^kept by you: pitstop node write-off gitaly-01\.test --reason "…"; or pitstop obligations hand-over weight:gitaly-01\.test --reason "…"$/, /^mended: pitstop node retry gitaly-02\.test --reason "…"; kept by you: pitstop node write-off gitaly-02\.test/, ''])
  await t.rejects(world.say({ kind: 'retry', node: 'gitaly-01.test' }), { code: 'NOT_NOW' })
  for (const hint of await hints()) t.notMatch(hint, /window show|pitstop why|\bNODE\b/, hint)
  await t.rejects(world.say({ kind: 'abort' }), { code: 'NOT_NOW' }, 'so nobody is sent there')
  await world.say({ kind: 'retry', node: 'gitaly-02.test', mode: 'recheck' })
  world.host(1).mend()
  await world.until(() => world.phase(1) === 'done')
  await world.say({ kind: 'hand-over', obligation: 'weight:gitaly-01.test' })
  await world.untilClosed()
  t.same(checkHistory(world), [])
})

void t.test('paused on top of a halt: the pause is lifted first and the halt stays; no reboot is ordered while paused', async (t) => {
  const world = await World.opened()
  world.host(1).faults.boot = 'startup-error'
  await world.until(() => world.phase(1) === 'failed')
  await world.say({ kind: 'pause' })
  await t.rejects(world.say({ kind: 'retry', node: 'gitaly-02.test', mode: 'reboot' }), { code: 'NOT_NOW', message: /paused by ada/ })
  t.match(world.node(1).reasons, [{ code: 'STARTUP_ERROR' }], 'the cause stays named')
  await world.say({ kind: 'resume' })
  t.equal((await world.view()).label, 'halted')
  await world.say({ kind: 'retry', node: 'gitaly-02.test', mode: 'reboot' })
  await world.until(() => world.phase(1) === 'returning')
  await world.say({ kind: 'resume' })
  await world.untilClosed()
  t.equal(phases(world), 'done done done done')
  t.same(checkHistory(world), [])
})

void t.test('a plan of which nothing is left opens no other window', async (t) => {
  const world = await World.opened({ policy: { groupSize: 1, prepareAhead: 1 } })
  await world.until(() => world.phase(0) === 'preparing')
  await world.say({ kind: 'skip', node: 'gitaly-04.test' })
  await world.untilClosed()
  t.equal(phases(world), 'done done done skipped')
  await t.rejects(world.openWindow(), { code: 'NOT_NOW', message: /^nothing is left to do in plan [0-9a-f]{12} after window 1: 3 done, 1 skipped$/, hint: /pitstop plan create/ })
  t.equal(world.events().filter(({ event }) => event.type === 'window-opened').length, 1)
  t.same(checkHistory(world), [])
})

void t.test('a plan in which not even one node fits does not open', async (t) => {
  const world = new World({ closesInMs: 3 * minutes })
  await world.boot()
  await world.makePlan()
  await t.rejects(world.openWindow(), { code: 'PREFLIGHT_FAILED', reasons: [{ code: 'DOES_NOT_FIT' }] })
  t.equal(world.gitlab.scheduleActive, true)
})
