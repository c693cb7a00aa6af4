// Orders: who may, once, when; and what became of them. A table per question.
import { manifestHash } from '@pitstop/shared/digest'
import t from 'tap'
import { backOff } from './back-off.ts'
import { firingReasons } from './firing.ts'
import { type OrderRequest, rebootReasons, requireEpoch, requireIdle, requireManifest, requireSameContent, requireWellFormed } from './order-admission.ts'
import { orderDigest } from './order-digest.ts'
import { type AcceptedOrder, attemptOf, isOrderId, type OrderFiles } from './order-record.ts'
import { deriveState, goingDownMs } from './order-state.ts'

const order: OrderRequest = { id: 'reboot-1-aaaa', fleet: 'f', node: 'n', planHash: 'p', manifestHash: '', epoch: 3, notBeforeMs: 0, notAfterMs: 10, bootId: 'b1' }
const accepted: AcceptedOrder = {
  id: order.id, step: 'reboot', fleet: 'f', node: 'n', planHash: 'p', manifestHash: '', digest: 'd', bootId: 'b1', acceptedAtMs: 1, reason: '', notes: [], install: [], simulated: []
}
const files: OrderFiles = { id: order.id, accepted, boots: [], grant: { epoch: 3, notBeforeMs: 0, notAfterMs: 10 } }
const begun = { kind: 'begun', atMs: 5, by: 'unit', reasons: [] } as const
const cancelled = { kind: 'cancelled', atMs: 5, by: 'operator', reasons: [] } as const
const around = { bootId: 'b1', nowMs: 100, unit: 'gone', busy: false } as const

void t.test('an order for another fleet, node or without its rights is no order', (t) => {
  requireWellFormed(order, { fleet: 'f', node: 'n' })
  for (const [part, code] of [[{ fleet: 'x' }, 'WRONG_FLEET'], [{ node: 'x' }, 'WRONG_NODE'], [{ id: '../x' }, 'INVALID_INPUT'], [{ id: '' }, 'INVALID_INPUT'],
    [{ epoch: 0 }, 'INVALID_INPUT'], [{ planHash: '' }, 'INVALID_INPUT'], [{ notAfterMs: 0 }, 'INVALID_INPUT']] as const) {
    t.throws(() => requireWellFormed({ ...order, ...part }, { fleet: 'f', node: 'n' }), { code }, JSON.stringify(part))
  }
  t.throws(() => requireEpoch(2, 3), { code: 'STALE_EPOCH' })
  requireEpoch(0, 3)
  requireEpoch(3, 3)
  t.throws(() => requireSameContent(files, 'other'), { code: 'ORDER_REUSED' })
  t.throws(() => requireIdle('x', [{ id: 'y', step: 'upgrade' }]), { code: 'ORDER_RUNNING', message: /upgrade y/ })
  requireIdle('y', [{ id: 'y', step: 'upgrade' }])
  t.end()
})

void t.test('names and versions can never be read as options', (t) => {
  const check = (name: string, version: string): void => requireManifest({ ...order, manifestHash: manifestHash([{ name, version }]) }, [{ name, version }])
  check('libstdc++6', '12.2.0-14+deb12u1~x')
  for (const [name, version] of [['-o', '1'], ['a=b', '1'], ['a', '1 2'], ['a', '-1'], ['A', '1'], ['a', ''], ['a/../b', '1']] as const) {
    t.throws(() => check(name, version), { code: 'INVALID_INPUT' }, `${name}=${version}`)
  }
  t.throws(() => requireManifest({ ...order, manifestHash: 'other' }, [{ name: 'a', version: '1' }]), { code: 'INVALID_INPUT' }, 'the hash binds the list')
  t.end()
})

void t.test('a successor\'s copy is the same order; other content is not', (t) => {
  const digest = orderDigest('reboot', order, [], ['a', 'b'])
  t.equal(orderDigest('reboot', { ...order, epoch: 9, notBeforeMs: 7, notAfterMs: 8 }, [], ['b', 'a']), digest)
  for (const part of [{ id: 'x' }, { node: 'x' }, { planHash: 'x' }, { bootId: 'x' }, { manifestHash: 'x' }]) t.not(orderDigest('reboot', { ...order, ...part }, [], ['a', 'b']), digest)
  t.not(orderDigest('reboot', order, [], ['a']), digest)
  t.end()
})

void t.test('one reboot per plan unless a person raised the attempt', (t) => {
  const done = { ...files, decision: begun }
  const codes = (id: string, known: readonly OrderFiles[], bootId = 'b1'): readonly string[] => rebootReasons({ ...order, id }, bootId, known).map(({ code }) => code)
  t.same(codes('reboot-1-bbbb', [done]), ['ALREADY_REBOOTED'])
  t.same(codes('reboot-2-bbbb', [done]), [])
  t.same(codes('reboot-1-aaaa', [done]), [], 'the same order is answered by its own outcome')
  t.same(codes('reboot-1-bbbb', [{ ...files, decision: cancelled }]), [], 'a reboot that never began was none')
  t.same(codes('reboot-1-bbbb', [], 'b2'), ['OTHER_BOOT'])
  t.same([attemptOf('reboot-12-0af'), attemptOf('strange')], [12, 0])
  t.same(['reboot-1-0af', '..', 'a/b', '', 'a'.repeat(121), '-a'].map(isOrderId), [true, false, false, false, false, false])
  t.end()
})

