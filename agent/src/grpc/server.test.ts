// The agent as a coordinator meets it: real TLS, real processes, a tiny fake host. Who is heard, what a host tells of itself,
// which epoch counts, and that it ends at once.
import * as grpc from '@grpc/grpc-js'
import t from 'tap'
import { placeHook } from '../fixtures/hook-files.ts'
import { codes, fault, realAgents, reboot } from '../fixtures/real-agent.ts'

const { connect, world } = realAgents(t)

void t.test('only a coordinator of this fleet is heard; others are told plainly why not', async (t) => {
  const { agent } = await world(t)
  for (const [identity, code, text] of [['agent', 'WRONG_ROLE', /role agent.*coordinator only/], ['other-fleet', 'WRONG_FLEET', /fleet other.*test-fleet/], ['nobody', 'UNAUTHENTICATED', /no pitstop identity/]] as const) {
    const client = connect(agent.port, identity)
    await t.rejects(client.call('describe', {}), fault(code, { details: text }), identity)
    await t.rejects(client.stream('tailLog', { follow: true }), fault(code), `${identity}, stream`)
    client.close()
  }
  const nobody = connect(agent.port, undefined)
  await t.rejects(nobody.call('describe', {}), { code: grpc.status.UNAVAILABLE }, 'without a certificate there is no connection')
  nobody.close()
})

void t.test('describe tells who and what the host is, and every veto of now', async (t) => {
  const { host, client } = await world(t)
  const answer = await client.call('describe', { epoch: 0, include_pending_updates: true, storages: ['s1'] })
  t.match(answer, {
    fleet: 'test-fleet', node: 'n1.example', boot_id: 'boot-1', os_id: 'debian', os_version: '12', architecture: 'amd64', kernel: '6.1.0-1', vetoes: [], current_order: null,
    services: [{ state: 'SERVICE_RUN_STATE_RUN', pid: 42 }], storages: [{ name: 's1', filesystem_id: 'fs-1' }], pending_updates: [{ name: 'a', to_version: '2' }], gitaly_version: '18.5'
  })
  t.ok(answer['certificate_expires_at_ms'] > Date.now())
  t.equal(answer['before_reboot_hooks_ms'], 0)
  for (const place of ['before-reboot/10-drain', 'before-reboot/20-chef', 'before-upgrade/10-chef']) placeHook(host.root, place)
  t.equal((await client.call('describe', {}))['before_reboot_hooks_ms'], 2 * 60_000, 'two hooks, by their deadline')
  host.write('etc/pitstop/disabled', 'chef is at work')
  host.write('audit', 'a is half-configured')
  host.write('shutdown', '{"type":"(st)","data":["poweroff",1700000000000000]}')
  host.write('boot/vmlinuz-6.1.0-1', 'x')
  t.same(codes({ reasons: (await client.call('describe', {}))['vetoes'] }), ['HOST_DISABLED', 'DPKG_BROKEN', 'KERNEL_MISSING', 'SHUTDOWN_SCHEDULED'])
  const { state } = await client.call('scheduleReboot', reboot('reboot-1-aa'))
  t.match(state, { status: 'ORDER_STATUS_VETOED', reasons: { length: 4 } }, 'a refusal is an answer with every reason')
  for (const path of ['etc/pitstop/disabled', 'boot/vmlinuz-6.1.0-1']) host.remove(path)
  t.match(await client.call('serviceStatus', {}), { services: [{ name: 'gitaly' }] })
  t.match(await client.stream('tailLog', { since_boot: true }), [{ class: 'LOG_LINE_CLASS_START_MARKER', offset: 0 }])
})

void t.test('an overtaken epoch is refused, also by an agent that started again', async (t) => {
  const { client, restart } = await world(t)
  await client.call('describe', { epoch: 7 })
  await t.rejects(client.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 6 })), fault('STALE_EPOCH', { code: grpc.status.FAILED_PRECONDITION }))
  const again = await restart()
  await t.rejects(again.call('describe', { epoch: 6 }), fault('STALE_EPOCH'))
  await t.rejects(again.call('health', { epoch: 6 }), fault('STALE_EPOCH'))
  t.match(await again.call('describe', { epoch: 0 }), { highest_epoch: 7 }, 'no claim is no claim')
  await t.rejects(again.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 7, node: 'n2.example' })), fault('WRONG_NODE', { code: grpc.status.PERMISSION_DENIED }))
  await t.rejects(again.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 7, fleet: 'x' })), fault('WRONG_FLEET'))
  await t.rejects(again.call('scheduleReboot', {}), fault('INVALID_INPUT'))
})

void t.test('an agent ends at once though somebody follows the log', async (t) => {
  const { agent, client, restart } = await world(t)
  t.ok(agent.port > 0)
  const first = Promise.withResolvers<void>()
  const following = client.stream('tailLog', { since_boot: true, follow: true }, first.resolve)
  following.catch(() => undefined)
  await first.promise
  const begun = performance.now()
  await restart()
  t.ok(performance.now() - begun < 3000)
  t.match(await following, [{ class: 'LOG_LINE_CLASS_START_MARKER' }])
})
