// A reboot order from its acceptance to its unit: one at a time, never late, never by an overtaken coordinator, only when
// something asks for it; and the unit that was started ahead of it.
import * as grpc from '@grpc/grpc-js'
import { orderId } from '@pitstop/shared/order-id'
import t from 'tap'
import { cancel, codes, fault, order, orderState, realAgents, reboot, until } from '../fixtures/real-agent.ts'

const { world } = realAgents(t)

void t.test('a scheduled reboot: its copy is the same one, other content is a fault, others wait, and it can be taken back', async (t) => {
  const { host, client, restart } = await world(t)
  t.equal((await client.call('describe', {}))['latest_order'], null)
  const request = reboot('reboot-1-aa', {}, { delay_ms: 60_000 })
  const first = await client.call('scheduleReboot', request)
  t.match(first['state'], { status: 'ORDER_STATUS_RUNNING', step: 'reboot', boot_id: 'boot-1' })
  const copy = await client.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 2 }, { delay_ms: 60_000 }))
  t.equal(copy['state'].accepted_at_ms, first['state'].accepted_at_ms, 'a successor\'s copy is the same order')
  await t.rejects(client.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 2, plan_hash: 'other' })), fault('ORDER_REUSED', { code: grpc.status.ABORTED }))
  await t.rejects(client.call('scheduleReboot', reboot('reboot-1-bb', { epoch: 2 })), fault('ORDER_RUNNING', { details: /reboot-1-aa/ }))
  await t.rejects(client.stream('stage', { order: order('stage-1-aa', { epoch: 2 }), manifest: [] }), fault('ORDER_RUNNING', { details: /reboot-1-aa/ }))
  const latest = { id: 'reboot-1-aa', step: 'reboot', plan_hash: 'plan' }
  t.same((await client.call('describe', {}))['latest_order'], latest)
  const again = await restart()
  t.same((await again.call('describe', {}))['latest_order'], latest, 'also by an agent that started again')
  t.match(await again.call('describe', {}), { current_order: { id: 'reboot-1-aa', status: 'ORDER_STATUS_RUNNING' } }, 'a restarted agent knows its order')
  const taken = { ...cancel('reboot-1-aa'), order: order('cancel-1-aa', { epoch: 2 }) }
  t.match(await again.call('cancelReboot', taken), { result: 'CANCEL_RESULT_CANCELLED', reboot: { status: 'ORDER_STATUS_CANCELLED' } })
  t.match(await again.call('cancelReboot', taken), { result: 'CANCEL_RESULT_CANCELLED' }, 'twice is the same')
  t.match((await again.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 2 }, { delay_ms: 0 })))['state'], { status: 'ORDER_STATUS_CANCELLED' }, 'a late copy finds it taken back')
  await until('the unit\'s end', () => host.unitEnded('reboot-1-aa'))
  t.same(host.effects(), [])
})

void t.test('never late: not-after is kept when the order comes, by its delay, and when the unit fires', async (t) => {
  const { host, client } = await world(t)
  const refusedFor = async (id: string, parts: object, rest: object = {}): Promise<string[]> => codes((await client.call('scheduleReboot', reboot(id, parts, rest)))['state'])
  t.same(await refusedFor('reboot-1-aa', { not_after_ms: Date.now() - 1 }), ['EXPIRED'])
  t.same(await refusedFor('reboot-1-bb', { not_after_ms: Date.now() + 5000 }, { delay_ms: 6000 }), ['EXPIRED'])
  t.same(await refusedFor('reboot-1-cc', { not_before_ms: Date.now() + 60_000 }), ['CLOCK_OFF'])
  t.same(await refusedFor('reboot-1-dd', { boot_id: 'boot-0' }), ['OTHER_BOOT'])
  await client.call('scheduleReboot', reboot('reboot-1-ee', { not_after_ms: Date.now() + 3000 }, { delay_ms: 800 }))
  // The successor shortens what is allowed before the unit fires.
  await client.call('scheduleReboot', reboot('reboot-1-ee', { epoch: 2, not_after_ms: Date.now() + 100 }, { delay_ms: 800 }))
  const late = await until('the refusal', async () => { const state = await orderState(client, 'reboot-1-ee'); return state['status'] === 'ORDER_STATUS_VETOED' && state })
  t.same(codes(late), ['EXPIRED'])
  t.same(host.effects(), [])
})

