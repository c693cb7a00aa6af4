// The GitLab adapter against the stand-in over real HTTP: what is sent, what is believed, and each way of "no".
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createSecureServer } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { readConfiguration } from '@pitstop/shared/configuration'
import { asFault, type Fault } from '@pitstop/shared/fault'
import * as v from 'valibot'
import type { PlantedFault } from '../../../../test/stand-ins/gitlab/faults.ts'
import { createGitLab as createStandIn, type GitLabOptions, type GitLabStandIn } from '../../../../test/stand-ins/gitlab/gitlab.ts'
import { createAuthority } from '../../pki/authority.ts'
import { issueCertificate } from '../../pki/issue.ts'
import { createRequest } from '../../pki/request.ts'
import { GitLabFault } from './gitlab-fault.ts'
import { type GitLabSettings, gitLabSection } from './gitlab-section.ts'
import { createGitLab } from './gitlab.ts'
import type { GitLab } from './port.ts'
import { tokenWarnings } from './token.ts'

const secret = 'glpat-TheSecretTokenValue'
const bot = { name: 'bot', value: secret, user: { id: 5, username: 'pitstop-bot', admin: true }, scopes: ['api', 'admin_mode'], expiresAt: null }
const schedule = { id: 319, project: { id: 42, path: 'gl-infra/weights' }, ownerId: 9, description: 'gprd daily', hour: 4, active: true, variables: [{ key: 'TARGET_API_PRIVATE_TOKEN', value: 'glpat-InTheSchedule' }] }
const storages = ['default', 'nfs-file01', 'nfs-file02']
const never = 0

interface Scene { readonly standIn: GitLabStandIn, readonly gitlab: GitLab, readonly tokenFile: string, readonly plant: (effect: PlantedFault['effect'], match?: Omit<PlantedFault, 'effect'>) => void }

async function scene(t: Test, options: Partial<GitLabOptions> = {}, overrides: Partial<GitLabSettings> = {}): Promise<Scene> {
  const standIn = createStandIn({ storages, weights: { default: 100, 'nfs-file01': 50 }, tokens: [bot], schedule, ...options })
  const url = await standIn.listen()
  const tokenFile = join(await temporaryFolder(t, 'pitstop-gitlab-'), 'token')
  await writeFile(tokenFile, `${secret}\n`, { mode: 0o600 })
  const gitlab = createGitLab({
    url, token: { file: tokenFile }, requestTimeoutMs: 2000, landsWithinMs: 1000, moves: true,
    assigner: { url, token: { file: tokenFile }, project: 'gl-infra/weights', schedule: 319 }, ...overrides
  })
  t.teardown(async () => {
    await gitlab.close()
    await standIn.close()
  })
  return { standIn, gitlab, tokenFile, plant: (effect, match = {}) => standIn.faults.plant({ ...match, effect }) }
}

async function faultOf(t: Test, act: Promise<unknown>): Promise<Fault> {
  try {
    await act
  } catch (thrown) {
    const fault = asFault(thrown)
    t.notMatch(JSON.stringify([fault.toReason(), fault.stack]), /TheSecret|InTheSchedule/, 'no secret in a fault')
    return fault
  }
  t.fail('a fault was expected')
  throw new Error('no fault')
}

const requests = (standIn: GitLabStandIn, method: string): number =>
  standIn.log.lines.filter((line) => line.kind === 'request' && line.method === method).length

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

