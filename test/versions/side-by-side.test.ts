// Agents of the previous release beside those of this one: a whole window with answers that lack every newer field, by
// way of real bytes. And those that speak another protocol are refused by name, at planning and at opening.
import { AgentService, protocolRange, type wire } from '@pitstop/proto'
import { toHost, toOrder, toVerdict } from '@pitstop/coordinator/adapters/agents/wire-answers'
import type { HostView, OrderView, Verdict } from '@pitstop/coordinator/domain/observed'
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { type Call, SteadyTransit } from '../world/network.ts'
import type { SimulatedHost } from '../world/simulated-host.ts'
import { World } from '../world/world.ts'

type Range = HostView['protocol']

const statuses = {
  'accepted': 'ORDER_STATUS_ACCEPTED', 'running': 'ORDER_STATUS_RUNNING', 'succeeded': 'ORDER_STATUS_SUCCEEDED', 'failed': 'ORDER_STATUS_FAILED',
  'vetoed': 'ORDER_STATUS_VETOED', 'cancelled': 'ORDER_STATUS_CANCELLED', 'in-doubt': 'ORDER_STATUS_IN_DOUBT', 'absent': 'ORDER_STATUS_UNSPECIFIED', 'unknown': 'ORDER_STATUS_UNSPECIFIED'
} as const
const health = { healthy: 'HEALTH_STATUS_HEALTHY', unhealthy: 'HEALTH_STATUS_UNHEALTHY', unknown: 'HEALTH_STATUS_UNKNOWN' } as const

/** An order as 0.1.0 told it: what it did not have is not sent. */
const oldOrder = (order: OrderView): wire.OrderState => ({
  id: order.id, status: statuses[order.status], reasons: [...order.reasons], notes: [...order.notes], reboot_required: order.rebootRequired, gitaly_stop_begun_at_ms: order.gitalyStoppedAt,
  changes: order.changes.map(({ name, from, to, security }) => ({ name, from_version: from, to_version: to, security }))
})

function oldHost(view: HostView, node: string, speaks: Range): HostView {
  const [os = '', version = '', architecture = ''] = view.platform.split('-')
  const said = AgentService.service.Describe.responseSerialize({
    fleet: 'lab', node, agent_version: '0.1.0', protocol_min: speaks.min, protocol_max: speaks.max, os_id: os, os_version: version, architecture, boot_id: view.bootId, now_ms: 1_000_000,
    services: [{ name: 'gitaly', state: view.gitalyRuns === true ? 'SERVICE_RUN_STATE_RUN' : 'SERVICE_RUN_STATE_DOWN', pid: view.gitalyPid }],
    reboot_required: view.rebootRequired, orders: view.orders.map(oldOrder), highest_epoch: view.highestEpoch, vetoes: [...view.vetoes], requests_in_flight: -1,
    ...view.currentOrder === null ? {} : { current_order: { id: view.currentOrder } }
  })
  return { ...toHost(AgentService.service.Describe.responseDeserialize(said), 1_000_000), clockOffsetMs: view.clockOffsetMs }
}

/** Evidence of the boot and of Gitaly alone: "packages" and "hooks" came later. */
function oldVerdict(verdict: Verdict): Verdict {
  const said = AgentService.service.Health.responseSerialize({ verdict: {
    status: health[verdict.status], boot_id: verdict.bootId, reasons: [...verdict.reasons], healthy_for_ms: verdict.healthyForMs, gitaly_pid: verdict.gitalyPid, serving_since_ms: verdict.servingSince,
    boots_since_order: verdict.bootsSinceOrder, gitaly_stop_begun_at_ms: verdict.stoppedAt,
    evidence: verdict.evidence.filter(({ check }) => check !== 'packages' && check !== 'hooks').map(({ check, status, text }) => ({ check, text, status: health[status] }))
  } })
  const heard = AgentService.service.Health.responseDeserialize(said).verdict
  if (heard === null) throw new TypeError('no verdict')
  return toVerdict(heard)
}

class OldWire extends SteadyTransit {
  /** Which hosts have the agent of the previous release, and what it says it speaks. */
  readonly speaks = new Map<string, Range>()

  override async call<T>(host: SimulatedHost, call: Call, deliver: () => T | Promise<T>): Promise<T> {
    const answer = await super.call(host, call, deliver)
    const speaks = this.speaks.get(host.node)
    if (speaks === undefined || typeof answer !== 'object' || answer === null) return answer
    if ('evidence' in answer) return oldVerdict(answer as unknown as Verdict) as T
    if ('protocol' in answer) return oldHost(answer as unknown as HostView, host.node, speaks) as T
    if ('gitalyStoppedAt' in answer) {
      const { id } = answer as unknown as OrderView
      const bytes = AgentService.service.ScheduleReboot.responseSerialize({ state: oldOrder(answer as unknown as OrderView) })
      const { state } = AgentService.service.ScheduleReboot.responseDeserialize(bytes)
      return (state === null ? { ...answer, id } : toOrder(state)) as T
    }
    return answer
  }
}

function mixed(speaks: readonly (Range | undefined)[]): World {
  const world = new World({ nodes: speaks.length, policy: { assigner: 'pause' } })
  const wire = new OldWire(world.clock)
  const names = [...world.hosts.keys()]
  for (const [index, range] of speaks.entries()) if (range !== undefined) wire.speaks.set(names[index] ?? '', range)
  world.transit = wire
  return world
}

void t.test('a window goes through with agents of the previous release beside those of this one', async (t) => {
  const previous: Range = { min: 1, max: 1 }
  const world = mixed([previous, undefined, previous, { min: protocolRange.min, max: protocolRange.max + 1 }])
  await world.boot()
  await world.makePlan()
  t.same(world.plan.plan.excluded, [])
  await world.openWindow()
  await world.untilClosed()
  t.same([...world.hosts.keys()].map((_name, index) => world.phase(index)), ['done', 'done', 'done', 'done'])
  t.same(checkHistory(world.evidence()), [])
})

void t.test('an agent that is too old or too new is left out of the plan by name', async (t) => {
  const world = mixed([{ min: 0, max: 0 }, undefined, { min: protocolRange.max + 1, max: protocolRange.max + 3 }])
  await world.boot()
  await world.makePlan()
  t.match(world.plan.plan.nodes.map(({ node }) => node), ['gitaly-02.test'])
  t.match(world.plan.plan.excluded, [
    { node: 'gitaly-01.test', reasons: [{ code: 'AGENT_PROTOCOL', text: /gitaly-01\.test speaks protocol 0 to 0, this coordinator 1 to/ }] },
    { node: 'gitaly-03.test', reasons: [{ code: 'AGENT_PROTOCOL', text: /gitaly-03\.test speaks protocol/ }] }
  ])
})

void t.test('an agent that was replaced after the plan was made keeps the window shut, by name', async (t) => {
  const world = mixed([undefined, undefined, undefined])
  await world.boot()
  await world.makePlan()
  const wire = world.transit as OldWire
  wire.speaks.set('gitaly-02.test', { min: 7, max: 9 })
  const refused = await world.openWindow().catch((error: unknown) => error)
  t.match(refused, { code: 'PREFLIGHT_FAILED', message: /gitaly-02\.test speaks protocol 7 to 9/, reasons: [{ code: 'AGENT_PROTOCOL', hint: /install the pitstop-agent of this release on gitaly-02\.test/ }] })
  t.notOk(world.has('window-opened'))
})
