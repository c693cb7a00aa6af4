// An order that cannot be read: nobody knows what it did or does. The agent comes up beside it all the same, says so to whoever
// asks, keeps its epoch and its promises, and takes nothing in until a person has seen to it.
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codes, fault, order, orderState, realAgents, reboot, until } from '../fixtures/real-agent.ts'

const { world } = realAgents(t)
const torn = '{"version":1,"id":"reboo'

void t.test('an agent beside a damaged order starts, says why, and takes nothing in until a person has moved it away', async (t) => {
  const { host, client, restart } = await world(t)
  t.match((await client.call('scheduleReboot', reboot('reboot-1-aa', { not_after_ms: Date.now() + 600_000 }, { delay_ms: 60_000 })))['state'], { status: 'ORDER_STATUS_RUNNING' })
  await client.call('cancelReboot', { order: order('cancel-1-aa'), reboot_order_id: 'reboot-1-aa', reason: '' })
  host.write('state/orders/reboot-1-aa/accepted.json', torn)
  const beside = await restart()
  const answer = await beside.call('describe', { epoch: 7, order_ids: ['reboot-1-aa', 'reboot-9-never'] })
  t.match(answer, { boot_id: 'boot-1', highest_epoch: 7, vetoes: [{ code: 'STATE_UNREADABLE', text: /^order reboot-1-aa cannot be told: .*accepted\.json is no JSON/, hint: /mv \S+reboot-1-aa \S+reboot-1-aa\.unreadable; systemctl restart pitstop-agent/ }] })
  t.match(answer['orders'], [{ id: 'reboot-1-aa', status: 'ORDER_STATUS_IN_DOUBT', reasons: [{ code: 'STATE_UNREADABLE' }] }], 'in doubt: "never heard of" would be proof')
  await t.rejects(beside.call('describe', { epoch: 6 }), fault('STALE_EPOCH'))

  t.match((await beside.call('scheduleReboot', reboot('reboot-2-aa', { epoch: 7 })))['state'], { status: 'ORDER_STATUS_VETOED', reasons: [{ code: 'STATE_UNREADABLE' }] })
  for (const step of ['stage', 'upgrade']) {
    const [outcome] = (await beside.stream(step, { order: order(`${step}-2-aa`, { epoch: 7 }), manifest: [] })).map((message) => message['outcome'])
    t.match(outcome, { status: 'ORDER_STATUS_VETOED', reasons: [{ code: 'STATE_UNREADABLE' }] }, step)
  }
  await t.rejects(beside.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 7 })), fault('STATE_UNREADABLE'), 'of itself it says nothing but that')
  host.write('state/orders/reboot-1-aa/accepted.json', '{"version":1,"id":"reboot-1-aa","step":"reboot","digest":"d","bootId":"boot-1"}')
  t.match((await beside.call('scheduleReboot', reboot('reboot-2-aa', { epoch: 7 })))['state'], { status: 'ORDER_STATUS_VETOED' }, 'mended in place it counts from the next start: this process does not watch over it')
  t.same(host.effects(), [])

  renameSync(join(host.root, 'state/orders/reboot-1-aa'), join(host.root, 'state/orders/reboot-1-aa.unreadable'))
  const mended = await restart()
  t.match(await mended.call('describe', { epoch: 7 }), { vetoes: [] })
  t.match((await mended.call('scheduleReboot', reboot('reboot-2-aa', { epoch: 7 })))['state'], { status: 'ORDER_STATUS_RUNNING' })
  await until('the reboot', () => host.effects().includes('reboot'))
})

void t.test('which order a boot answers is not judged beside a damaged order, and judged rightly once it is gone', async (t) => {
  const { host, client, restart } = await world(t)
  await client.call('scheduleReboot', reboot('reboot-1-aa'))
  await until('the reboot', () => host.effects().includes('reboot'))
  host.write('state/orders/stage-1-zz/accepted.json', torn)
  host.boot('boot-2')
  const before = host.read('state/boot.json')
  const beside = await restart()
  t.match(await orderState(beside, 'reboot-1-aa'), { status: 'ORDER_STATUS_SUCCEEDED' })
  t.equal(host.read('state/boot.json'), before)
  await t.rejects(beside.call('health', { reboot_order_id: 'reboot-1-aa', storages: ['s1'] }), fault('STATE_UNREADABLE'), 'nor is the node said to be healthy')
  renameSync(join(host.root, 'state/orders/stage-1-zz'), join(host.root, 'state/orders/stage-1-zz.unreadable'))
  const mended = await restart()
  t.match(JSON.parse(host.read('state/boot.json')), { bootId: 'boot-2', orderId: 'reboot-1-aa' })
  await until('health', async () => (await mended.call('health', { reboot_order_id: 'reboot-1-aa', storages: ['s1'] }))['verdict'].status === 'HEALTH_STATUS_HEALTHY')
  t.same(host.effects(), ['stop', 'reboot'])
})

void t.test('damage that comes while the agent runs stops what was taken in and has not begun', async (t) => {
  const { host, client } = await world(t)
  await client.call('scheduleReboot', reboot('reboot-1-aa', {}, { delay_ms: 700 }))
  await client.call('describe', { epoch: 5 })
  await until('the unit\'s end', () => host.unitEnded('reboot-1-aa'))
  host.write('state/orders/stage-1-zz/accepted.json', torn)
  t.same(codes({ reasons: (await client.call('describe', {}))['vetoes'] }), ['STATE_UNREADABLE'])
  t.match((await client.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 5 })))['state'], { status: 'ORDER_STATUS_VETOED', reasons: [{ code: 'STATE_UNREADABLE' }] })
  t.same(host.effects(), [])
})