void t.test('each way of no', async (t) => {
  const cases: readonly [string, PlantedFault['effect'], string, RegExp][] = [
    ['401', { kind: 'status', status: 401, body: '{"message":"401 Unauthorized"}' }, 'GITLAB_TOKEN', /401 Unauthorized/],
    ['403', { kind: 'status', status: 403, body: '{"message":"403 Forbidden"}' }, 'GITLAB_FORBIDDEN', /403 Forbidden/],
    ['404', { kind: 'status', status: 404, body: '{"error":"404 Not Found"}' }, 'GITLAB_NOT_FOUND', /404 Not Found/],
    ['409', { kind: 'status', status: 409, body: '{"message":"409 Conflict"}' }, 'GITLAB_CONFLICT', /409 Conflict/],
    ['429 as text', { kind: 'status', status: 429, body: 'Retry later\n' }, 'GITLAB_RATE_LIMITED', /Retry later$/],
    ['500', { kind: 'status', status: 500, body: '{"message":"500 Internal Server Error"}' }, 'GITLAB_ERROR', /500/],
    ['503 with a page', { kind: 'status', status: 503, body: '<html>maintenance glpat-TheSecretX</html>' }, 'GITLAB_ERROR', /answered 503 while \w+ the weights$/],
    ['a redirect', { kind: 'status', status: 302, headers: { location: 'https://elsewhere.example/login?secret=1' } }, 'GITLAB_ANSWER_INVALID', /302/],
    ['half a document', { kind: 'truncate' }, 'GITLAB_ANSWER_INVALID', /only a part of it/],
    ['a list', { kind: 'status', status: 200, body: '[]' }, 'GITLAB_ANSWER_INVALID', /not what its API promises/],
    ['settings without weights', { kind: 'rewrite', fields: { repository_storages_weighted: '-' } }, 'GITLAB_ANSWER_INVALID', /repository_storages_weighted/],
    ['weights without storages', { kind: 'rewrite', fields: { repository_storages_weighted: {} } }, 'GITLAB_ANSWER_INVALID', /names no storage/],
    ['a weight that is text', { kind: 'rewrite', fields: { repository_storages_weighted: { default: '100' } } }, 'GITLAB_ANSWER_INVALID', /repository_storages_weighted\.default/],
    ['half a weight', { kind: 'rewrite', fields: { repository_storages_weighted: { default: 99.5 } } }, 'GITLAB_ANSWER_INVALID', /integer/],
    ['a weight over 100', { kind: 'rewrite', fields: { repository_storages_weighted: { default: 101 } } }, 'GITLAB_ANSWER_INVALID', /100/]
  ]
  for (const [name, effect, code, text] of cases) {
    await t.test(`${name} becomes ${code}, and a write is not repeated`, async (t) => {
      const { gitlab, standIn, plant } = await scene(t, {}, { requestTimeoutMs: 1500 })
      plant(effect, { method: 'GET', times: 3 })
      t.match(await faultOf(t, gitlab.readWeights()), { code, message: text })
      plant(effect, { method: 'PUT', times: 3 })
      t.match(await faultOf(t, gitlab.writeWeights({ default: 4 })), { code, message: text })
      t.equal(requests(standIn, 'PUT'), 1)
    })
  }

  await t.test('a limited read waits as asked and succeeds; a limited write tells how long, and is not repeated', async (t) => {
    const { gitlab, standIn, plant } = await scene(t)
    plant({ kind: 'status', status: 429, body: 'Retry later', headers: { 'retry-after': '1' } }, { method: 'GET' })
    const began = performance.now()
    t.match(await gitlab.readWeights(), { default: 100 })
    t.ok(performance.now() - began >= 990)
    plant({ kind: 'status', status: 429, body: '{"message":"too many"}', headers: { 'retry-after': '3' } }, { method: 'PUT' })
    const fault = await faultOf(t, gitlab.writeWeights({ default: 4 }))
    t.match(fault, { code: 'GITLAB_RATE_LIMITED', after: 3000, message: /wait 3s/ })
    t.ok(fault instanceof GitLabFault)
    t.equal(requests(standIn, 'PUT'), 1)
  })

  await t.test('a wait longer than the deadline is not begun', async (t) => {
    const { gitlab, standIn, plant } = await scene(t)
    plant({ kind: 'status', status: 429, headers: { 'retry-after': '3600' } }, { method: 'GET' })
    const began = performance.now()
    t.match(await faultOf(t, gitlab.readWeights()), { code: 'GITLAB_RATE_LIMITED', after: 3_600_000 })
    t.ok(performance.now() - began < 1000)
    t.equal(requests(standIn, 'GET'), 1)
  })

  await t.test('a read survives a broken connection and a bad gateway, three times at most', async (t) => {
    const { gitlab, standIn, plant } = await scene(t)
    plant({ kind: 'reset' })
    plant({ kind: 'status', status: 502 })
    t.match(await gitlab.readWeights(), { default: 100 })
    t.equal(requests(standIn, 'GET'), 3)
    plant({ kind: 'reset' }, { times: 3 })
    t.equal((await faultOf(t, gitlab.readWeights())).code, 'GITLAB_UNREACHABLE')
    t.match(await gitlab.readWeights(), { default: 100 })
  })
})

