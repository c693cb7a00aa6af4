// The GitLab adapter over real HTTP: each way of no, repository moves, and rights proven without effect.
import t, { type Test } from 'tap'
import type { PlantedFault } from '../../../../test/stand-ins/gitlab/faults.ts'
import type { GitLabOptions } from '../../../../test/stand-ins/gitlab/gitlab.ts'
import { GitLabFault } from './gitlab-fault.ts'
import { bot, faultOf, never, requests, scene, schedule } from './gitlab-scene.ts'

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
