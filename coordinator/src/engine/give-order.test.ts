// A host may take seconds to be reached. Whether an order may leave is looked at when it can leave, not before that.
import { Fault } from '@pitstop/shared/fault'
import type { FaultCode } from '@pitstop/shared/fault-table'
import t from 'tap'
import type { Event, Recorded } from '../domain/event.ts'
import { fold } from '../domain/fold.ts'
import { type Observed, nothingNoted, nothingObserved } from '../domain/observed.ts'
import { type Policy, sealPlan } from '../domain/plan.ts'
import type { Agents, GitLab, Store } from '../ports.ts'
import { giveOrder } from './agent-effects.ts'
import type { Hands } from './hands.ts'
import { Journal } from './journal.ts'

const stored = sealPlan({ version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 1e9, excluded: [], estimateMs: 0, policy: { groupSize: 1, deadlines: {} } as Policy, nodes: [{ node: 'a', address: 'a:1', gitaly: '', storages: ['a'], zone: 'z', platform: 'p' }] })
const past: readonly Event[] = [
  { type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: 1e9, weights: { a: 5 }, assignerActive: null }, { type: 'window-rolling' }, { type: 'node-admitted', node: 'a' }, { type: 'slot-taken', node: 'a' }
]
const order = { id: 'reboot-1', step: 'reboot', node: 'a', attempt: 1, notBefore: 0, notAfter: 20_000, manifestHash: '', bootId: 'b1' } as const

/** @param meanwhile what happens while the host is being reached. @returns the orders that left, and how it ended. */
async function given(meanwhile: (journal: Journal, freeze: () => void) => void | Promise<void>, { guard = () => undefined, refusal = null }: { readonly guard?: () => void, readonly refusal?: FaultCode | null } = {}): Promise<{ readonly left: string[], readonly code: string, readonly noted?: string }> {
  const left: string[] = []
  const noted = nothingNoted()
  let observed: Observed = nothingObserved(1, noted)
  const clock = { now: () => 0, monotonic: () => 0, after: () => () => undefined }
  const append: Store['append'] = async (epoch, _stream, at, events) => events.map((event, index) => ({ seq: past.length + 1 + index, at, epoch, event }))
  const journal = new Journal({ store: { append } as unknown as Store, clock, writeBreakGlass: async () => undefined }, fold(stored, past.map((event, index): Recorded<Event> => ({ seq: index + 1, at: 0, epoch: 1, event }))), 1)
  const agents: Pick<Agents, 'reach' | 'order'> = {
    reach: async () => { await meanwhile(journal, () => { observed = { ...observed, frozen: { by: 'ada', reason: 'r' } } }) },
    order: async (_node, payload) => {
      left.push(payload.order.id)
      if (refusal !== null) throw new Fault(refusal, 'says its agent')
      return { id: payload.order.id, status: 'running', reasons: [], changes: [], notes: [], rebootRequired: false, gitalyStoppedAt: 0 }
    }
  }
  const hands: Hands = {
    journal, agents: agents as Agents, alerts: null, clock, gitlab: {} as GitLab, guard, landsWithinMs: 1, lost: { mayLandUntil: 0 }, takenOver: () => new Map(), noted,
    observed: () => observed, observe: (change) => { observed = { ...observed, ...change } }
  }
  const code = await giveOrder(hands, { kind: 'order', order, intent: [] }, journal.state).then(() => '', (error: unknown) => (error instanceof Fault ? error.code : String(error)))
  const fault = noted.agentFaults.get('a')
  return { left, code, ...fault === undefined ? {} : { noted: fault.reason.code } }
}

void t.test('an order does not leave under a freeze, a halt or without a lease, also when that came while its host was being reached', async (t) => {
  t.same(await given(() => undefined), { left: ['reboot-1'], code: '' })
  t.same(await given((journal) => journal.append(() => [{ type: 'window-halted', reasons: [] }])), { left: [], code: '' }, 'its intent stays in doubt')
  t.same(await given((_journal, freeze) => { freeze() }), { left: [], code: '' }, 'so does this one\'s')
  let lost = false
  t.same(await given(() => { lost = true }, { guard: () => { if (lost) throw new Fault('LEASE_LOST', 'it ended') } }), { left: [], code: 'LEASE_LOST' })
})

void t.test('whatever an agent refuses with is its own trouble and noted of its node, except that our epoch is over', async (t) => {
  for (const refusal of ['AGENT_UNREACHABLE', 'STATE_UNREADABLE', 'INTERNAL', 'LEASE_LOST', 'STORE_UNAVAILABLE'] as const) {
    t.same(await given(() => undefined, { refusal }), { left: ['reboot-1'], code: '', noted: refusal })
  }
  t.same(await given(() => undefined, { refusal: 'STALE_EPOCH' }), { left: ['reboot-1'], code: 'STALE_EPOCH' })
})
