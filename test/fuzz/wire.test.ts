// Messages of agents and coordinators: random bytes, absurd fields, unknown values, messages too large, at the real
// servers; and what a coordinator makes of an agent's answer. Nothing ends, nothing hangs, unknown is never healthy.
import { readFileSync, rmSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import { startAgent } from '@pitstop/agent/src/main.ts'
import { fakeHost, makeCertificates } from '@pitstop/agent/src/fixtures/fake-host.ts'
import { toHost, toOrder, toVerdict } from '@pitstop/coordinator/adapters/agents/wire-answers'
import { serveReadiness } from '@pitstop/coordinator/adapters/readiness/serve-readiness'
import { AgentService, CoordinatorService, faultCodeTrailer } from '@pitstop/proto'
import { Fault } from '@pitstop/shared/fault'
import { isFaultCode } from '@pitstop/shared/fault-table'
import fc from 'fast-check'
import t from 'tap'
import { hold, holdAsync, strange } from './hold.ts'

const tls = makeCertificates({ agent: 'spiffe://test-fleet/pitstop/agent/n1.example', coordinator: 'spiffe://test-fleet/pitstop/coordinator/c1' })
t.teardown(() => { rmSync(tls, { recursive: true, force: true }) })

const number = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 1, 2 ** 53, -(2 ** 62), 2 ** 62, Number.MAX_SAFE_INTEGER))
const text = fc.oneof(fc.string({ maxLength: 20 }), strange, fc.constantFrom('', 'n1.example', 'test-fleet', 'x'.repeat(100_000), 'reboot-1-0123456789abcdef01234567'))
const order = fc.record({
  id: text, fleet: fc.oneof(text, fc.constant('test-fleet')), node: fc.oneof(text, fc.constant('n1.example')), plan_hash: text, manifest_hash: text,
  epoch: fc.oneof(fc.nat(3), number), not_before_ms: number, not_after_ms: number, boot_id: text
}, { requiredKeys: [] })
const packages = fc.array(fc.record({ name: text, version: text }, { requiredKeys: [] }), { maxLength: 4 })
const storages = fc.array(text, { maxLength: 3 })
const requests: Readonly<Record<string, fc.Arbitrary<object>>> = {
  Describe: fc.record({ epoch: fc.oneof(fc.nat(3), number), order_ids: fc.array(text, { maxLength: 5 }), storages }, { requiredKeys: [] }),
  Stage: fc.record({ order, manifest: packages }, { requiredKeys: [] }),
  Upgrade: fc.record({ order, manifest: packages }, { requiredKeys: [] }),
  ScheduleReboot: fc.record({ order, delay_ms: number, reason: text, storages }, { requiredKeys: [] }),
  CancelReboot: fc.record({ order, reboot_order_id: text, reason: text }, { requiredKeys: [] }),
  ServiceStatus: fc.record({ epoch: number }, { requiredKeys: [] }),
  TailLog: fc.record({ epoch: number, since_boot: fc.boolean() }, { requiredKeys: [] }),
  Health: fc.record({ epoch: number, storages, reboot_order_id: text, since_last_start: fc.boolean() }, { requiredKeys: [] })
}

type Service = grpc.ServiceDefinition
/** Sends these very bytes. @returns the gRPC error, or null when it was answered. */
function send(client: grpc.Client, service: Service, name: string, bytes: Buffer): Promise<grpc.ServiceError | null> {
  const method = service[name]
  if (method === undefined) throw new TypeError(name)
  const as = (value: Buffer): Buffer => value
  const options = { deadline: Date.now() + 20_000 }
  return new Promise((resolve) => {
    if (!method.responseStream) client.makeUnaryRequest(method.path, as, as, bytes, new grpc.Metadata(), options, (error) => { resolve(error) })
    else client.makeServerStreamRequest(method.path, as, as, bytes, new grpc.Metadata(), options).on('error', (error: grpc.ServiceError) => { resolve(error) }).on('end', () => { resolve(null) }).on('data', () => undefined)
  })
}

function requireToldPlainly(error: grpc.ServiceError | null): void {
  if (error === null) return
  const [code] = error.metadata.get(faultCodeTrailer)
  // What is no message at all is refused by gRPC itself.
  if (code === undefined && (/deserializ|decod|larger than max/i.test(error.details) || error.code === grpc.status.RESOURCE_EXHAUSTED)) return
  if (typeof code !== 'string' || !isFaultCode(code) || code === 'INTERNAL') throw new Error(`${error.code} ${String(code)}: ${error.details}`)
}

const connect = (port: number, identity: string): grpc.Client => new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createSsl(readFileSync(`${tls}/ca.pem`), readFileSync(`${tls}/${identity}.key`), readFileSync(`${tls}/${identity}.pem`), { checkServerIdentity: () => undefined }),
  { 'grpc.ssl_target_name_override': 'x.internal', 'grpc.use_local_subchannel_pool': 1, 'grpc.max_send_message_length': -1 })

