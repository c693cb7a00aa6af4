// The HTTP API: what is asked and refused, and how; windows from plan to end; and what the API says of itself.
import t from 'tap'
import { Value } from 'typebox/value'
import { Fault, type Reason, reason } from '@pitstop/shared/fault'
import { faultTable } from '@pitstop/shared/fault-table'
import type { WindowView } from '../domain/view.ts'
import { windowAnswer } from './schema.ts'
import { nodeNames, startedAt } from './served-in-memory.ts'
import { local, openWindow, setup } from './api-under-test.ts'

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
  served.checked = { problems: [reason('GITLAB_TOKEN', 'the token ended')], warnings: [], remarks: [] }
  t.match((await api.inject({ method: 'POST', url: '/api/v1/preflight', payload: {} })).json(), { problems: [{ code: 'GITLAB_TOKEN' }] })
  served.draftPlan = async () => { throw new Fault('INVENTORY_UNREADABLE', 'knife: 99') }
  const answer = await api.inject({ method: 'POST', url: '/api/v1/preflight', payload: {} })
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { problems: [{ code: 'INVENTORY_UNREADABLE' }], nodes: 0 })
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
  served.record({ type: 'window-paused', by: 'pitstop', reasons }, { type: 'window-aborted', by: 'ada', reason: 'compared' })
  t.equal(await told(), null, 'its advice would be refused')
  t.same((await api.inject({ url: '/api/v1/why' })).json<{ pause: unknown }>().pause, [])
  const { openedAt } = (await api.inject({ url: '/api/v1/window' })).json<{ openedAt: number }>()
  served.restored = { at: openedAt + 1, reasons, promises: 0 }
  served.record({ type: 'window-closing', reasons: [] }, { type: 'window-settling' }, { type: 'window-audited', differences: [] }, { type: 'window-closed' })
  t.equal(await told(), null, 'the window that was restored has ended')
})
