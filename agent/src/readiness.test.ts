// "I am back": reported until a coordinator acknowledges it, once per boot, and never a second reboot for one order.
import * as grpc from '@grpc/grpc-js'
import { CoordinatorService, holderTrailer } from '@pitstop/proto'
import t from 'tap'
import { type Answer, orderState, realAgents, reboot, until } from './fixtures/real-agent.ts'

const { file, world } = realAgents(t)

void t.test('after the boot: proven, reported until acknowledged, and once per plan', async (t) => {
  const { host, client, restart } = await world(t)
  await client.call('scheduleReboot', reboot('reboot-1-aa'))
  await until('the reboot', () => host.effects().includes('reboot'))
  t.match(await orderState(client, 'reboot-1-aa'), { status: 'ORDER_STATUS_RUNNING' }, 'going down')
  t.match(await client.call('health', { reboot_order_id: 'reboot-1-aa' }), { verdict: { status: 'HEALTH_STATUS_UNKNOWN', boots_since_order: 0 } })
  host.boot('boot-2')

  const reports: Answer[] = []
  let standby = true
  const coordinator = async (answer: (report: Answer, done: grpc.sendUnaryData<object>) => void): Promise<{ address: string, server: grpc.Server }> => {
    const server = new grpc.Server()
    server.addService(CoordinatorService.service, { ReportReady: (call: { request: Answer }, done: grpc.sendUnaryData<object>) => answer(call.request, done) })
    const credentials = grpc.ServerCredentials.createSsl(file('ca.pem'), [{ private_key: file('coordinator.key'), cert_chain: file('coordinator.pem') }], true)
    const port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', credentials, (error, bound) => error === null ? resolve(bound) : reject(error)))
    t.teardown(() => server.forceShutdown())
    return { address: `127.0.0.1:${port}`, server }
  }
  const acting = await coordinator((report, done) => { reports.push(report); done(null, { result: 'REPORT_RESULT_ACCEPTED', epoch: 1 }) })
  const holder = new grpc.Metadata()
  holder.set(holderTrailer, acting.address)
  const waiting = await coordinator((_report, done) => { done(Object.assign(new Error('standby'), { code: grpc.status.UNAVAILABLE, details: 'standby', metadata: standby ? holder : new grpc.Metadata() })) })
  // The first address is nobody, the second a standby that names the acting one.
  const again = await restart(['127.0.0.1:1', waiting.address])
  await until('the report', () => reports[0])
  standby = false
  t.match(reports[0], { fleet: 'test-fleet', node: 'n1.example', order_id: 'reboot-1-aa', boot_id: 'boot-2', verdict: { status: 'HEALTH_STATUS_HEALTHY', boots_since_order: 1 } })
  t.match(await orderState(again, 'reboot-1-aa'), { status: 'ORDER_STATUS_SUCCEEDED' })
  const health = await until('time', async () => { const { verdict } = await again.call('health', { reboot_order_id: 'reboot-1-aa', storages: ['s1'] }); return verdict.healthy_for_ms > 100 && verdict })
  t.match(health, { status: 'HEALTH_STATUS_HEALTHY', gitaly_pid: 42 })
  await until('the acknowledgement on disk', () => host.read('state/boot.json').includes('ACCEPTED'))
  const third = await restart([acting.address])
  t.match((await third.call('scheduleReboot', reboot('reboot-1-bb', { boot_id: 'boot-2' })))['state'], { status: 'ORDER_STATUS_VETOED', reasons: [{ code: 'ALREADY_REBOOTED' }] })
  t.match((await third.call('scheduleReboot', reboot('reboot-1-aa')))['state'], { status: 'ORDER_STATUS_SUCCEEDED' }, 'a late copy reboots nobody twice')
  t.equal(reports.length, 1, 'once per boot')

  host.gitaly.filesystemId = 'fs-of-an-empty-directory'
  t.match((await third.call('health', { reboot_order_id: 'reboot-1-aa', storages: ['s1'] }))['verdict'], { status: 'HEALTH_STATUS_UNHEALTHY', healthy_for_ms: 0, reasons: [{ code: 'STORAGE_CHANGED' }] })
  host.gitaly.filesystemId = 'fs-1'
  host.boot('boot-3')
  const fourth = await restart([])
  t.match((await fourth.call('health', { reboot_order_id: 'reboot-1-aa', storages: ['s1'] }))['verdict'], { status: 'HEALTH_STATUS_UNHEALTHY', reasons: [{ code: 'REBOOTED_AGAIN' }] })
  t.same(host.effects(), ['stop', 'reboot'])
})
