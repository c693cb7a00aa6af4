// The HTTP API: bodies, paths, parameters, headers, Last-Event-ID, tokens. A bad request is a 4xx with a code of the fault
// table, never a 500; and it changes nothing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApi } from '@pitstop/coordinator/http/api'
import { ServedInMemory, startedAt, testPolicy } from '@pitstop/coordinator/http/served-in-memory'
import { isFaultCode } from '@pitstop/shared/fault-table'
import fc from 'fast-check'
import t from 'tap'
import { broken, holdAsync, strange } from './hold.ts'

const common = { fleet: 'lab', version: '1', policy: testPolicy, hasAssigner: true, inventory: { read: async () => ({ nodes: [], excluded: [] }) }, now: () => startedAt, log: () => undefined }

const paths = ['/freeze', '/plans', '/window', '/window/pause', '/window/resume', '/window/abort', '/nodes/n1.test/retry', '/nodes/n1.test/skip', '/nodes/n1.test/write-off', '/nodes/n1.test/patch', '/obligations/weight:s1/hand-over', '/preflight']
const goodBodies = ['{"reason":"x"}', '{"reason":"monthly","closesAt":1800000000000}', '{"plan":"3f9a21c0","confirm":"3f9a21c0","reason":"x"}', '{"reason":"x","seen":3}', '{"reason":"x","mode":"reboot"}', '{"reason":"x","raiseBudgetBy":1}']
const bodies = fc.oneof(broken(goodBodies), fc.json(), fc.constantFrom('{"reason":"x","closesAt":1e999}', '{"__proto__":{"reason":"x"}}', '{"reason":"x","constructor":{"prototype":{}}}', `{"reason":"${'x'.repeat(300_000)}"}`, '['.repeat(100_000), '{"reason":"x","closesAt":-1}', '{"reason":"x","seen":1.5}', 'null', '""'))

interface Answer { readonly statusCode: number, readonly body: string }
function requireToldPlainly({ statusCode, body }: Answer): void {
  if (statusCode < 400) return
  const { code, text, hint } = JSON.parse(body) as Record<string, unknown>
  if (typeof code !== 'string' || !isFaultCode(code) || code === 'INTERNAL' || statusCode === 500) throw new Error(`${statusCode} ${String(code)}: ${String(text)}`)
  if (typeof text !== 'string' || text === '' || typeof hint !== 'string' || hint === '') throw new Error(`${code} without words or advice`)
}

void t.test('any body at any command: taken, or refused plainly', async (t) => {
  const api = await buildApi(new ServedInMemory(), { ...common, access: { kind: 'local' } })
  t.teardown(() => api.close())
  const type = fc.constantFrom('application/json', 'application/json', 'application/json', 'text/plain', 'application/x-www-form-urlencoded', '', 'application/json; charset=utf-16', 'multipart/form-data; boundary=x')
  t.ok(await holdAsync(fc.tuple(fc.constantFrom(...paths), bodies, type), async ([path, payload, contentType]) => {
    requireToldPlainly(await api.inject({ method: 'POST', url: `/api/v1${path}`, headers: { 'content-type': contentType }, payload }))
  }, 400))
})

void t.test('any path, parameter and header', async (t) => {
  const served = new ServedInMemory()
  const api = await buildApi(served, { ...common, access: { kind: 'local' } })
  t.teardown(() => api.close())
  const odd = fc.oneof(strange, fc.string({ maxLength: 400 }), fc.constantFrom('..', '%2e%2e%2f', '%', '%ff', '%00', 'a'.repeat(5000), '{}', '*')).map((text) => { try { return encodeURIComponent(text) } catch { return '%ff' } })
  const url = fc.oneof(odd.map((each) => `/api/v1/nodes/${each}`), odd.map((each) => `/api/v1/plans/${each}`), odd.map((each) => `/api/v1/window?plan=${each}`), odd.map((each) => `/api/v1/why?node=${each}`), odd.map((each) => `/api/v1/${each}`), odd.map((each) => `/${each}`), fc.constantFrom('/api/v1/nodes/%ff', '/api/v1/nodes/%', '/api/v1/plans/%zz', '//', '/api/v1//status', '/api/v1/status?x=1&x=2', '/openapi.json/..'))
  const printable = fc.string({ maxLength: 60 }).map((each) => each.replace(/[^\x20-\x7e]/g, '?'))
  t.ok(await holdAsync(fc.tuple(url, printable), async ([each, header]) => {
    requireToldPlainly(await api.inject({ url: each, headers: { 'pitstop-user': header, 'accept': header, 'content-type': header } }))
  }, 400))
  for (const id of ['-1', '1.5', 'x', '', ' ', '9'.repeat(16), '9'.repeat(5000), '0x1', '1\t', '٣']) {
    const answer = await api.inject({ url: '/api/v1/events', headers: { 'last-event-id': id } })
    t.equal(answer.statusCode, 400, `Last-Event-ID ${JSON.stringify(id.slice(0, 20))}`)
    requireToldPlainly(answer)
  }
  t.equal(served.listeners, 0, 'a refused follower is not kept')
})

void t.test('no header and no token file opens anything by accident', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-fuzz-'))
  const file = join(folder, 'token')
  const api = await buildApi(new ServedInMemory(), { ...common, access: { kind: 'tokens', tokens: [{ name: 'a', role: 'operator', secret: { file } }, { name: 'b', role: 'viewer', secret: { sha256: 'ab'.repeat(32) } }] } })
  t.teardown(async () => { await api.close(); rmSync(folder, { recursive: true, force: true }) })
  const header = fc.oneof(fc.constantFrom('Bearer', 'Bearer ', 'bearer x', 'Basic YTpi', `Bearer ${'x'.repeat(7000)}`, 'Bearer a b', 'Bearer undefined', 'Bearer null'), fc.string({ maxLength: 60 }).map((each) => `Bearer ${each.replace(/[^\x20-\x7e]/g, '?')}`))
  t.ok(await holdAsync(fc.tuple(header, fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(new Uint8Array(), new Uint8Array(100_000), Buffer.from('\n\n'), Buffer.from('x')))), async ([authorization, secret]) => {
    writeFileSync(file, secret)
    const answer = await api.inject({ url: '/api/v1/status', headers: { authorization } })
    if (answer.statusCode !== 401) throw new Error(`opened with ${answer.statusCode}`)
    requireToldPlainly(answer)
  }, 200))
})
