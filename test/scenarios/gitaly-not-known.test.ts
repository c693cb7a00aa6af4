// For a moment an agent cannot tell whether its Gitaly runs. That is not "down", and not "runs" either: nothing is concluded from it,
// whatever became of the order, and the host is asked again. What is heard goes the way of the wire, status left out.
import { toHost } from '@pitstop/coordinator/adapters/agents/wire-answers'
import { AgentService, type wire } from '@pitstop/proto'
import { reason } from '@pitstop/shared/fault'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { World, minutes } from '../world/world.ts'
import { allDone } from './all-done.ts'

const heard = (services: wire.ServiceState[]): ReturnType<typeof toHost> => toHost(AgentService.service.Describe.responseDeserialize(AgentService.service.Describe.responseSerialize({ services })), 0)
const unread = reason('HEALTH_UNKNOWN', 'gitlab-ctl status gave no answer in time')

interface Unknown { readonly end: () => void }

type Ends = 'goes well' | 'is refused' | 'is refused as it fires'

/** How Gitaly of the first host is goes unknown as an order of this step is given to it. Who refuses names that. */
async function unknownFrom(step: 'stage' | 'upgrade' | 'reboot', ends: Ends): Promise<{ readonly world: World, readonly unknown: Unknown }> {
  const world = await World.opened({ nodes: 3, policy: { groupSize: 1, prepareAhead: 1, rebootDelayMs: 10_000 } })
  const host = world.host(0)
  const facts = host.facts.bind(host)
  const order = host.agent.order.bind(host.agent)
  let isUnknown = false
  let begun = false
  host.facts = () => {
    const { gitalyPid, gitalyRuns } = heard([])
    return { ...facts(), ...isUnknown ? { gitalyPid, gitalyRuns } : {} }
  }
  host.agent.order = async (payload) => {
    if (payload.order.step === step && !begun) {
      begun = isUnknown = true
      if (ends === 'is refused') host.faults.vetoes = [unread]
      if (ends === 'is refused as it fires') host.faults.firingVeto = unread
    }
    return order(payload)
  }
  await world.until(() => begun)
  return { world, unknown: { end: () => { isUnknown = false; delete host.faults.vetoes } } }
}

void t.test('what an agent did not read, or not understand, says neither that Gitaly runs nor that it is down', async (t) => {
  const gitaly = (state: wire.ServiceState['state'] & string, name = 'gitaly'): boolean | null => heard([{ name, state, pid: 7 }]).gitalyRuns
  t.equal(heard([]).gitalyRuns, null)
  t.equal(gitaly('SERVICE_RUN_STATE_RUN', 'praefect'), null)
  for (const state of ['SERVICE_RUN_STATE_UNSPECIFIED', 'SERVICE_RUN_STATE_UNKNOWN'] as const) t.equal(gitaly(state), null, state)
  for (const state of ['SERVICE_RUN_STATE_DOWN', 'SERVICE_RUN_STATE_FINISH', 'SERVICE_RUN_STATE_UNSUPERVISED'] as const) t.equal(gitaly(state), false, state)
  t.equal(gitaly('SERVICE_RUN_STATE_RUN'), true)
})

for (const [step, ends] of [['stage', 'goes well'], ['stage', 'is refused'], ['upgrade', 'goes well'], ['upgrade', 'is refused'], ['reboot', 'is refused'], ['reboot', 'is refused as it fires']] as const) {
  const what = `${step} ${ends} and how Gitaly is is not known`
  void t.test(`${what} for a moment: nobody is failed`, async (t) => {
    const { world, unknown } = await unknownFrom(step, ends)
    await world.clock.runUntil(() => false, 40_000)
    t.match(world.phase(0), step === 'reboot' ? /^(?:down|prepared)$/ : 'preparing', 'nothing is concluded')
    unknown.end()
    await world.untilClosed()
    t.notOk(world.has('window-halted'))
    // A refusal ahead of taking it in is not kept by the agent: the order is given again. One that was taken in is spent.
    if (ends === 'is refused as it fires') t.equal(world.phase(0), 'pending-reboot')
    else t.ok(allDone(world))
    t.same(checkHistory(world), [])
  })

  void t.test(`${what}, and it was down: its node takes a slot`, async (t) => {
    const { world, unknown } = await unknownFrom(step, ends)
    await world.clock.runUntil(() => false, 5000)
    world.host(0).restartGitaly(Infinity)
    unknown.end()
    await world.until(() => world.phase(0) === 'failed')
    t.ok(world.node(0).holdsSlot)
    t.ok(world.has('window-halted'))
    t.same(checkHistory(world), [])
  })
}

void t.test('how Gitaly is is never known again: past the deadline its node is overdue, and it is said why', async (t) => {
  const { world } = await unknownFrom('stage', 'is refused')
  await world.until(() => world.node(0).overdue, 20 * minutes)
  t.match(world.node(0).reasons, [{ code: 'OVERDUE' }, { text: /whether its Gitaly runs is not known/ }])
  t.ok(world.has('window-halted'))
  t.same(checkHistory(world), [])
})
