// The agent as a coordinator meets it: real TLS, real processes, a tiny fake host. Who is heard, which order is obeyed,
// what survives a restart, and that a reboot happens at most once and never after it was taken back.
import { readFileSync, rmSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import { AgentService, CoordinatorService, faultCodeTrailer, holderTrailer } from '@pitstop/proto'
import { manifestHash } from '@pitstop/shared/digest'
import { orderId } from '@pitstop/shared/order-id'
import t from 'tap'
import { type FakeHost, fakeHost, makeCertificates } from '../fixtures/fake-host.ts'
import { type RunningAgent, startAgent } from '../main.ts'
import type { Logger } from '../ports.ts'

const tls = makeCertificates({
  'agent': 'spiffe://test-fleet/pitstop/agent/n1.example',
  'coordinator': 'spiffe://test-fleet/pitstop/coordinator/c1',
  'other-fleet': 'spiffe://other/pitstop/coordinator/c1',
  'nobody': ''
})
t.teardown(() => rmSync(tls, { recursive: true }))
const file = (name: string): Buffer => readFileSync(`${tls}/${name}`)
const quiet: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined }

type Answer = Record<string, any> // oxlint-disable-line typescript/no-explicit-any -- wire answers, matched by shape
interface Client {
  readonly call: (method: string, request: object) => Promise<Answer>
  readonly stream: (method: string, request: object, heard?: () => void) => Promise<Answer[]>
  readonly close: () => void
}

function connect(port: number, identity: string | undefined): Client {
  const credentials = identity === undefined
    ? grpc.credentials.createSsl(file('ca.pem'), null, null, { checkServerIdentity: () => undefined })
    : grpc.credentials.createSsl(file('ca.pem'), file(`${identity}.key`), file(`${identity}.pem`), { checkServerIdentity: () => undefined })
  const client = new AgentService(`127.0.0.1:${port}`, credentials, { 'grpc.ssl_target_name_override': 'agent.internal', 'grpc.use_local_subchannel_pool': 1 })
  const methods = client as unknown as Record<string, (...args: unknown[]) => unknown>
  return {
    call: (method, request) => new Promise((resolve, reject) => {
      methods[method]?.call(client, request, new grpc.Metadata(), { deadline: Date.now() + 20_000 }, (error: grpc.ServiceError | null, answer: Answer) => {
        if (error === null) resolve(answer)
        else reject(Object.assign(error, { fault: error.metadata.get(faultCodeTrailer)[0] }))
      })
    }),
    stream: (method, request, heard) => new Promise((resolve, reject) => {
      const messages: Answer[] = []
      const call = methods[method]?.call(client, request) as grpc.ClientReadableStream<Answer>
      call.on('data', (message: Answer) => {
        messages.push(message)
        heard?.()
      })
      call.on('error', (error: grpc.ServiceError) => reject(Object.assign(error, { fault: error.metadata.get(faultCodeTrailer)[0] })))
      call.on('end', () => resolve(messages))
    }),
    close: () => client.close()
  }
}

interface World { readonly host: FakeHost, agent: RunningAgent, readonly client: Client, readonly restart: (coordinators?: readonly string[]) => Promise<Client> }

async function world(t: { teardown: (undo: () => Promise<void>) => void }, extra = ''): Promise<World> {
  const host = await fakeHost()
  let agent = await startAgent(host.settings({ tls, extra }), quiet)
  const clients = [connect(agent.port, 'coordinator')]
  t.teardown(async () => {
    for (const client of clients) client.close()
    await agent.close()
    await host.close()
  })
  return {
    host,
    get agent() { return agent },
    client: clients[0] as Client,
    restart: async (coordinators = []) => {
      await agent.close()
      agent = await startAgent(host.settings({ tls, extra, coordinators }), quiet)
      const client = connect(agent.port, 'coordinator')
      clients.push(client)
      return client
    }
  }
}

const order = (id: string, parts: object = {}): object => ({
  id, fleet: 'test-fleet', node: 'n1.example', plan_hash: 'plan', manifest_hash: '', epoch: 1, not_before_ms: Date.now(), not_after_ms: Date.now() + 600_000, boot_id: 'boot-1', ...parts
})
const reboot = (id: string, parts: object = {}, rest: object = {}): object => ({ order: order(id, parts), delay_ms: 0, reason: 'test', storages: ['s1'], ...rest })
const cancel = (id: string): object => ({ order: order(`cancel-1-${id.length}a`), reboot_order_id: id, reason: 'changed our mind' })
/** The gRPC error with its fault code; tap's own types know no such field. */
const fault = (code: string, rest: object = {}): Error => ({ fault: code, ...rest }) as unknown as Error
const codes = (state: Answer): string[] => state['reasons'].map((each: Answer) => each['code'])

async function until<T>(what: string, look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
  throw new Error(`${what} did not come`)
}
const orderState = async (client: Client, id: string): Promise<Answer> => (await client.call('describe', { epoch: 0, order_ids: [id] }))['orders'][0]

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

void t.test('a scheduled reboot: its copy is the same one, other content is a fault, others wait, and it can be taken back', async (t) => {
  const { host, client, restart } = await world(t)
  const request = reboot('reboot-1-aa', {}, { delay_ms: 60_000 })
  const first = await client.call('scheduleReboot', request)
  t.match(first['state'], { status: 'ORDER_STATUS_RUNNING', step: 'reboot', boot_id: 'boot-1' })
  const copy = await client.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 2 }, { delay_ms: 60_000 }))
  t.equal(copy['state'].accepted_at_ms, first['state'].accepted_at_ms, 'a successor\'s copy is the same order')
  await t.rejects(client.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 2, plan_hash: 'other' })), fault('ORDER_REUSED', { code: grpc.status.ABORTED }))
  await t.rejects(client.call('scheduleReboot', reboot('reboot-1-bb', { epoch: 2 })), fault('ORDER_RUNNING', { details: /reboot-1-aa/ }))
  await t.rejects(client.stream('stage', { order: order('stage-1-aa', { epoch: 2 }), manifest: [] }), fault('ORDER_RUNNING', { details: /reboot-1-aa/ }))
  const again = await restart()
  t.match(await again.call('describe', {}), { current_order: { id: 'reboot-1-aa', status: 'ORDER_STATUS_RUNNING' } }, 'a restarted agent knows its order')
  const taken = { ...cancel('reboot-1-aa'), order: order('cancel-1-aa', { epoch: 2 }) }
  t.match(await again.call('cancelReboot', taken), { result: 'CANCEL_RESULT_CANCELLED', reboot: { status: 'ORDER_STATUS_CANCELLED' } })
  t.match(await again.call('cancelReboot', taken), { result: 'CANCEL_RESULT_CANCELLED' }, 'twice is the same')
  t.match((await again.call('scheduleReboot', reboot('reboot-1-aa', { epoch: 2 }, { delay_ms: 0 })))['state'], { status: 'ORDER_STATUS_CANCELLED' }, 'a late copy finds it taken back')
  await until('the unit\'s end', () => host.unitEnded('reboot-1-aa'))
  t.same(host.effects(), [])
})

void t.test('a cancellation that comes before its order is remembered', async (t) => {
  const { host, client, restart } = await world(t)
  t.match(await client.call('cancelReboot', cancel('reboot-1-late')), { result: 'CANCEL_RESULT_NOT_FOUND' })
  const again = await restart()
  const { state } = await again.call('scheduleReboot', reboot('reboot-1-late'))
  t.match(state, { status: 'ORDER_STATUS_CANCELLED', accepted_at_ms: 0 })
  t.ok(codes(state).includes('ORDER_CANCELLED'))
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