void t.test('an epoch raised before the unit fires takes the order away from the old coordinator, and leaves it to the new one', async (t) => {
  const { host, client } = await world(t)
  await client.call('scheduleReboot', reboot('reboot-1-aa', {}, { delay_ms: 700 }))
  await client.call('describe', { epoch: 5 })
  await until('the unit\'s end', () => host.unitEnded('reboot-1-aa'))
  t.match(await orderState(client, 'reboot-1-aa'), { status: 'ORDER_STATUS_ACCEPTED', reasons: [] }, 'nothing was decided')
  t.same(host.effects(), [])
  await t.rejects(client.call('scheduleReboot', reboot('reboot-1-aa')), 'the old one may not give it again')
  t.same(host.effects(), [])
  await client.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 5 }))
  await until('the reboot', () => host.effects().includes('reboot'))
})

void t.test('a unit that cannot be scheduled, and a reboot that is refused by systemd, end as failed', async (t) => {
  const { host, client } = await world(t)
  host.write('fail-systemd-run', '')
  t.match((await client.call('scheduleReboot', reboot('reboot-1-aa')))['state'], { status: 'ORDER_STATUS_FAILED', reasons: [{ code: 'COMMAND_FAILED' }] })
  host.remove('fail-systemd-run')
  host.write('fail-reboot', '')
  await client.call('scheduleReboot', reboot('reboot-2-aa'))
  const state = await until('the failure', async () => { const at = await orderState(client, 'reboot-2-aa'); return at['status'] === 'ORDER_STATUS_FAILED' && at })
  t.match(state, { reasons: [{ code: 'NOT_REBOOTED', text: /started again/ }] })
  t.same(host.effects(), ['stop', 'reboot', 'start'], 'a host that stays up gets its Gitaly back')
})

void t.test('a unit that was started ahead of its order and is ending is waited for, and started once more', async (t) => {
  const { host, client } = await world(t)
  // As often as systemd is asked it says "deactivating", and the unit's name is taken so long.
  host.write('ending', 'x\nx\nx\nx\n')
  await client.call('scheduleReboot', reboot('reboot-1-aa'))
  await until('the reboot', () => host.effects().includes('reboot'))
  t.same(host.effects(), ['stop', 'reboot'])
})

void t.test('the policy if-needed refuses a reboot that nothing asks for, and Describe says what asks', async (t) => {
  const { host, client } = await world(t, 'reboot: {policy: if-needed}')
  t.match((await client.call('scheduleReboot', reboot('reboot-1-aa')))['state'], { status: 'ORDER_STATUS_VETOED', reasons: [{ code: 'REBOOT_NOT_NEEDED' }] })
  await t.rejects(client.call('describe', { order_ids: Array.from({ length: 1001 }, (_, index) => `reboot-${index}-aa`) }), fault('INVALID_INPUT', { details: /1001 order ids.*at most 1000/ }))
  t.match(await client.call('describe', {}), { reboot_required: false, reboot_required_because: [], requests_in_flight: -1 })
  host.write('boot/vmlinuz-6.1.0-2', 'x')
  host.write('boot/initrd.img-6.1.0-2', 'x')
  host.write('lib/modules/6.1.0-2/modules.dep', '')
  host.write('boot/grub/grub.cfg', 'menuentry a {\n linux /vmlinuz-6.1.0-2 root=/dev/sda1\n initrd /initrd.img-6.1.0-2\n}\n')
  t.match(await client.call('describe', {}), { reboot_required: true, reboot_required_because: [/6.1.0-1 runs; the boot loader starts 6.1.0-2/], vetoes: [] })
  t.match((await client.call('scheduleReboot', reboot('reboot-1-aa')))['state'], { status: 'ORDER_STATUS_RUNNING', notes: [] })
  await until('the reboot', () => host.effects().includes('reboot'))
  const accepted = JSON.parse(host.read('state/orders/reboot-1-aa/accepted.json')) as { reboot: { expectedKernel: string } }
  t.equal(accepted.reboot.expectedKernel, '6.1.0-2')
  t.match((await orderState(client, 'reboot-1-aa'))['notes'], [/Gitaly's stop took .*how many requests were in flight is not known/])
})

void t.test('an agent that was restarted finds the reboot unit that waits for its order', async (t) => {
  const { host, client, restart } = await world(t)
  const id = (step: 'upgrade' | 'reboot'): string => orderId({ planHash: 'plan', node: 'n1.example', step, attempt: 1 })
  t.match((await client.stream('upgrade', { order: order(id('upgrade')), manifest: [] })).at(-1)?.['outcome'], { status: 'ORDER_STATUS_SUCCEEDED' })
  t.notOk(host.unitEnded(id('reboot')), 'started ahead of its order')
  const again = await restart()
  t.match((await again.call('scheduleReboot', reboot(id('reboot'))))['state'], { status: 'ORDER_STATUS_RUNNING' }, 'systemd refuses a second unit of its name, and none is needed')
  await until('the reboot', () => host.effects().includes('reboot'))
  t.same(host.effects(), ['stop', 'reboot'])
})
