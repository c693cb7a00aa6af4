// The HTTP API: who may do what, what is refused and how, and the event stream that loses nothing.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { Value } from 'typebox/value'
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import { faultTable } from '@pitstop/shared/fault-table'
import type { WindowView } from '../domain/view.ts'
import { createAuthority } from '../pki/authority.ts'
import { issueCertificate } from '../pki/issue.ts'
import { createRequest } from '../pki/request.ts'
import { buildApi } from './api.ts'
import { isLoopback, listenSocket, listenTcp, readPair, splitHostPort } from './listen.ts'
import type { Access, Api, ApiSettings } from './ports.ts'
import { windowAnswer } from './schema.ts'
import { ServedInMemory, nodeNames, startedAt, testPolicy } from './served-in-memory.ts'

const viewerToken = 'viewer-token-0123456789abcdef'
const operatorToken = 'operator-token-0123456789abcdef'

interface Setup { readonly api: Api, readonly served: ServedInMemory, readonly logged: string[], readonly folder: string }

async function setup(t: Test, given: Partial<ApiSettings> = {}): Promise<Setup> {
  const folder = await mkdtemp(join(tmpdir(), 'pitstop-http-'))
  await writeFile(join(folder, 'operator'), `${operatorToken}\n`)
  const access: Access = {
    kind: 'tokens',
    tokens: [
      { name: 'grafana', role: 'viewer', secret: { sha256: createHash('sha256').update(viewerToken).digest('hex') } },
      { name: 'ana', role: 'operator', secret: { file: join(folder, 'operator') } },
      { name: 'lost', role: 'operator', secret: { file: join(folder, 'nowhere') } }
    ]
  }
  const served = new ServedInMemory()
  const logged: string[] = []
  const api = await buildApi(served, {
    fleet: 'lab', version: '1.2.3', access, policy: testPolicy, hasAssigner: true, now: () => startedAt,
    inventory: { read: async () => ({ nodes: [], excluded: [] }) },
    log: (level, text, facts) => { logged.push(`${level} ${text} ${JSON.stringify(facts ?? {})}`) }, ...given
  })
  t.teardown(async () => {
    await api.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { api, served, logged, folder }
}

const local = { access: { kind: 'local' } } as const
const as = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` })

async function openWindow({ api }: Setup, headers: Record<string, string> = {}): Promise<WindowView> {
  const made = await api.inject({ method: 'POST', url: '/api/v1/plans', headers, payload: { reason: 'monthly', closesAt: startedAt + 3_600_000 } })
  const { hash } = made.json<{ hash: string }>()
  return (await api.inject({ method: 'POST', url: '/api/v1/window', headers, payload: { plan: hash, confirm: hash.slice(0, 8), reason: 'monthly' } })).json<WindowView>()
}

void t.test('a token opens what its role allows, and nothing without one', async (t) => {
  const { api, logged } = await setup(t)
  const freeze = { method: 'POST', url: '/api/v1/freeze', payload: { reason: 'incident' } } as const
  for (const headers of [{}, as('viewer-token-0123456789abcdeX'), as(''), { authorization: 'Basic abc' }]) {
    const answer = await api.inject({ url: '/api/v1/status', headers })
    t.equal(answer.statusCode, 401)
    t.match(answer.json(), { code: 'UNAUTHENTICATED', text: String, hint: String, reasons: [] })
  }
  t.equal((await api.inject({ url: '/api/v1/status', headers: as(viewerToken) })).statusCode, 200)
  const denied = await api.inject({ ...freeze, headers: as(viewerToken) })
  t.equal(denied.statusCode, 403)
  t.match(denied.json(), { code: 'WRONG_ROLE', text: 'grafana is a viewer; POST takes an operator' })
  t.match((await api.inject({ ...freeze, headers: as(operatorToken) })).json(), { frozen: { by: 'ana', reason: 'incident' } }, 'the token\'s name is who did it')
  t.notMatch(logged.join('\n'), /token-0123/, 'no token is logged')
  t.match(logged.join('\n'), /ana: POST \/api\/v1\/freeze 200/)
})

void t.test('a rotated token file counts at once, and an empty one opens nothing', async (t) => {
  const { api, folder } = await setup(t)
  const ask = async (token: string): Promise<number> => (await api.inject({ url: '/api/v1/status', headers: as(token) })).statusCode
  await writeFile(join(folder, 'operator'), 'another-token-0123456789abcdef')
  t.equal(await ask(operatorToken), 401)
  t.equal(await ask('another-token-0123456789abcdef'), 200)
  await writeFile(join(folder, 'operator'), 'short')
  t.equal(await ask('another-token-0123456789abcdef'), 401)
  t.equal(await ask('short'), 401, 'what can be guessed is no token')
  t.equal(await ask(''), 401)
})

void t.test('the header of the local CLI is believed on the socket alone', async (t) => {
  const remote = await setup(t)
  t.equal((await remote.api.inject({ url: '/api/v1/status', headers: { 'pitstop-user': 'root' } })).statusCode, 401)
  const here = await setup(t, local)
  t.equal((await openWindow(here, { 'pitstop-user': 'bo' })).by, 'bo')
  const odd = await here.api.inject({ method: 'POST', url: '/api/v1/freeze', headers: { 'pitstop-user': 'a\tb <x>' }, payload: { reason: 'x' } })
  t.match(odd.json(), { frozen: { by: 'local' } })
})

void t.test('unknown fields, wrong types, odd hashes and large bodies are refused, nothing is guessed', async (t) => {
  const { api } = await setup(t, local)
  const bad = [
    { url: '/api/v1/freeze', payload: { reason: 'x', forse: true } }, { url: '/api/v1/freeze', payload: { reason: 1 } }, { url: '/api/v1/freeze', payload: { reason: '' } },
    { url: '/api/v1/freeze', payload: {} }, { url: '/api/v1/plans', payload: { reason: 'x', closesAt: '1' } },
    { url: '/api/v1/plans', payload: { reason: 'x', closesAt: 1, policy: { groupSize: 0 } } }, { url: '/api/v1/plans', payload: { reason: 'x', closesAt: 1, policy: { deadlines: {} } } },
    { url: '/api/v1/window', payload: { plan: '../etc', confirm: 'x', reason: 'x' } }, { url: '/api/v1/preflight', payload: { plan: 'zz' } }
  ]
  for (const { url, payload } of bad) {
    const answer = await api.inject({ method: 'POST', url, payload })
    t.equal(answer.statusCode, 400, `${url} ${JSON.stringify(payload)}`)
    t.match(answer.json(), { code: 'INVALID_INPUT' })
  }
  t.equal((await api.inject({ url: '/api/v1/window?plan=abcd&x=1' })).statusCode, 400)
  t.equal((await api.inject({ method: 'POST', url: '/api/v1/freeze', headers: { 'content-type': 'application/json' }, payload: '{"reason":' })).statusCode, 400)
  t.equal((await api.inject({ method: 'POST', url: '/api/v1/freeze', payload: { reason: 'x'.repeat(300_000) } })).statusCode, 413)
  t.match((await api.inject({ url: '/api/v1/nothing' })).json(), { code: 'NOT_FOUND' })
  t.match((await api.inject({ url: '/api/v1/plans/abcdef' })).statusCode, 404)
})

void t.test('every fault has the status of the table and one form', async (t) => {
  const { api, served, logged } = await setup(t, local)
  const codes = ['STANDBY', 'FROZEN', 'STORE_UNAVAILABLE', 'GITLAB_RATE_LIMITED', 'PREFLIGHT_FAILED', 'STALE_VIEW'] as const
  for (const code of codes) {
    served.freeze = async () => { throw new Fault(code, `no: ${code} glpat-secret123`, { reasons: [reason('DISK_FULL', 'disk', 'make room')] }) }
    const answer = await api.inject({ method: 'POST', url: '/api/v1/freeze', payload: { reason: 'x' } })
    t.equal(answer.statusCode, faultTable[code].http)
    t.same(answer.json(), { code, text: `no: ${code} [token]`, hint: faultTable[code].hint, reasons: [{ code: 'DISK_FULL', text: 'disk', hint: 'make room' }] })
  }
  served.freeze = async () => { throw new TypeError('x of undefined') }
  const answer = await api.inject({ method: 'POST', url: '/api/v1/freeze', payload: { reason: 'x' } })
  t.equal(answer.statusCode, 500)
  t.match(answer.json(), { code: 'INTERNAL', text: 'x of undefined' })
  t.notMatch(answer.body, /http\.test\.ts/, 'no stack leaves')
  t.match(logged.at(-2), /http\.test\.ts/, 'the log has it')
})

void t.test('a window is planned, opened with its hash, told what to do, and shown in the documented form', async (t) => {
  const given = await setup(t, local)
  const { api, served } = given
  t.equal((await api.inject({ url: '/api/v1/window' })).statusCode, 404)
  const made = await api.inject({ method: 'POST', url: '/api/v1/plans', payload: { reason: 'monthly', closesAt: startedAt + 3_600_000, policy: { groupSize: 1, drain: 'none' } } })
  t.equal(made.statusCode, 201)
  const plan = made.json<{ hash: string, policy: { drain: string, prepareAhead: number }, opensAt: number }>()
  t.match(plan, { policy: { drain: 'none', prepareAhead: 2 }, opensAt: startedAt })
  t.match((await api.inject({ url: '/api/v1/plans' })).json(), { plans: [{ hash: plan.hash, nodes: 3 }] })
  t.match((await api.inject({ method: 'POST', url: '/api/v1/window', payload: { plan: plan.hash, confirm: '00000000', reason: 'x' } })).json(), { code: 'CONFIRMATION_MISMATCH' })
  t.equal((await api.inject({ method: 'POST', url: '/api/v1/window', payload: { plan: plan.hash.slice(0, 8), confirm: plan.hash, reason: 'x' } })).statusCode, 201)

  served.record({ type: 'window-rolling' }, { type: 'node-admitted', node: nodeNames[0] })
  t.match((await api.inject({ method: 'POST', url: '/api/v1/window/pause', payload: { reason: 'lunch' } })).json(), { label: 'paused' })
  t.match((await api.inject({ url: '/api/v1/why' })).json(), { label: 'paused', pause: [{ text: 'paused by local: lunch' }] })
  t.match((await api.inject({ method: 'POST', url: '/api/v1/window/resume', payload: { reason: 'back' } })).json(), { label: 'rolling' })
  t.match((await api.inject({ method: 'POST', url: `/api/v1/nodes/${nodeNames[0]}/skip`, payload: { reason: 'x' } })).json(), { code: 'NOT_NOW' })
  t.match((await api.inject({ method: 'POST', url: `/api/v1/nodes/${nodeNames[1].toUpperCase()}/skip`, payload: { reason: 'x', seen: 1 } })).json(), { phase: 'skipped' })
  served.record({ type: 'node-failed', node: nodeNames[0], step: 'upgrade', down: false, reasons: [reason('APT_FAILED', 'apt ended with 100')] })
  const seen = (await api.inject({ url: `/api/v1/nodes/${nodeNames[0]}` })).json<{ version: number }>().version
  t.match((await api.inject({ method: 'POST', url: `/api/v1/nodes/${nodeNames[0]}/retry`, payload: { reason: 'x', seen: seen - 1 } })).json(), { code: 'STALE_VIEW' })
  t.match((await api.inject({ method: 'POST', url: `/api/v1/nodes/${nodeNames[0]}/retry`, payload: { reason: 'x', seen, mode: 'again' } })).json(), { phase: 'waiting', attempt: 2 })
  served.record({ type: 'obligation-opened', id: 'weight:gitaly-01', kind: 'weight', subject: 'gitaly-01', node: nodeNames[0], previous: 100 })
  t.match((await api.inject({ url: '/api/v1/obligations' })).json(), { obligations: [{ id: 'weight:gitaly-01', payByHand: /curl/ }] })
  t.match((await api.inject({ method: 'POST', url: '/api/v1/obligations/weight%3Agitaly-01/hand-over', payload: { reason: 'mine' } })).json(), { obligations: [{ status: 'void' }], shown: 'GitLab shows 0, it was 100' })
  t.match((await api.inject({ url: '/api/v1/status' })).json(), { fleet: 'lab', acting: true, holder: 'host/1/ab', epoch: 3, frozen: null, window: { label: 'rolling', nodes: 3 } })

  const view = (await api.inject({ url: '/api/v1/window' })).json<WindowView>()
  t.same(Value.Errors(windowAnswer, view), [], 'the documented schema is what is answered, no field more or less')

  served.record({ type: 'window-halted', reasons: [reason('STARTUP_ERROR', 'Gitaly logged an error', 'then resume or abort the window')] }, { type: 'window-closed' })
  const why = (await api.inject({ url: '/api/v1/why' })).json<{ standing: Reason[] }>()
  t.match(why, { label: 'closed', standing: [{ text: /^window 1 of plan [0-9a-f]{12} is closed; it was halted when it ended: Gitaly logged an error$/ }], halt: [], pause: [] })
  t.notMatch(JSON.stringify(why), /resume or abort/, 'nobody is told to do what would be refused')
})

void t.test('patching one node is a window of one node, refused while another runs, and leaves no plan behind then', async (t) => {
  const { api, served } = await setup(t, local)
  const patch = { method: 'POST', url: `/api/v1/nodes/${nodeNames[1]}/patch`, payload: { reason: 'CVE', forMs: 600_000 } } as const
  const answer = await api.inject(patch)
  t.equal(answer.statusCode, 201)
  const view = answer.json<WindowView>()
  t.match(view, { groupSize: 1, closesAt: startedAt + 600_000, nodes: [{ node: nodeNames[1] }] })
  t.equal(view.nodes.length, 1)
  const again = await api.inject(patch)
  t.equal(again.statusCode, 409)
  t.match(again.json(), { code: 'WINDOW_OPEN', text: /opened by local \(monthly\)/ })
  t.equal((await served.listPlans()).length, 1)
  t.equal((await api.inject({ ...patch, url: '/api/v1/nodes/unknown.test/patch' })).statusCode, 409, 'the window comes first')
})

void t.test('a preflight tells problems as an answer, not as an error', async (t) => {
  const { api, served } = await setup(t, local)
  t.match((await api.inject({ method: 'POST', url: '/api/v1/preflight', payload: {} })).json(), { problems: [], nodes: 3 })
  t.same(await served.listPlans(), [], 'nothing is kept')
  served.checked = { problems: [reason('GITLAB_TOKEN', 'the token ended')], warnings: [] }
  t.match((await api.inject({ method: 'POST', url: '/api/v1/preflight', payload: {} })).json(), { problems: [{ code: 'GITLAB_TOKEN' }] })
  served.draftPlan = async () => { throw new Fault('INVENTORY_UNREADABLE', 'knife: 99') }
  const answer = await api.inject({ method: 'POST', url: '/api/v1/preflight', payload: {} })
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { problems: [{ code: 'INVENTORY_UNREADABLE' }], nodes: 0 })
})

void t.test('only the acting coordinator is ready; a standby names who acts', async (t) => {
  const { api, served } = await setup(t)
  t.equal((await api.inject({ url: '/healthz' })).statusCode, 200)
  const ready = await api.inject({ url: '/readyz' })
  t.equal(ready.statusCode, 200)
  t.match(ready.json(), { state: 'acting', lease: { holder: 'host/1/ab', address: 'pitstop.test:7442', epoch: 3, leftMs: 30_000 } })
  served.acting = false
  const answer = await api.inject({ url: '/readyz' })
  t.equal(answer.statusCode, 503)
  t.match(answer.json(), { code: 'STANDBY', text: /host\/1\/ab at pitstop.test:7442 holds the lease/, hint: /pitstop --url https:\/\/pitstop.test:7443 --token-file FILE …, or on host/, state: 'standby', lease: { api: 'https://pitstop.test:7443' } })
})

void t.test('while the store is away the refusal names the file in which the promises stand', async (t) => {
  const { api, served } = await setup(t, { ...local, breakGlass: '/var/lib/pitstop/break-glass.txt' })
  served.lostPromises = async () => { throw new Fault('STORE_UNAVAILABLE', 'cannot read the journal: connect ECONNREFUSED', { hint: 'check the store' }) }
  for (const url of ['/api/v1/obligations', '/api/v1/why']) {
    const answer = await api.inject({ url })
    t.equal(answer.statusCode, 503)
    t.match(answer.json(), { code: 'STORE_UNAVAILABLE', hint: 'check the store. What must be put back stands in /var/lib/pitstop/break-glass.txt of the machine that acted last' }, url)
  }
  served.lostPromises = async () => { throw new Fault('STORE_CORRUPT', 'event 7 is damaged') }
  t.notMatch((await api.inject({ url: '/api/v1/why' })).json(), { hint: /break-glass/ })
})

void t.test('the lease says when it was renewed last, unless a clock was set back', async (t) => {
  const { api, served } = await setup(t, local)
  const lease = async (leftMs: number): Promise<unknown> => {
    served.lease = async () => ({ fleet: 'lab', holder: 'host/1/ab', address: 'pitstop.test:7442', api: '', epoch: 3, expiresAt: startedAt, ttlMs: 30_000, leftMs })
    return (await api.inject({ url: '/api/v1/lease' })).json()
  }
  t.match(await lease(23_000), { expiresInMs: 23_000, renewedMs: 7000 })
  for (const leftMs of [330_000, 0]) t.match(await lease(leftMs), { expiresInMs: leftMs, renewedMs: null })
})

void t.test('the API describes itself', async (t) => {
  const { api } = await setup(t)
  const described = (await api.inject({ url: '/openapi.json' })).json<{ paths: Record<string, object> }>()
  const paths = Object.keys(described.paths)
  for (const path of ['/api/v1/window', '/api/v1/nodes/{node}/write-off', '/api/v1/obligations/{id}/hand-over', '/api/v1/events', '/readyz']) t.ok(paths.includes(path), path)
  t.match(described.paths['/api/v1/freeze'], { post: { security: [{ token: [] }], responses: { default: { description: 'why not, and what to do' } } } })
})

/** Follows the event stream until it has as many events as wanted. */
async function follow(socketPath: string, path: string, headers: Record<string, string>, wanted: number, atFirst: () => void = () => undefined): Promise<{ ids: number[], text: string }> {
  const asked = request({ socketPath, path, headers })
  asked.end()
  const [response] = await once(asked, 'response') as [IncomingMessage]
  let text = ''
  const ids = (): number[] => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
  for await (const chunk of response) {
    if (text === '') atFirst()
    text += String(chunk)
    if (ids().length >= wanted && /:\n\n/.test(text)) break
  }
  asked.destroy()
  return { ids: ids(), text }
}

void t.test('the event stream gives the past, then what comes, and goes on after a lost connection', async (t) => {
  const given = await setup(t, { ...local, heartbeatMs: 20 })
  const { api, served, folder } = given
  const socket = join(folder, 'api.sock')
  await listenSocket(api, socket)
  t.equal((await stat(socket)).mode & 0o777, 0o600, 'nobody else may open it')
  await openWindow(given)
  served.record({ type: 'window-rolling' })
  await served.freeze('ana', 'incident')

  const first = await follow(socket, '/api/v1/events', {}, 4, () => { served.record({ type: 'node-admitted', node: nodeNames[0] }) })
  t.same(first.ids, [1, 2, 3, 4], 'past and present in one order, fleet and window together')
  t.match(first.text, /data: \{"stream":"fleet","seq":3,/)
  const second = await follow(socket, '/api/v1/events', { 'last-event-id': '2' }, 3, () => { served.record({ type: 'node-prepared', node: nodeNames[0] }) })
  t.same(second.ids, [3, 4, 5])
  t.same((await follow(socket, '/api/v1/events?after=4', {}, 1)).ids, [5])
  const journal = served.journal.bind(served)
  served.journal = async (hash, after) => {
    served.record({ type: 'slot-taken', node: nodeNames[0] })
    return await journal(hash, after)
  }
  t.same((await follow(socket, '/api/v1/events?after=4', {}, 2)).ids, [5, 6], 'what happens while the past is read comes once')
  served.journal = journal
  t.equal((await api.inject({ url: '/api/v1/events?after=x' })).statusCode, 400)
  t.equal((await api.inject({ url: '/api/v1/events', headers: { 'last-event-id': '-1' } })).statusCode, 400)
  for (let tries = 0; served.listeners > 0 && tries < 100; tries++) await new Promise((resolve) => { setTimeout(resolve, 10) })
  t.equal(served.listeners, 0, 'who has gone is forgotten')
})

void t.test('a standby follows what the acting coordinator stores, and misses nothing when it takes over in the middle', async (t) => {
  const given = await setup(t, { ...local, heartbeatMs: 20, standbyMs: 10 })
  const { api, served, folder } = given
  const socket = join(folder, 'api.sock')
  await listenSocket(api, socket)
  await openWindow(given)
  served.acting = false
  t.same((await follow(socket, '/api/v1/events', {}, 3, () => { served.record({ type: 'window-rolling' }, { type: 'node-admitted', node: nodeNames[0] }) })).ids, [1, 2, 3])
  for (let tries = 0; served.listeners > 0 && tries < 500; tries++) await new Promise((resolve) => { setTimeout(resolve, 10) })
  // What the predecessor stored is read under way when the first event of our own comes.
  const journalAfter = served.journalAfter.bind(served)
  let readings = 0
  served.journalAfter = async (after) => {
    const read = await journalAfter(after)
    readings += 1
    if (readings === 2) {
      served.record({ type: 'node-prepared', node: nodeNames[0] })
      served.acting = true
    }
    // The last look before it is told of everything itself: it comes behind this one's back.
    if (readings === 4) served.record({ type: 'slot-taken', node: nodeNames[0] })
    return read
  }
  t.same((await follow(socket, '/api/v1/events?after=3', {}, 2)).ids, [4, 5], 'its last and our first, once each and in order')
  served.journalAfter = journalAfter
  t.same((await follow(socket, '/api/v1/events?after=4', {}, 2, () => { served.record({ type: 'slot-returned', node: nodeNames[0], reasons: [] }) })).ids, [5, 6])

  // Followers that have gone would read in between.
  for (let tries = 0; served.listeners > 0 && tries < 500; tries++) await new Promise((resolve) => { setTimeout(resolve, 10) })
  t.equal(served.listeners, 0)
  served.acting = false
  served.journalAfter = async () => { throw new Fault('STORE_UNAVAILABLE', 'the store does not answer') }
  t.equal((await api.inject({ url: '/api/v1/events' })).statusCode, 503, 'it says so and does not show the past alone')
  served.journalAfter = async (after) => {
    served.journalAfter = async () => { throw new Fault('STORE_UNAVAILABLE', 'the store does not answer') }
    return await journalAfter(after)
  }
  t.same((await follow(socket, '/api/v1/events?after=5', {}, 99)).ids, [6], 'a stream that cannot be kept up ends, so that its follower asks again')
})

void t.test('answers from a standby say that they are, unless they name who acts themselves', async (t) => {
  const given = await setup(t)
  const { api, served } = given
  await openWindow(given, as(operatorToken))
  const notice = async (path: string): Promise<string> => decodeURIComponent(String((await api.inject({ url: `/api/v1${path}`, headers: as(viewerToken) })).headers['pitstop-standby'] ?? ''))
  t.equal(await notice('/window'), '')
  served.acting = false
  for (const path of ['/window', '/nodes', `/nodes/${nodeNames[0]}`, '/obligations']) t.match(await notice(path), /^this coordinator stands by; host\/1\/ab at pitstop\.test:7442 holds the lease, last renewed 1s ago\. .*ask it: pitstop --url https:\/\/pitstop\.test:7443/, path)
  for (const path of ['/status', '/why', '/lease', '/plans', '/nodes/none']) t.equal(await notice(path), '', path)
})

void t.test('a stream ends when the coordinator stops', async (t) => {
  const { api, folder, served } = await setup(t, local)
  const socket = join(folder, 'api.sock')
  await listenSocket(api, socket)
  await served.freeze('ana', 'x')
  const ended = await follow(socket, '/api/v1/events', {}, 99, () => { void api.close() })
  t.same(ended.ids, [1], 'in good order, not cut off')
})

void t.test('away from loopback it is HTTPS, and a renewed certificate needs no restart', async (t) => {
  const { folder, served } = await setup(t)
  const now = Date.now()
  const authority = await createAuthority('lab', now)
  const identity = { fleet: 'lab', role: 'coordinator', name: 'pitstop.test' } as const
  const files = { certificate: join(folder, 'c.pem'), key: join(folder, 'c.key') }
  const renew = async (): Promise<void> => {
    const { keyPem, requestPem } = await createRequest(identity)
    await writeFile(files.key, keyPem)
    await writeFile(files.certificate, (await issueCertificate(requestPem, authority, identity, now)).certificatePem)
  }
  await renew()
  const secure = await setup(t, { tls: readPair(files) })
  const url = await listenTcp(secure.api, '127.0.0.1:0', files, 20)
  t.match(url, /^https:/)
  const serial = (): Promise<string> => new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(url.split(':').at(-1)), servername: identity.name, ca: authority.certificatePem }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '')
      socket.destroy()
    }).once('error', reject)
  })
  const first = await serial()
  await renew()
  let second = first
  for (let tries = 0; second === first && tries < 100; tries++) {
    await new Promise((resolve) => { setTimeout(resolve, 20) })
    second = await serial()
  }
  t.not(second, first)
  t.equal(served.listeners, 0)
})

void t.test('a socket left behind is taken over, one that answers is not, and a file is left alone', async (t) => {
  const first = await setup(t, local)
  const second = await setup(t, local)
  const socket = join(first.folder, 'api.sock')
  await listenSocket(first.api, socket)
  await t.rejects(listenSocket(second.api, socket), { code: 'STORE_BUSY' })
  await writeFile(join(first.folder, 'file'), '')
  await t.rejects(listenSocket(second.api, join(first.folder, 'file')), { code: 'INVALID_CONFIGURATION' })
  const tcp = await setup(t)
  const url = await listenTcp(tcp.api, '127.0.0.1:0', undefined)
  t.match(url, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
  await t.rejects(listenTcp(second.api, url.slice(7), undefined), { code: 'INVALID_CONFIGURATION', message: /cannot listen for HTTP/ })
  t.same(['127.0.0.1', '::1', 'localhost', '0.0.0.0', '10.1.2.3', '::'].filter(isLoopback), ['127.0.0.1', '::1', 'localhost'], 'everywhere else HTTP is TLS')
  t.same(splitHostPort('[::1]:80'), { host: '::1', port: 80 })
})

void t.test('the status tells of a restored store until a person has dealt with it', async (t) => {
  const all = await setup(t, local)
  const { api, served } = all
  const told = async (): Promise<unknown> => (await api.inject({ url: '/api/v1/status' })).json<{ restored: unknown }>().restored
  t.equal(await told(), null)
  const reasons = [reason('STORE_RESTORED', 'this machine has seen epoch 4, the store knows 1')]
  served.restored = { at: startedAt, reasons, promises: 2 }
  t.same(await told(), served.restored, 'nobody has opened a window since')
  await openWindow(all)
  t.match(await told(), { promises: 2 }, 'promises are unpaid')
  served.restored = { at: startedAt, reasons, promises: 0 }
  t.equal(await told(), null, 'a window was opened since, and nothing is owed')
  served.restored = { at: startedAt + 3_600_000, reasons, promises: 0 }
  served.record({ type: 'window-rolling' }, { type: 'window-paused', by: 'pitstop', reasons })
  t.match(await told(), { reasons }, 'the window waits for a person')
  served.record({ type: 'window-resumed', by: 'ada', reason: 'compared', failureBudget: 1 })
  t.equal(await told(), null)
})
