// A reboot that was taken back never happens, whoever was first.
import t from 'tap'
import { cancel, codes, realAgents, reboot, until } from '../fixtures/real-agent.ts'

const { world } = realAgents(t)

void t.test('a cancellation that comes before its order is remembered', async (t) => {
  const { host, client, restart } = await world(t)
  t.match(await client.call('cancelReboot', cancel('reboot-1-late')), { result: 'CANCEL_RESULT_NOT_FOUND' })
  const again = await restart()
  const { state } = await again.call('scheduleReboot', reboot('reboot-1-late'))
  t.match(state, { status: 'ORDER_STATUS_CANCELLED', accepted_at_ms: 0 })
  t.ok(codes(state).includes('ORDER_CANCELLED'))
  t.same(host.effects(), [])
})

void t.test('cancel against fire: confirmed means that Gitaly is never stopped, too late means that it is', async (t) => {
  const { host, client } = await world(t)
  const results = new Map<string, number>()
  for (let round = 0; round < 12; round++) {
    host.write('effects', '')
    const id = `reboot-${round + 1}-ab`
    await client.call('scheduleReboot', reboot(id))
    await new Promise((resolve) => { setTimeout(resolve, round * 12) })
    const { result } = await client.call('cancelReboot', cancel(id))
    results.set(result, (results.get(result) ?? 0) + 1)
    await until('the unit\'s end', () => host.unitEnded(id))
    t.same(host.effects(), result === 'CANCEL_RESULT_TOO_LATE' ? ['stop', 'reboot'] : [], `${id} ${result}`)
    // What is settled by a boot is no longer in the way of the next round.
    host.write(`state/orders/${id}/outcome.json`, '{"version":1,"status":"vetoed","atMs":1,"begunAtMs":1,"reasons":[],"changes":[],"notes":[],"rebootRequired":false}')
  }
  t.comment([...results])
})
