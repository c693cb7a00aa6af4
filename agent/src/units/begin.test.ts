// The moment in which an order begins: whoever raises the epoch either sees "begun" or is seen here.
import t, { type Test } from 'tap'
import { acceptedOrder } from '../fixtures/accepted-order.ts'
import { begin } from './begin.ts'
import { type UnitContext, unitContext } from './unit-context.ts'

const id = 'reboot-1-0123456789abcdef01234567'

const accepted = async (t: Test): Promise<UnitContext> => (await acceptedOrder(t, { id, step: 'reboot' })).context

void t.test('it begins under its own epoch', async (t) => {
  const context = await accepted(t)
  t.type(await begin(context), 'number')
  t.match(context.store.read(id), { decision: { kind: 'begun' } })
})

void t.test('an epoch raised at the very moment of the decision stops it: the read after the decision sees it', async (t) => {
  const context = await accepted(t)
  const { decide } = context.store
  context.store.decide = (order, decision) => {
    const held = decide.call(context.store, order, decision)
    // A successor asks now: it is answered after its epoch is on disk, and may have read "not begun" just before.
    context.store.raiseEpoch(4)
    return held
  }
  t.equal(await begin(context), undefined)
  t.match(context.store.read(id), { outcome: { status: 'vetoed', reasons: [{ code: 'STALE_EPOCH' }] } })
})

void t.test('overtaken before the decision: nothing is decided, and the same order under the new epoch begins', async (t) => {
  const context = await accepted(t)
  context.store.raiseEpoch(4)
  t.equal(await begin(context), undefined)
  t.strictSame([context.store.read(id)?.outcome, context.store.read(id)?.decision], [undefined, undefined])
  context.store.regrant(id, { epoch: 4, notBeforeMs: 0, notAfterMs: Date.now() + 60_000 })
  t.type(await begin(context), 'number')
})

void t.test('its right is renewed while it is judged: judged again, and begun', async (t) => {
  const context = await accepted(t)
  context.store.raiseEpoch(4)
  const { highestEpoch } = context.store
  let asked = 0
  context.store.highestEpoch = () => {
    // It has read the old right by now.
    if (++asked === 1) context.store.regrant(id, { epoch: 4, notBeforeMs: 0, notAfterMs: Date.now() + 60_000 })
    return highestEpoch.call(context.store)
  }
  t.type(await begin(context), 'number')
})

void t.test('a cancellation that was first wins', async (t) => {
  const context = await accepted(t)
  context.store.decide(id, { kind: 'cancelled', atMs: 1, by: 'ada', reasons: [] })
  t.equal(await begin(context), undefined)
})

void t.test('settings that the release before wrote for this unit still do: what it did not know has its default', async (t) => {
  const { store, settings: { hooks: _hooks, mode: _mode, ...older } } = await accepted(t)
  store.keepSettings(id, older)
  const context = unitContext(store.directory, id)
  t.match(context.settings, { mode: 'act', hooks: { directory: '/etc/pitstop/hooks.d', deadlineMs: 60_000, undoAfterMs: 7_200_000 } })
  t.type(await begin(context), 'number')
})