void t.test('tokens', async (t) => {
  await t.test('a rotated token is used at the next request', async (t) => {
    const { gitlab, standIn, tokenFile } = await scene(t)
    await gitlab.readWeights()
    standIn.tokens = [{ ...bot, name: 'fresh', value: 'glpat-TheSecretRotated' }]
    t.match(await faultOf(t, gitlab.readWeights()), { code: 'GITLAB_TOKEN', hint: new RegExp(`put a valid token into the file ${tokenFile}`) })
    await writeFile(tokenFile, 'glpat-TheSecretRotated')
    t.match(await gitlab.readWeights(), { default: 100 })
  })

  await t.test('a missing, empty or odd token is named by its place and nothing is sent', async (t) => {
    const { gitlab, standIn, tokenFile } = await scene(t)
    for (const text of ['', ' \n', 'glpat-TheSecret and more', 'glpat-TheSecret\nglpat-TheSecret2']) {
      await writeFile(tokenFile, text)
      t.match(await faultOf(t, gitlab.readWeights()), { code: 'GITLAB_TOKEN', message: new RegExp(tokenFile) })
    }
    const missing = createGitLab({ url: standIn.url, token: { file: '/nowhere/token' }, requestTimeoutMs: 500, landsWithinMs: 0, moves: false })
    t.match(await faultOf(t, missing.writeWeights({ default: 1 })), { code: 'GITLAB_TOKEN', message: /\/nowhere\/token cannot be read \(ENOENT\)/ })
    await missing.close()
    t.equal(standIn.log.lines.length, 0)
  })

  await t.test('a token can come from the environment', async (t) => {
    process.env['PITSTOP_TEST_TOKEN'] = secret
    t.teardown(() => { delete process.env['PITSTOP_TEST_TOKEN'] })
    const { gitlab } = await scene(t, {}, { token: { env: 'PITSTOP_TEST_TOKEN' } })
    t.match(await gitlab.readWeights(), { default: 100 })
    delete process.env['PITSTOP_TEST_TOKEN']
    t.match(await faultOf(t, gitlab.readWeights()), { code: 'GITLAB_TOKEN', message: /PITSTOP_TEST_TOKEN/ })
  })

  await t.test('a token file that everybody can read is a warning', async (t) => {
    const folder = await temporaryFolder(t, 'pitstop-token-')
    await writeFile(join(folder, 'open'), 'x', { mode: 0o644 })
    await writeFile(join(folder, 'closed'), 'x', { mode: 0o640 })
    const found = await tokenWarnings([{ file: join(folder, 'open') }, { file: join(folder, 'closed') }, { env: 'HOME' }, { file: '/nowhere' }])
    t.match(found, [{ code: 'SECRET_EXPOSED', hint: /chmod o-rwx .*open/ }])
    t.equal(found.length, 1)
  })
})

