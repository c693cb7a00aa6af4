// The stand-in keeps the traps of the real API; facts/gitlab-and-gitaly.md names the source of each.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createGitLab, type GitLabOptions, type GitLabStandIn } from './gitlab.ts'

const admin = { name: 'admin', value: 'a', user: { id: 1, username: 'root', admin: true }, scopes: ['api'], expiresAt: null }
const mere = { name: 'mere', value: 'm', user: { id: 2, username: 'mere', admin: false }, scopes: ['api'], expiresAt: null }
const reader = { ...admin, name: 'reader', value: 'r', scopes: ['read_api'] }
const schedule = { id: 3, project: { id: 42, path: 'a/b' }, ownerId: 9, description: 'daily', hour: 4, active: true, variables: [{ key: 'K', value: 'V' }] }
const options: GitLabOptions = { storages: ['one', 'two', 'three'], weights: { one: 100, two: 5 }, tokens: [admin, mere, reader], schedule }

interface Reply { readonly status: number, readonly text: string, readonly body: Record<string, unknown>, readonly headers: Headers }

async function start(t: Test, more: Partial<GitLabOptions> = {}): Promise<{ standIn: GitLabStandIn, ask: (method: string, path: string, token?: string, body?: unknown) => Promise<Reply> }> {
  const standIn = createGitLab({ ...options, ...more })
  const url = await standIn.listen()
  t.teardown(() => standIn.close())
  return {
    standIn,
    ask: async (method, path, token = 'a', body?: unknown) => {
      const reply = await fetch(`${url}/api/v4${path}`, { method, headers: { 'private-token': token, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      const text = await reply.text()
      return { status: reply.status, text, body: text.startsWith('{') ? JSON.parse(text) as Record<string, unknown> : {}, headers: reply.headers }
    }
  }
}

const settings = '/application/settings'
const weights = (hash: unknown): object => ({ repository_storages_weighted: hash })

void t.test('a PUT replaces the whole hash: what is left out reads back as 0', async (t) => {
  const { ask } = await start(t)
  t.strictSame((await ask('GET', settings)).body['repository_storages_weighted'], { one: 100, two: 5, three: 0 })
  t.strictSame((await ask('PUT', settings, 'a', weights({ two: 7 }))).body['repository_storages_weighted'], { one: 0, two: 7, three: 0 })
  t.equal((await ask('GET', settings)).body['signup_enabled'], false, 'other settings stand beside it')
})

void t.test('values are coerced by to_i; unknown storages and ranges are refused', async (t) => {
  const { ask, standIn } = await start(t)
  t.strictSame((await ask('PUT', settings, 'a', weights({ one: null, two: '12abc', three: 12.7 }))).body['repository_storages_weighted'], { one: 0, two: 12, three: 12 })
  t.strictSame((await ask('PUT', settings, 'a', weights({ one: 101, four: 1, five: 1 }))).body, { message: { repository_storages_weighted: ['can\'t include: four, five', 'value for \'one\' must be between 0 and 100'] } })
  for (const bad of [[], 'x', { one: true }, { one: {} }]) t.match(await ask('PUT', settings, 'a', weights(bad)), { status: 400, body: { error: 'repository_storages_weighted is invalid' } })
  t.match(await ask('PUT', settings, 'a', {}), { status: 400 })
  t.strictSame((await ask('PUT', settings, 'a', weights({ one: 0, two: 0, three: 0 }))).status, 200, 'all zero is not refused')
  standIn.world.removeStorage('three')
  t.strictSame((await ask('GET', settings)).body['repository_storages_weighted'], { one: 0, two: 0 })
})

void t.test('401 without a token, 403 for mere users, reading tokens and Admin Mode', async (t) => {
  const { ask, standIn } = await start(t)
  t.match(await ask('GET', settings, 'wrong'), { status: 401, body: { message: '401 Unauthorized' } })
  t.match(await ask('GET', settings, 'm'), { status: 403, body: { message: '403 Forbidden' } })
  t.match(await ask('PUT', settings, 'r', weights({ one: 1 })), { status: 403, body: { error: 'insufficient_scope' } })
  t.equal((await ask('GET', settings, 'r')).status, 200)
  standIn.adminMode = true
  t.match(await ask('GET', settings), { status: 403, body: { message: '403 Forbidden' } })
  t.match((await ask('GET', '/user', 'm')).body, { username: 'mere', is_admin: undefined })
  t.match((await ask('GET', '/user')).body, { username: 'root', is_admin: true })
  t.equal((await ask('GET', '/version')).body['version'], '18.6.0-ee')
})

void t.test('a schedule is saved by owner or administrator; each save computes next_run_at anew', async (t) => {
  const { ask, standIn } = await start(t)
  const path = '/projects/a%2Fb/pipeline_schedules/3'
  if (standIn.world.schedule !== undefined) standIn.world.schedule.nextRunAt = 0
  t.match((await ask('GET', path, 'm')).body, { active: true, next_run_at: '1970-01-01T00:00:00.000Z', variables: [{ key: 'K', value: 'V' }] })
  t.equal((await ask('PUT', path, 'm', { active: false })).status, 403)
  const saved = await ask('PUT', path, 'a', { active: false })
  t.ok(Date.parse(String(saved.body['next_run_at'])) > Date.now())
  t.equal((await ask('GET', '/projects/42/pipeline_schedules/4')).status, 404)
  t.equal((await ask('POST', `${path}/play`)).status, 201, 'an inactive schedule can be played')
  await sleep(200)
  t.equal(standIn.world.pipelines[0]?.status, 'success')
})

void t.test('a parameter is a parameter, in the query, in a form or in JSON; where two name it the body wins', async (t) => {
  const { ask, standIn } = await start(t)
  const path = '/projects/a%2Fb/pipeline_schedules/3'
  const active = async (query: string, body?: unknown): Promise<unknown> => (await ask('PUT', `${path}${query}`, 'a', body)).body['active']
  t.equal(await active('?active=false'), false)
  t.equal(await active('?active=1'), true)
  t.equal(await active('?active=true', { active: false }), false)
  t.equal(await active('', { active: 'on' }), true)
  t.equal(await active('?description=x'), true, 'what is not named stays')
  t.match(await ask('PUT', `${path}?active=maybe`), { status: 400, body: { error: 'active is invalid' } })
  const form = await fetch(`${standIn.url}/api/v4${path}`, { method: 'PUT', headers: { 'private-token': 'a' }, body: new URLSearchParams({ active: 'false' }) })
  t.match(await form.json(), { active: false })
  t.strictSame((await ask('PUT', `${settings}?repository_storages_weighted%5Bone%5D=7`)).body['repository_storages_weighted'], { one: 7, two: 0, three: 0 }, 'the whole hash, also by a query')
})

void t.test('pipelines: of the schedule oldest first, of the project newest first, in pages', async (t) => {
  const { ask, standIn } = await start(t)
  for (let i = 0; i < 5; i++) standIn.world.startAssigner({ status: 'success' })
  const ids = (reply: Reply): number[] => (JSON.parse(reply.text) as { id: number }[]).map(({ id }) => id)
  const page = await ask('GET', '/projects/42/pipeline_schedules/3/pipelines?per_page=2')
  t.strictSame(ids(page), [1000, 1001])
  t.equal(page.headers.get('x-total-pages'), '3')
  t.strictSame(ids(await ask('GET', '/projects/42/pipelines?status=success')), [1004, 1003, 1002, 1001, 1000])
  t.equal((await ask('GET', '/projects/42/pipelines?status=odd')).status, 400)
})

void t.test('a running assigner overwrites zeros set by hand until it is cancelled', async (t) => {
  const { ask, standIn } = await start(t)
  const id = standIn.world.startAssigner({ writeEveryMs: 20, weights: { two: 40 } })
  standIn.world.personSets('one', 0)
  await sleep(80)
  t.strictSame(standIn.world.weights(), { one: 100, two: 40, three: 100 })
  t.equal((await ask('POST', `/projects/42/pipelines/${id}/cancel`)).status, 201)
  standIn.world.personSets('one', 0)
  await sleep(60)
  t.equal(standIn.world.weights()['one'], 0)
  t.ok(['person', 'assigner'].every((by) => standIn.log.lines.some((line) => line.kind === 'weights' && line.by === by)))
})

void t.test('two weight writes in flight are a violation, also when the first was given up and lands late', async (t) => {
  const { ask, standIn } = await start(t)
  standIn.faults.plant({ method: 'PUT', effect: { kind: 'land-late', ms: 200 } })
  const lost = fetch(`${standIn.url}/api/v4${settings}`, { method: 'PUT', signal: AbortSignal.timeout(50), headers: { 'private-token': 'a', 'content-type': 'application/json' }, body: JSON.stringify(weights({ one: 1 })) })
  await t.rejects(lost)
  t.strictSame(standIn.log.violations, [])
  await ask('PUT', settings, 'a', weights({ one: 2 }))
  t.match(standIn.log.violations, [/2 weight writes in flight at once/])
  await sleep(300)
  t.equal(standIn.world.weights()['one'], 1, 'the lost write won')
})

void t.test('as a program it prints its URL, is moved through its handle and logs to a file', async (t) => {
  const folder = await temporaryFolder(t, 'pitstop-stand-in-')
  const [config, logFile] = [join(folder, 'config.json'), join(folder, 'log')]
  await writeFile(config, JSON.stringify({ ...options, logFile }))
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), config], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  const [url] = await once(createInterface(child.stdout), 'line') as [string]
  const post = (path: string, body: unknown): Promise<Response> => fetch(`${url}/-/stand-in/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  await post('person', { storage: 'one', weight: 3 })
  await post('faults', { effect: { kind: 'status', status: 418, body: 'Retry' } })
  t.equal((await fetch(`${url}/api/v4/version`, { headers: { 'private-token': 'a' } })).status, 418)
  t.match(await (await fetch(`${url}/-/stand-in/state`)).json(), { weights: { one: 3 }, violations: [] })
  child.kill('SIGTERM')
  t.strictSame(await exit, [0, null])
  t.match((await readFile(logFile, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as object), [{ kind: 'weights', by: 'person' }, { kind: 'request', token: 'admin' }, { kind: 'answer', status: 418 }])
})

/** Gone with its test. */
async function temporaryFolder(owner: { teardown(handler: () => unknown): void }, prefix: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  owner.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
