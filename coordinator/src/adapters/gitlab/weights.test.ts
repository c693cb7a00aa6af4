// Weights over real HTTP: what GitLab takes, drops and coerces, and what comes of a write whose answer is lost.
import { createServer as createSecureServer } from 'node:https'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createAuthority } from '../../pki/authority.ts'
import { issueCertificate } from '../../pki/issue.ts'
import { createRequest } from '../../pki/request.ts'
import { faultOf, requests, scene } from './gitlab-scene.ts'

void t.test('weights', async (t) => {
  await t.test('reading gives every configured storage, the unset ones as 0', async (t) => {
    const { gitlab } = await scene(t)
    t.strictSame(await gitlab.readWeights(), { default: 100, 'nfs-file01': 50, 'nfs-file02': 0 })
  })

  await t.test('the whole hash is sent and what GitLab stored comes back', async (t) => {
    const { gitlab, standIn } = await scene(t)
    const wanted = { default: 100, 'nfs-file01': 0, 'nfs-file02': 7 }
    t.strictSame(await gitlab.writeWeights(wanted), wanted)
    t.strictSame(standIn.world.stored, wanted)
    t.match(standIn.log.lines.find((line) => line.kind === 'request' && line.method === 'PUT'), { token: 'bot', body: { repository_storages_weighted: wanted } })
    t.notMatch(JSON.stringify(standIn.log.lines), /TheSecret/)
  })

  await t.test('an empty hash, a bad value and a sum of zero are refused before anything is sent', async (t) => {
    const { gitlab, standIn } = await scene(t)
    for (const [weights, code] of [
      [{}, 'INVALID_INPUT'], [{ default: 1.5 }, 'INVALID_INPUT'], [{ default: -1 }, 'INVALID_INPUT'], [{ default: 101 }, 'INVALID_INPUT'],
      [{ default: Number.NaN }, 'INVALID_INPUT'], [{ default: '5' as unknown as number }, 'INVALID_INPUT'], [{ default: null as unknown as number }, 'INVALID_INPUT'],
      [{ default: 0, 'nfs-file01': 0 }, 'WEIGHT_FLOOR']
    ] as const) t.equal((await faultOf(t, gitlab.writeWeights(weights))).code, code)
    t.equal(requests(standIn, 'PUT'), 0)
  })

  await t.test('a second write while one is in flight is not sent', async (t) => {
    const { gitlab, standIn, plant } = await scene(t)
    plant({ kind: 'latency', ms: 100 }, { method: 'PUT' })
    const first = gitlab.writeWeights({ default: 1 })
    t.equal((await faultOf(t, gitlab.writeWeights({ default: 2 }))).code, 'INTERNAL')
    await first
    t.equal(requests(standIn, 'PUT'), 1)
    t.strictSame(standIn.log.violations, [])
    t.match(await gitlab.writeWeights({ default: 3 }), { default: 3 })
  })

  await t.test('a storage that GitLab does not have is refused with its name', async (t) => {
    const { gitlab, standIn } = await scene(t)
    standIn.world.removeStorage('nfs-file02')
    const fault = await faultOf(t, gitlab.writeWeights({ default: 1, 'nfs-file02': 1 }))
    t.match(fault, { code: 'GITLAB_REFUSED', message: /can't include: nfs-file02/ })
    t.equal(standIn.world.stored['nfs-file02'], undefined)
  })

  await t.test('a write that times out and lands late is in doubt, and is not sent again', async (t) => {
    const { gitlab, standIn, plant } = await scene(t, {}, { requestTimeoutMs: 400 })
    plant({ kind: 'land-late', ms: 400 }, { method: 'PUT' })
    const fault = await faultOf(t, gitlab.writeWeights({ default: 3 }))
    t.match(fault, { code: 'GITLAB_TIMEOUT', message: /no answer within 400ms/ })
    t.match(await gitlab.readWeights(), { default: 100 }, 'not landed yet')
    t.equal(standIn.log.weightWritesInFlight, 1)
    await sleep(600)
    t.match(await gitlab.readWeights(), { default: 3 }, 'landed')
    t.equal(standIn.log.weightWritesInFlight, 0)
    t.equal(requests(standIn, 'PUT'), 1)
  })

  await t.test('a write that broke off after the connection stood is in doubt', async (t) => {
    const { gitlab, standIn, plant } = await scene(t)
    for (const kind of ['reset', 'reset-after', 'cut'] as const) {
      plant({ kind }, { method: 'PUT' })
      t.equal((await faultOf(t, gitlab.writeWeights({ default: 9 }))).code, 'GITLAB_TIMEOUT', kind)
    }
    for (const status of [502, 504, 524]) {
      plant({ kind: 'status', status, body: '<html>proxy</html>' }, { method: 'PUT' })
      t.equal((await faultOf(t, gitlab.writeWeights({ default: 9 }))).code, 'GITLAB_TIMEOUT', String(status))
    }
    t.equal(requests(standIn, 'PUT'), 6)
  })

  await t.test('a write to a port where nobody listens was certainly not sent', async (t) => {
    const { gitlab, standIn } = await scene(t)
    await standIn.close()
    t.match(await faultOf(t, gitlab.writeWeights({ default: 9 })), { code: 'GITLAB_UNREACHABLE', message: /ECONNREFUSED\); nothing was sent/ })
    t.match(await faultOf(t, gitlab.readWeights()), { code: 'GITLAB_UNREACHABLE' })
  })

  await t.test('a certificate that is not trusted is said so, and no token is sent', async (t) => {
    const identity = { fleet: 'gprd', role: 'agent', name: 'localhost' } as const
    const { keyPem, requestPem } = await createRequest(identity)
    const { certificatePem } = await issueCertificate(requestPem, await createAuthority('gprd', Date.now()), identity, Date.now())
    let seen = 0
    const server = createSecureServer({ key: keyPem, cert: certificatePem }, () => { seen++ }).listen(0, '127.0.0.1')
    await new Promise((resolve) => { server.once('listening', resolve) })
    t.teardown(() => { server.close() })
    const { gitlab } = await scene(t, {}, { url: `https://127.0.0.1:${(server.address() as { port: number }).port}` })
    t.match(await faultOf(t, gitlab.readWeights()), { code: 'GITLAB_UNREACHABLE', hint: /NODE_EXTRA_CA_CERTS/ })
    t.match(await faultOf(t, gitlab.writeWeights({ default: 1 })), { code: 'GITLAB_UNREACHABLE', message: /UNABLE_TO_VERIFY.*nothing was sent/, hint: /NODE_EXTRA_CA_CERTS/ })
    t.equal(seen, 0)
  })

  await t.test('a server that accepts and never answers ends in a timeout, for reads and writes', async (t) => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await new Promise((resolve) => { silent.once('listening', resolve) })
    t.teardown(() => { silent.close() })
    const { port } = silent.address() as { port: number }
    const { gitlab } = await scene(t, {}, { url: `http://127.0.0.1:${port}`, requestTimeoutMs: 300 })
    t.match(await faultOf(t, gitlab.readWeights()), { code: 'GITLAB_TIMEOUT', hint: /nothing was changed/ })
    t.match(await faultOf(t, gitlab.writeWeights({ default: 1 })), { code: 'GITLAB_TIMEOUT', message: /may have been carried out/ })
  })
})