void t.test('an agent answers whatever it is sent, begins nothing of it, and still serves', async (t) => {
  const host = await fakeHost()
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const agent = await startAgent(host.settings({ tls }), quiet)
  const client = connect(agent.port, 'coordinator')
  t.teardown(async () => { client.close(); await agent.close(); await host.close() })
  const service = AgentService.service as unknown as Service
  for (const [name, request] of Object.entries(requests)) {
    const serialize = service[name]?.requestSerialize
    if (serialize === undefined) throw new TypeError(name)
    t.ok(await holdAsync(fc.oneof(request.map((each) => serialize(each)), fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))), async (bytes) => {
      requireToldPlainly(await send(client, service, name, bytes))
    }, 12), name)
  }
  const ids = Array.from({ length: 10_000 }, (_, i) => `reboot-1-${i.toString(16).padStart(24, '0')}`)
  const began = process.cpuUsage()
  requireToldPlainly(await send(client, service, 'Describe', service['Describe']?.requestSerialize({ epoch: 0, order_ids: ids }) ?? Buffer.alloc(0)))
  const { user, system } = process.cpuUsage(began)
  t.ok((user + system) / 1000 < 5000, `questions about 10 000 orders do not stop the agent (${Math.round((user + system) / 1000)} ms)`)
  const large = await send(client, service, 'Describe', Buffer.alloc(5 << 20))
  t.equal(large?.code, grpc.status.RESOURCE_EXHAUSTED, 'a message that is too large is refused')
  t.same(host.effects(), [], 'nothing of it was carried out')
  t.equal(await send(client, service, 'Describe', Buffer.alloc(0)), null, 'it answers still')
})

void t.test('a coordinator hears whatever an agent reports, believes only what it knows, and still serves', async (t) => {
  const heard: string[] = []
  const server = await serveReadiness({
    listen: '127.0.0.1:0', fleet: 'test-fleet', tls: { certificate: `${tls}/coordinator.pem`, key: `${tls}/coordinator.key`, authority: `${tls}/ca.pem` },
    coordinator: { acting: true, holder: null, ready: async ({ status, node }) => {
      if (node !== 'n1.example') throw new Fault('WRONG_NODE', node)
      heard.push(status)
      return { result: 'observed', epoch: 1 }
    } }
  })
  const client = connect(server.port, 'agent')
  t.teardown(async () => { client.close(); await server.close() })
  const service = CoordinatorService.service as unknown as Service
  const serialize = service['ReportReady']?.requestSerialize
  if (serialize === undefined) throw new TypeError('ReportReady')
  const report = fc.record({ fleet: fc.oneof(text, fc.constant('test-fleet')), node: fc.oneof(text, fc.constant('n1.example')), order_id: text, boot_id: text, verdict: fc.record({ status: fc.constantFrom(0, 2, 3, 7, 99), healthy_for_ms: number }, { requiredKeys: [] }) }, { requiredKeys: [] })
  t.ok(await holdAsync(fc.oneof(report.map((each) => serialize(each)), fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes))), async (bytes) => {
    requireToldPlainly(await send(client, service, 'ReportReady', bytes))
  }, 60))
  t.notOk(heard.includes('healthy'), 'nobody said HEALTHY')
  t.equal((await send(client, service, 'ReportReady', Buffer.alloc(5 << 20)))?.code, grpc.status.RESOURCE_EXHAUSTED)
  t.equal(await send(client, service, 'ReportReady', serialize({ fleet: 'test-fleet', node: 'n1.example', verdict: { status: 'HEALTH_STATUS_HEALTHY' } })), null)
  t.equal(heard.at(-1), 'healthy')
})

void t.test('an agent\'s answer from any bytes: unknown values are unknown, never better', async (t) => {
  const { Describe, Health, ScheduleReboot } = AgentService.service
  const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each))
  t.ok(hold(bytes, (each) => {
    const decode = <T>(read: (from: Buffer) => T): T | undefined => { try { return read(each) } catch { return undefined } }
    const host = decode(Describe.responseDeserialize)
    if (host !== undefined) toHost(host, 0)
    const order = decode(ScheduleReboot.responseDeserialize)?.state
    if (order != null) toOrder(order)
    const verdict = decode(Health.responseDeserialize)?.verdict
    if (verdict != null && toVerdict(verdict).status === 'healthy' && verdict.status !== 'HEALTH_STATUS_HEALTHY') throw new Error('healthy, from nowhere')
  }, 500))
  const odd = (status: number): string => toVerdict(Health.responseDeserialize(Health.responseSerialize({ verdict: { status: status as never, evidence: [{ check: 'x', status: status as never }] } })).verdict as never).status
  t.same([0, 4, 77, -1].map(odd), ['unknown', 'unknown', 'unknown', 'unknown'])
})