void t.test('the assigner', async (t) => {
  await t.test('the schedule is read without its variables, by path or number', async (t) => {
    const { gitlab, standIn, tokenFile } = await scene(t)
    const read = await gitlab.readSchedule()
    t.match(read, { active: true, ownerId: 9, description: 'gprd daily', nextRunAt: Number })
    t.notMatch(JSON.stringify(read), /InTheSchedule/)
    const byNumber = createGitLab({ url: standIn.url, token: { file: tokenFile }, requestTimeoutMs: 500, landsWithinMs: 0, moves: false, assigner: { url: standIn.url, token: { file: tokenFile }, project: '42', schedule: 319 } })
    t.strictSame(await byNumber.readSchedule(), read)
    await byNumber.close()
  })

  await t.test('pausing and enabling is read off the answer', async (t) => {
    const { gitlab, standIn, plant } = await scene(t)
    t.match(await gitlab.setScheduleActive(false), { active: false })
    t.equal(standIn.world.schedule?.active, false)
    t.match(await gitlab.setScheduleActive(true), { active: true })
    plant({ kind: 'rewrite', fields: { active: true } }, { method: 'PUT' })
    t.match(await faultOf(t, gitlab.setScheduleActive(false)), { code: 'GITLAB_ANSWER_INVALID', message: /yet the schedule is active/ })
    plant({ kind: 'rewrite', fields: { active: 'no' } })
    t.match(await faultOf(t, gitlab.readSchedule()), { code: 'GITLAB_ANSWER_INVALID', message: /active/ })
    plant({ kind: 'truncate' })
    t.match(await faultOf(t, gitlab.readSchedule()), { code: 'GITLAB_ANSWER_INVALID' })
    plant({ kind: 'rewrite', fields: { id: 320 } })
    t.match(await faultOf(t, gitlab.readSchedule()), { code: 'GITLAB_ANSWER_INVALID', message: /320 instead of 319/ })
  })

  await t.test('a schedule that is not owned is refused with the way out', async (t) => {
    const { gitlab, standIn } = await scene(t, { tokens: [{ ...bot, user: { id: 5, username: 'mere', admin: false } }] })
    t.match(await faultOf(t, gitlab.setScheduleActive(false)), { code: 'GITLAB_FORBIDDEN', hint: /owner/ })
    t.equal(standIn.world.schedule?.active, true)
  })

  await t.test('every unfinished pipeline is seen, whatever started it, also an old one and an unknown status', async (t) => {
    const { gitlab, standIn } = await scene(t)
    t.strictSame(await gitlab.livePipelines(), [])
    const old = standIn.world.startAssigner({ source: 'web', status: 'running' })
    for (let i = 0; i < 120; i++) standIn.world.startAssigner({ status: ['success', 'failed', 'canceled', 'skipped', 'manual'][i % 5] ?? 'success' })
    const odd = standIn.world.startAssigner({ status: 'canceling' })
    const scheduled = standIn.world.startAssigner({ status: 'pending' })
    const live = await gitlab.livePipelines()
    t.strictSame(new Set(live.map(({ id }) => id)), new Set([old, odd, scheduled]))
    t.match(live.find(({ id }) => id === old), { status: 'running', source: 'web', webUrl: /pipelines\/1000/ })
    await gitlab.cancelPipeline(old)
    t.notOk((await gitlab.livePipelines()).some(({ id }) => id === old))
    t.match(await faultOf(t, gitlab.cancelPipeline(1)), { code: 'GITLAB_NOT_FOUND', message: /cancelling pipeline 1/ })
  })

  await t.test('a fleet without assigner says so', async (t) => {
    const { standIn, tokenFile } = await scene(t)
    const gitlab = createGitLab({ url: standIn.url, token: { file: tokenFile }, requestTimeoutMs: 500, landsWithinMs: 0, moves: false })
    t.equal(gitlab.hasAssigner, false)
    for (const act of [gitlab.readSchedule(), gitlab.setScheduleActive(true), gitlab.livePipelines(), gitlab.cancelPipeline(1)]) {
      t.equal((await faultOf(t, act)).code, 'NOT_FOUND')
    }
    t.strictSame(await gitlab.checkRights(never), [])
    t.equal(await gitlab.storageMoves(), undefined, 'no source for moves')
    await gitlab.close()
  })
})

void t.test('repository moves that are not over are told, from and to', async (t) => {
  const { gitlab, standIn, plant } = await scene(t)
  standIn.world.moves = [
    { kind: 'project', state: 'started', source: 'default', destination: 'nfs-file01' },
    ...Array.from({ length: 150 }, () => ({ kind: 'project' as const, state: 'finished', source: 'default', destination: 'nfs-file02' })),
    { kind: 'project', state: 'cleanup failed', source: 'default', destination: 'nfs-file02' },
    { kind: 'snippet', state: 'replicated', source: 'nfs-file01', destination: 'default' },
    { kind: 'group', state: 'a state of tomorrow', source: 'nfs-file02', destination: 'default' }
  ]
  t.strictSame((await gitlab.storageMoves())?.map(({ state }) => state), ['started', 'replicated', 'a state of tomorrow'])
  plant({ kind: 'status', status: 404, body: '{"error":"404 Not Found"}' }, { path: '/group_' })
  t.equal((await gitlab.storageMoves())?.length, 2, 'the community edition has no group moves')
  plant({ kind: 'status', status: 404, body: '{"error":"404 Not Found"}' }, { path: '/project_' })
  t.equal((await faultOf(t, gitlab.storageMoves())).code, 'GITLAB_NOT_FOUND')
})