void t.test('what became of an order', (t) => {
  const upgrade = { ...files, accepted: { ...accepted, step: 'upgrade' as const } }
  const stop = { stopBegunAtMs: 6, stoppedAtMs: 7, stopNote: '', rebootRequestedAtMs: 90 }
  const outcome = { status: 'failed', atMs: 9, begunAtMs: 5, reasons: [], changes: [], notes: [], rebootRequired: false } as const
  const cases: readonly (readonly [string, OrderFiles, object, string, (string | undefined)?])[] = [
    ['the outcome on disk has the last word', { ...files, outcome, decision: begun }, { bootId: 'b2' }, 'failed'],
    ['taken back', { ...files, decision: cancelled }, {}, 'cancelled'],
    ['taken back before it came', { id: 'x', boots: [], decision: cancelled }, {}, 'cancelled'],
    ['scheduled', files, { unit: 'active' }, 'running'],
    ['accepted, and its unit never began', files, {}, 'accepted'],
    ['nobody knows about the unit', files, { unit: 'unknown' }, 'in-doubt'],
    ['the agent is starting its unit', files, { busy: true }, 'running'],
    ['the host rebooted by itself before it began', files, { bootId: 'b2' }, 'cancelled', 'OTHER_BOOT'],
    ['a begun reboot under another boot', { ...files, decision: begun }, { bootId: 'b2', unit: 'unknown' }, 'succeeded'],
    ['a begun reboot with its unit', { ...files, decision: begun }, { unit: 'active' }, 'running'],
    ['going down', { ...files, decision: begun, mark: stop }, { unit: 'gone' }, 'running'],
    ['did not go down', { ...files, decision: begun, mark: stop }, { nowMs: 90 + goingDownMs }, 'failed', 'NOT_REBOOTED'],
    ['the unit died before it asked for the reboot', { ...files, decision: begun, mark: { ...stop, rebootRequestedAtMs: 0 } }, {}, 'failed', 'NOT_REBOOTED'],
    ['a begun reboot of which nothing is known', { ...files, decision: begun }, { unit: 'unknown' }, 'in-doubt'],
    ['upgrade at work', { ...upgrade, decision: begun }, { unit: 'active' }, 'running'],
    ['upgrade whose unit is gone', { ...upgrade, decision: begun }, {}, 'failed', 'INTERRUPTED'],
    ['upgrade under another boot', { ...upgrade, decision: begun }, { bootId: 'b2', unit: 'active' }, 'failed', 'INTERRUPTED'],
    ['upgrade of which nothing is known', { ...upgrade, decision: begun }, { unit: 'unknown' }, 'in-doubt'],
    ['staging is asked for again', { ...files, accepted: { ...accepted, step: 'stage' } }, { bootId: 'b2' }, 'accepted'],
    ['half a record', { id: 'x', boots: [] }, {}, 'in-doubt']
  ]
  for (const [name, kept, where, status, code] of cases) {
    const state = deriveState(kept, { ...around, ...where })
    t.equal(state.status, status, name)
    if (code !== undefined) t.match(state.reasons, [{ code }], `${name}: ${code}`)
  }
  t.equal(deriveState({ ...files, decision: begun }, around).settle, undefined, 'not-rebooted is not kept: late truth corrects it')
  t.end()
})

void t.test('when the unit fires everything is asked again', (t) => {
  const host = { disabled: { value: undefined }, audit: { value: '' }, dpkgLock: { value: undefined }, space: { value: [] }, bootProblems: { value: [] }, comebackProblems: { value: [] }, bootObstacle: { value: undefined }, downFile: { value: undefined }, shutdown: { value: undefined }, blockers: { value: [] },
    service: { value: { name: 'gitaly', state: 'run', pid: 1, uptimeS: 1, normallyDown: false, text: 'run' } }, hooks: { value: [] } } as const
  const facts = { highestEpoch: 3, bootId: 'b1', nowMs: 5, maximumOffsetMs: 1, host }
  const codes = (kept: OrderFiles, part: object = {}): readonly string[] => firingReasons(kept, { ...facts, ...part }).map(({ code }) => code)
  t.same(codes(files), [])
  t.same(codes(files, { highestEpoch: 4, bootId: 'b2', nowMs: 10 }), ['STALE_EPOCH', 'OTHER_BOOT', 'EXPIRED'])
  t.same(codes({ ...files, grant: { epoch: 4, notBeforeMs: 0, notAfterMs: 10 } }, { highestEpoch: 4 }), [], 'adopted by the successor')
  t.same(codes({ ...files, decision: cancelled }), ['ORDER_CANCELLED'])
  t.same(codes({ id: 'x', boots: [] }), ['NOT_FOUND'])
  t.same(codes(files, { host: { ...host, disabled: { value: 'x' } } }), ['HOST_DISABLED'])
  t.end()
})

void t.test('pauses grow, stay under the maximum and differ between hosts', (t) => {
  for (let attempt = 0; attempt < 30; attempt++) {
    t.ok(backOff(attempt, 5000, 0.999) <= 5000)
    t.ok(backOff(attempt, 5000, 0) >= 50)
  }
  t.not(backOff(3, 5000, 0.1), backOff(3, 5000, 0.9))
  t.end()
})
