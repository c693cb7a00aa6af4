// Staging and upgrading by orders: the same again, re-attached by a restarted agent, and failed with their reasons.
import { manifestHash } from '@pitstop/shared/digest'
import t from 'tap'
import { type Answer, codes, fault, order, realAgents, until } from '../fixtures/real-agent.ts'

const { world } = realAgents(t)

void t.test('staged, upgraded, and the same again', async (t) => {
  const { host, client, restart } = await world(t)
  const last = (messages: Answer[]): Answer => messages.at(-1)?.['outcome']
  const resolved = last(await client.stream('stage', { order: order('stage-1-aa'), manifest: [] }))
  t.match(resolved, { status: 'ORDER_STATUS_SUCCEEDED', changes: [{ name: 'a', from_version: '1', to_version: '2' }] })
  const manifest = [{ name: 'a', version: '2' }]
  const hash = { manifest_hash: manifestHash(manifest) }
  t.match(last(await client.stream('stage', { order: order('stage-2-aa', { manifest_hash: manifestHash([{ name: 'b', version: '2' }]) }), manifest: [{ name: 'b', version: '2' }] })),
    { status: 'ORDER_STATUS_VETOED', reasons: [{ code: 'MANIFEST_DIFFERS', text: /a 2/ }] })
  await t.rejects(client.stream('upgrade', { order: order('upgrade-1-zz', { manifest_hash: 'x' }), manifest }), fault('INVALID_INPUT'))
  t.match(last(await client.stream('upgrade', { order: order('upgrade-1-empty'), manifest: [] })), { status: 'ORDER_STATUS_SUCCEEDED', changes: [] }, 'nothing to install succeeds at once')

  host.write('hold-apt', '')
  const running = client.stream('upgrade', { order: order('upgrade-1-aa', hash), manifest })
  running.catch(() => undefined)
  await until('apt', () => host.read('state/orders/upgrade-1-aa/progress') !== '')
  t.match(await client.call('describe', {}), { current_order: { id: 'upgrade-1-aa', status: 'ORDER_STATUS_RUNNING' } }, 'describe is not blocked')
  const again = await restart()
  const attached = again.stream('upgrade', { order: order('upgrade-1-aa', hash), manifest })
  host.remove('hold-apt')
  const messages = await attached
  t.ok(messages.some((message) => message['progress']?.percent === 100), 're-attached by a restarted agent')
  t.match(last(messages), { status: 'ORDER_STATUS_SUCCEEDED', changes: [{ name: 'a', from_version: '1', to_version: '2', origin: 'Debian:12/stable' }] })
  t.match(last(await again.stream('upgrade', { order: order('upgrade-1-aa', hash), manifest })), { status: 'ORDER_STATUS_SUCCEEDED' }, 'the stored outcome')
})

void t.test('apt that fails half-way, and a unit that is killed, are failures with their reasons', async (t) => {
  const { host, client } = await world(t)
  const manifest = [{ name: 'a', version: '2' }]
  const upgrade = (id: string): Promise<Answer[]> => client.stream('upgrade', { order: order(id, { manifest_hash: manifestHash(manifest) }), manifest })
  t.match((await upgrade('upgrade-1-zz')).at(-1)?.['outcome'], { status: 'ORDER_STATUS_VETOED', reasons: [{ code: 'NOT_STAGED', text: /a 2/ }] }, 'what was not staged is not installed')
  await client.stream('stage', { order: order('stage-1-aa', { manifest_hash: manifestHash(manifest) }), manifest })
  host.write('fail-apt', '')
  t.match((await upgrade('upgrade-1-aa')).at(-1)?.['outcome'], { status: 'ORDER_STATUS_FAILED', reasons: [{ code: 'APT_FAILED', text: /error code \(1\)/ }, { code: 'PACKAGES_DIFFER' }] })
  host.remove('fail-apt')
  host.write('hold-apt', '')
  const running = upgrade('upgrade-2-aa')
  await until('apt', () => host.read('state/orders/upgrade-2-aa/progress') !== '')
  host.write('audit', 'a is only half installed')
  process.kill(-Number(host.read('units/pitstop-upgrade-2-aa')), 'SIGKILL')
  const outcome = (await running).at(-1)?.['outcome']
  t.match(outcome, { status: 'ORDER_STATUS_FAILED' })
  t.same(codes(outcome), ['INTERRUPTED', 'DPKG_BROKEN'])
  host.remove('hold-apt')
})
