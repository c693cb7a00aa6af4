// When a promise of the host is paid, and by what it is superseded.
import t from 'tap'
import { nodeDone, orderEnded, type KnownOrder } from './node-done.ts'
import { byHand, inReverse, judgeObligation, type Obligation, supersededBy } from './obligation.ts'
import type { AcceptedOrder, ReadyMark } from './order-record.ts'
import type { OrderStatus } from './order-state.ts'

const promise: Obligation = {
  id: 'hook-upgrade-1-aa-before-upgrade-50-x', kind: 'hook', orderId: 'upgrade-1-aa', planHash: 'p', what: 'undo', pay: [['/h/50-x.undo']], deadlineMs: 1, madeAtMs: 10,
  payable: 'node-done', dueAtMs: 100, boundToBoot: ''
}
const facts = { nowMs: 50, bootId: 'b1', orderEnded: false, nodeDone: false }

void t.test('paid when its moment or its time has come, void when a reboot has paid it', (t) => {
  t.equal(judgeObligation(promise, facts), 'keep')
  t.equal(judgeObligation(promise, { ...facts, orderEnded: true }), 'keep', 'the end of its order is not the end of the node')
  t.equal(judgeObligation(promise, { ...facts, nodeDone: true }), 'pay')
  t.equal(judgeObligation(promise, { ...facts, nowMs: 100 }), 'pay')
  t.equal(judgeObligation({ ...promise, payable: 'order-ended' }, { ...facts, orderEnded: true }), 'pay')
  t.equal(judgeObligation({ ...promise, boundToBoot: 'b0' }, { ...facts, nowMs: 100 }), 'void')
  t.equal(judgeObligation({ ...promise, boundToBoot: 'b1' }, facts), 'keep')
  t.end()
})

void t.test('a later promise of the same undo pays for the earlier one; what was done last is put back first', (t) => {
  const later = { ...promise, id: 'hook-upgrade-2-aa-before-upgrade-50-x', madeAtMs: 20 }
  const other = { ...promise, id: 'hook-other', pay: [['/h/60-y.undo']] as const, madeAtMs: 20 }
  t.equal(supersededBy(promise, [promise, later, other])?.id, later.id)
  t.equal(supersededBy(later, [promise, later, other]), undefined)
  t.equal(supersededBy(promise, [promise, other]), undefined)
  t.equal(supersededBy({ ...promise, kind: 'timers' }, [{ ...later, kind: 'timers' }]), undefined, 'the others know what they put back to')
  t.same(inReverse([promise, later, { ...promise, id: 'hook-upgrade-1-aa-before-upgrade-60-y' }]).map(({ id }) => id.slice(5)),
    ['upgrade-2-aa-before-upgrade-50-x', 'upgrade-1-aa-before-upgrade-60-y', 'upgrade-1-aa-before-upgrade-50-x'])
  t.end()
})

void t.test('what a person types has the environment with it', (t) => {
  t.equal(byHand({ ...promise, environment: { PITSTOP_REASON: 'CVE 1', PITSTOP_NODE: 'n1' } }), 'env PITSTOP_REASON=\'CVE 1\' PITSTOP_NODE=n1 /h/50-x.undo')
  t.equal(byHand({ ...promise, pay: [['systemctl', 'unmask', 'a.timer'], ['systemctl', 'start', 'a.timer']] }), 'systemctl unmask a.timer && systemctl start a.timer')
  t.end()
})

void t.test('a node is done when its reboot ended well, or was not to be; never without a reboot order', (t) => {
  const accepted = (id: string, planHash = 'p', step: AcceptedOrder['step'] = 'reboot'): AcceptedOrder =>
    ({ id, step, fleet: 'f', node: 'n', planHash, manifestHash: '', digest: '', bootId: 'b0', acceptedAtMs: 1, reason: '', notes: [], install: [], simulated: [] })
  const ready: ReadyMark = { bootId: 'b1', atMs: 1, hooks: 'passed', ran: [], reasons: [] }
  const order = (status: OrderStatus, part: object = {}, of = accepted('reboot-1-aa')): KnownOrder => ({ status, files: { id: of.id, accepted: of, boots: [], ...part } })
  const done = (...orders: KnownOrder[]): string => nodeDone('p', orders, 'b1')
  t.equal(done(), 'no')
  t.equal(done(order('failed', {}, accepted('upgrade-1-aa', 'p', 'upgrade'))), 'no', 'a plan without a reboot order says nothing')
  t.equal(done(order('succeeded', { boots: ['b1'] })), 'no', 'not judged yet')
  t.equal(done(order('succeeded', { boots: ['b1'], ready })), 'healthy')
  t.equal(done(order('succeeded', { boots: ['b1'], ready: { ...ready, hooks: 'failed' } })), 'no')
  t.equal(done(order('succeeded', { boots: ['b0', 'b1'], ready: { ...ready, bootId: 'b0' } })), 'no', 'another boot since')
  for (const status of ['vetoed', 'cancelled', 'failed'] as const) t.equal(done(order(status)), 'if-gitaly-runs')
  for (const status of ['accepted', 'running', 'in-doubt'] as const) t.equal(done(order(status)), 'no')
  t.equal(done(order('cancelled'), order('running', {}, accepted('reboot-2-aa'))), 'no', 'a person asked for another')
  t.equal(nodeDone('', [order('cancelled', {}, accepted('reboot-1-aa', ''))], 'b1'), 'no')
  t.equal(done(order('cancelled', {}, accepted('reboot-1-bb', 'other'))), 'no', 'another plan')
  t.equal(orderEnded('reboot-1-aa', [order('vetoed')]), true)
  t.equal(orderEnded('reboot-1-aa', [order('running')]), false)
  t.equal(orderEnded('reboot-1-bb', [order('vetoed')]), false)
  t.end()
})