void t.test('rights are proven without effect', async (t) => {
  const codes = async (t: Test, options: Partial<GitLabOptions>, at = never): Promise<string[]> => {
    const { gitlab, standIn } = await scene(t, options)
    const reasons = await gitlab.checkRights(at)
    t.equal(standIn.log.lines.filter((line) => line.kind === 'request' && line.method !== 'GET').length, 0, 'only reads')
    t.notMatch(JSON.stringify(reasons), /TheSecret|InTheSchedule/)
    return reasons.map(({ code, text }) => `${code}: ${text}`)
  }
  await t.test('an administrator with the right scopes is good', async (t) => t.strictSame(await codes(t, { adminMode: true }), []))
  await t.test('a wrong token is told once', async (t) => t.match(await codes(t, { tokens: [] }), [/^GITLAB_TOKEN/]))
  await t.test('a token that only reads is told', async (t) =>
    t.match(await codes(t, { tokens: [{ ...bot, scopes: ['read_api'] }] }), [/^GITLAB_FORBIDDEN: .*read_api: it cannot write/]))
  await t.test('Admin Mode without its scope is told', async (t) =>
    t.match(await codes(t, { adminMode: true, tokens: [{ ...bot, scopes: ['api'] }] }), [/lacks the scope admin_mode/, /GITLAB_FORBIDDEN/, /Schedule 319 .* belongs to user9; pitstop-bot may not save it: Admin Mode/]))
  await t.test('an ordinary user who does not own the schedule lacks both', async (t) => {
    const found = await codes(t, { tokens: [{ ...bot, user: { id: 5, username: 'mere', admin: false } }] })
    t.ok(found.some((text) => /mere may not read and set the weights: .*not show that user as an administrator/.test(text)))
    t.ok(found.some((text) => /belongs to user9; mere may not save it/.test(text)))
  })
  await t.test('a token that ends too early is told with its day; one that ends later is not', async (t) => {
    const tokens = [{ ...bot, expiresAt: '2099-03-01' }]
    t.match(await codes(t, { tokens }, Date.parse('2099-03-01T00:00:01Z')), [/^CERTIFICATE_EXPIRES: .*ends on 2099-03-01/])
    t.strictSame(await codes(t, { tokens }, Date.parse('2099-02-28T23:59:59Z')), [])
  })
  await t.test('an expired token is told', async (t) =>
    t.match((await codes(t, { tokens: [{ ...bot, expiresAt: '2001-01-01', active: false }] }))[0] ?? '', /^(GITLAB_TOKEN)/))
  await t.test('a missing schedule is told', async (t) => {
    t.match(await codes(t, { schedule: { ...schedule, id: 1 } }), [/^GITLAB_NOT_FOUND: .*Pipeline Schedule/])
  })
})

void t.test('the gitlab section of the configuration', async (t) => {
  const schema = v.strictObject({ gitlab: gitLabSection })
  const read = (lines: string): GitLabSettings => readConfiguration('c.yaml', `gitlab:\n${lines}`, schema).gitlab
  const problems = (lines: string): string => {
    try {
      read(lines)
      return 'accepted'
    } catch (thrown) {
      return asFault(thrown).message
    }
  }
  t.strictSame(read('  url: https://gitlab.example.com/\n  token-file: /etc/pitstop/token\n'),
    { url: 'https://gitlab.example.com', token: { file: '/etc/pitstop/token' }, requestTimeoutMs: 10_000, landsWithinMs: 60_000, moves: false })
  t.match(read('  url: http://127.0.0.1:8080/gitlab\n  token-env: T\n  request-timeout: 2s\n  moves: true\n  assigner: {url: https://ops.example, project: a/b/c, schedule: 319, token-env: O}\n'),
    { url: 'http://127.0.0.1:8080/gitlab', requestTimeoutMs: 2000, moves: true, assigner: { url: 'https://ops.example', project: 'a/b/c', schedule: 319, token: { env: 'O' } } })
  t.match(problems('  url: http://gitlab.example.com\n  token-env: T\n'), /c\.yaml:2:3: gitlab\.url: must be https/)
  t.match(problems('  url: https://gitlab.example.com/api/v4\n  token-env: T\n'), /without user, query and \/api\/v4/)
  t.match(problems('  url: https://g.example\n'), /exactly one of token-file and token-env/)
  t.match(problems('  url: https://g.example\n  token-env: T\n  token-file: t\n'), /exactly one of token-file and token-env/)
  t.match(problems('  url: https://g.example\n  token-env: T\n  timeout: 3s\n'), /c\.yaml:4:3: gitlab\.timeout: unknown key/)
  t.match(problems('  url: https://g.example\n  token-env: T\n  request-timeout: 10\n'), /must be a duration/)
  t.match(problems('  url: https://g.example\n  token-env: T\n  assigner: {url: https://o.example, project: "", schedule: x, token-env: T}\n'), /project: must be the project's number or its path[^]*schedule: must be the number/)
  t.end()
})

/** Gone with its test. */
async function temporaryFolder(owner: { teardown(handler: () => unknown): void }, prefix: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  owner.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
