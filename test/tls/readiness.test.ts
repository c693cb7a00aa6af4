// Who may report ready: an agent of the own fleet, about itself alone. Real certificates, real gRPC.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { CoordinatorService, faultCodeTrailer, holderTrailer, type wire } from '@pitstop/proto'
import { serveReadiness } from '@pitstop/coordinator/adapters/readiness/serve-readiness'
import { Fault } from '@pitstop/shared/fault'
import t from 'tap'
import { type Files, authority, issue } from './issue-certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'pitstop-tls-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })

function report(port: number, files: Files | null, trusted: string, node: string, fleet = 'lab'): Promise<{ answer?: wire.ReportReadyResponse__Output | undefined, error?: grpc.ServiceError }> {
  const credentials = files === null ? grpc.credentials.createSsl(readFileSync(trusted)) : grpc.credentials.createSsl(readFileSync(trusted), readFileSync(files.key), readFileSync(files.certificate))
  const client = new CoordinatorService(`127.0.0.1:${port}`, credentials, { 'grpc.ssl_target_name_override': 'coordinator.test', 'grpc.default_authority': 'coordinator.test' })
  return new Promise((resolve) => {
    client.ReportReady({ fleet, node, order_id: 'reboot-1-x', boot_id: 'boot-2' }, { deadline: Date.now() + 5000 }, (error, answer) => {
      client.close()
      resolve(error === null ? { answer } : { error })
    })
  })
}

void t.test('an agent is heard about itself; wrong role, fleet, node and strangers get a plain refusal; a standby names the holder', async (t) => {
  const ca = await authority(folder, 'ours', 'lab')
  const strangers = await authority(folder, 'theirs', 'lab')
  const otherFleet = await authority(folder, 'other', 'other')
  const tls = await issue(ca, 'coordinator', 'coordinator.test')
  const heard: string[] = []
  let standby = false
  const server = await serveReadiness({
    listen: '127.0.0.1:0', fleet: 'lab', tls,
    coordinator: {
      get acting() { return !standby },
      holder: { fleet: 'lab', holder: 'other', address: '127.0.0.1:9999', api: '', epoch: 7, expiresAt: 1, leftMs: 1 },
      ready: async ({ node, orderId }) => {
        if (standby) throw new Fault('STANDBY', 'this coordinator stands by')
        heard.push(`${node} ${orderId}`)
        return { result: 'accepted', epoch: 7 }
      }
    }
  })
  t.teardown(() => server.close())
  const own = await issue(ca, 'agent', 'gitaly-01.test')
  t.match(await report(server.port, own, tls.authority, 'gitaly-01.test'), { answer: { result: 'REPORT_RESULT_ACCEPTED', epoch: 7 } })
  t.same(heard, ['gitaly-01.test reboot-1-x'])

  const code = (error?: grpc.ServiceError): unknown => error?.metadata.get(faultCodeTrailer)[0]
  const wrongNode = await report(server.port, own, tls.authority, 'gitaly-02.test')
  t.equal(code(wrongNode.error), 'WRONG_NODE')
  t.match(wrongNode.error?.details, /gitaly-01\.test may speak for itself alone, not for gitaly-02\.test/)
  t.equal(code((await report(server.port, await issue(ca, 'coordinator', 'gitaly-01.test'), tls.authority, 'gitaly-01.test')).error), 'WRONG_ROLE')
  t.equal(code((await report(server.port, own, tls.authority, 'gitaly-01.test', 'other')).error), 'WRONG_FLEET')
  const expired = await issue(ca, 'agent', 'gitaly-01.test', Date.now() - 40 * 86_400_000, 30)
  t.equal((await report(server.port, expired, tls.authority, 'gitaly-01.test')).error?.code, grpc.status.UNAVAILABLE, 'an expired certificate does not get in')
  t.equal((await report(server.port, await issue(strangers, 'agent', 'gitaly-01.test'), tls.authority, 'gitaly-01.test')).error?.code, grpc.status.UNAVAILABLE)
  t.equal((await report(server.port, await issue(otherFleet, 'agent', 'gitaly-01.test'), tls.authority, 'gitaly-01.test')).error?.code, grpc.status.UNAVAILABLE)
  t.equal((await report(server.port, null, tls.authority, 'gitaly-01.test')).error?.code, grpc.status.UNAVAILABLE, 'without a certificate')
  t.equal(heard.length, 1)

  standby = true
  const refused = await report(server.port, own, tls.authority, 'gitaly-01.test')
  t.equal(refused.error?.code, grpc.status.UNAVAILABLE)
  t.same(refused.error?.metadata.get(holderTrailer), ['127.0.0.1:9999'])
})
