// What the check of the service asks of a verdict: everything named, and whatever else the agent has to say of the host.
import t from 'tap'
import type { Event, EvidenceItem } from '../domain/event.ts'
import { apply, emptyState } from '../domain/fold.ts'
import { nothingObserved } from '../domain/observed.ts'
import { type Policy, sealPlan } from '../domain/plan.ts'
import { nodeOf } from '../domain/state.ts'
import { checkService } from './check-service.ts'
import type { Next } from './step.ts'

const policy: Policy = {
  groupSize: 1, strictBatches: false, prepareAhead: 1, failureBudget: 1, canaryFirst: false, drain: 'zero-weight', activeStorageFloor: 1, settleMs: 1000, soakMs: 1000, watchMs: 1000,
  rebootDelayMs: 0, reboot: 'always', prepareEstimateMs: 60_000, downEstimateMs: 60_000, allowanceMs: 1000, deadlines: { stageMs: 60_000, upgradeMs: 60_000, returnMs: 60_000 }, assigner: 'pause', livePipelines: 'wait'
}
const stored = sealPlan({ version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 10_000_000, excluded: [], estimateMs: 0, policy, nodes: [{ node: 'a', address: 'a:1', gitaly: '', storages: ['a'], zone: 'z', platform: 'p' }] })
const rebooted: readonly Event[] = [
  { type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: 10_000_000, weights: { a: 5 }, assignerActive: true }, { type: 'window-rolling' },
  { type: 'node-admitted', node: 'a' }, { type: 'node-prepared', node: 'a' }, { type: 'slot-taken', node: 'a' },
  { type: 'step-intended', node: 'a', step: 'reboot', attempt: 1, facts: { orderId: 'reboot-1', notAfter: 5000, bootId: 'b1' } },
  { type: 'step-done', node: 'a', step: 'reboot', attempt: 1, facts: { orderId: 'reboot-1', bootId: 'b2' } }
]
const [node] = stored.plan.nodes

const well = ['boot', 'kernel', 'service', 'grpc', 'storage'].map((check): EvidenceItem => ({ check, status: 'healthy', text: 'ok' }))
const of = (check: string, status: EvidenceItem['status']): EvidenceItem => ({ check, status, text: check })

function checked(evidence: readonly EvidenceItem[]): Next {
  const state = rebooted.reduce((before, event, index) => apply(before, { seq: index + 1, at: index + 1, epoch: 1, event }), emptyState(stored))
  const self = nodeOf(state, 'a')
  const status = evidence.some((item) => item.status === 'unhealthy') ? 'unhealthy' : evidence.some((item) => item.status === 'unknown') ? 'unknown' : 'healthy'
  const verdict = { status, bootId: 'b2', evidence, reasons: [], healthyForMs: 0, gitalyPid: 7, servingSince: 1, bootsSinceOrder: 1, stoppedAt: 1 } as const
  const observed = { ...nothingObserved(1), looks: new Map([['a', { at: 900, seq: state.seq, recheck: self.recheck, verdict, outside: null, fault: null }]]) }
  if (node === undefined) throw new Error('no node')
  return checkService.next({ state, self, node, observed, now: 1000 })
}

void t.test('packages and hooks are judged where the agent speaks of them', async (t) => {
  t.match(checked(well), { events: [{ type: 'step-done', facts: { evidence: { length: 5 } } }] }, 'an agent that says nothing of them')
  t.match(checked([...well, of('packages', 'healthy'), of('hooks', 'healthy')]), { events: [{ type: 'step-done', facts: { evidence: { length: 7 } } }] }, 'in the journal')
  for (const check of ['packages', 'hooks']) {
    t.match(checked([...well, of(check, 'unhealthy')]), { events: [{ type: 'node-failed', step: 'check-service', reasons: [{ text: `${check}: ${check}` }] }] }, check)
    t.notMatch(checked([...well, of(check, 'unknown')]), { events: [{}] }, `${check} still being found out: neither done nor failed`)
  }
})

void t.test('what a release to come may say further is left to the soak, which asks for the whole verdict', async (t) => {
  t.match(checked([...well, of('moon', 'unknown')]), { events: [{ type: 'step-done' }] })
})
