// "Never heard of it" says nothing about later than the question: an answer that was long on its way settles no doubt.
import t from 'tap'
import type { Event, Recorded } from '../domain/event.ts'
import { fold } from '../domain/fold.ts'
import { type HostView, type Observed, nothingNoted, nothingObserved } from '../domain/observed.ts'
import { type Policy, sealPlan } from '../domain/plan.ts'
import { type Agents, type GitLab, type Store, fleetStream } from '../ports.ts'
import { settleOrder } from './agent-effects.ts'
import { Journal } from './journal.ts'

const notAfter = 20_000
const stored = sealPlan({ version: 1, fleet: 'lab', createdAt: 0, createdBy: 'ada', reason: 'r', opensAt: 0, closesAt: 1e9, excluded: [], estimateMs: 0, policy: {} as Policy, nodes: [{ node: 'a', address: 'a:1', gitaly: '', storages: ['a'], zone: 'z', platform: 'p' }] })
const past: readonly Event[] = [
  { type: 'window-opened', window: 1, by: 'ada', reason: 'r', closesAt: 1e9, weights: { a: 5 }, assignerActive: null }, { type: 'window-rolling' }, { type: 'node-admitted', node: 'a' }, { type: 'slot-taken', node: 'a' },
  { type: 'step-intended', node: 'a', step: 'reboot', attempt: 1, facts: { orderId: 'reboot-1', notAfter, bootId: 'b1' } }
]

/** @returns what was journaled when the agent was asked and had answered at these times. */
async function settled(askedAt: number, answeredAt: number): Promise<string[]> {
  let now = askedAt
  const noted = nothingNoted()
  let observed: Observed = nothingObserved(1, noted)
  const told: string[] = []
  const clock = { now: () => now, monotonic: () => now, after: () => () => undefined }
  const host: HostView = { bootId: 'b1', platform: 'p', gitalyPid: 1, gitalyRuns: true, rebootRequired: false, vetoes: [], orders: [], currentOrder: null, highestEpoch: 1, clockOffsetMs: 0, requestsInFlight: 0, pendingUpdates: [], certificateExpiresAt: 0, hooksMs: 0, latestOrder: null, protocol: { min: 1, max: 1 }, promises: [] }
  const append: Store['append'] = async (epoch, stream, at, events) => {
    t.not(stream, fleetStream)
    told.push(...events.map(({ type }) => type))
    return events.map((event, index) => ({ seq: past.length + told.length + index, at, epoch, event }))
  }
  const state = fold(stored, past.map((event, index): Recorded<Event> => ({ seq: index + 1, at: index + 1, epoch: 1, event })))
  const journal = new Journal({ store: { append } as unknown as Store, clock, writeBreakGlass: async () => undefined }, state, 1)
  const agents = { describe: async () => { now = answeredAt; return host } } as unknown as Agents
  await settleOrder({
    journal, agents, alerts: null, clock, gitlab: {} as GitLab, guard: () => undefined, landsWithinMs: 1, lost: { mayLandUntil: 0 }, takenOver: () => new Map(), noted,
    observed: () => observed, observe: (change) => { observed = { ...observed, ...change } }
  }, { kind: 'settle-order', node: 'a', step: 'reboot', orderId: 'reboot-1' })
  return told
}

void t.test('an order of which the agent had not heard is settled only by a question from after its time to begin', async (t) => {
  t.same(await settled(notAfter, notAfter + 4000), [], 'asked in time')
  t.same(await settled(notAfter + 4000, notAfter + 9000), [], 'asked while a host\'s clock may be behind, and answered late')
  t.same(await settled(notAfter + 5001, notAfter + 5002), ['step-ended'])
})
