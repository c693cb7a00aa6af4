// GitLab's answers: wrong shapes, pages of a proxy, halves, bodies without end. Nothing is believed that is not sound:
// each answer is either weights from 0 to 100 or a fault that names GitLab.
import { createServer } from 'node:http'
import { createGitLab } from '@pitstop/coordinator/adapters/gitlab/gitlab'
import fc from 'fast-check'
import t from 'tap'
import { broken, holdAsync, requireFault } from './hold.ts'

const codes = ['GITLAB_ANSWER_INVALID', 'GITLAB_ERROR', 'GITLAB_UNREACHABLE', 'GITLAB_TIMEOUT', 'GITLAB_TOKEN', 'GITLAB_FORBIDDEN', 'GITLAB_NOT_FOUND', 'GITLAB_CONFLICT', 'GITLAB_RATE_LIMITED', 'GITLAB_REFUSED']
const good = [
  '{"repository_storages_weighted":{"s1":100,"s2":0}}', '{"id":7,"active":true,"next_run_at":"2026-11-23T03:00:00Z","owner":{"id":1,"username":"x"},"last_pipeline":{"id":3,"status":"success"}}', '[{"id":1,"status":"running"}]',
  '<html><body>502 Bad Gateway</body></html>', '{"message":"403 Forbidden"}', '{"message":{"base":["x"]}}', 'Retry later\n'
]
const weight = fc.oneof(fc.integer({ min: -5, max: 105 }), fc.double(), fc.constantFrom(null, true, '100', '', [], {}, 1e300, 12.7))
const body = fc.oneof(
  broken(good), fc.json({ maxDepth: 4 }),
  fc.dictionary(fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('__proto__', 'constructor', 's1')), weight, { maxKeys: 4 }).map((weights) => JSON.stringify({ repository_storages_weighted: weights })),
  fc.constantFrom(`{"repository_storages_weighted":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, '['.repeat(100_000), '{"repository_storages_weighted":{"__proto__":{"s1":100}}}', `{"repository_storages_weighted":{"s1":1${'0'.repeat(400)}}}`, `{"repository_storages_weighted":{"s1":5}}${' '.repeat(9 << 20)}`)
)
const status = fc.oneof(fc.constant(200), fc.constantFrom(200, 201, 204, 301, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504, 520, 599))
const headers = fc.constantFrom<Record<string, string>>({}, { 'retry-after': '0' }, { 'retry-after': '9'.repeat(300) }, { 'retry-after': 'Mon, 99 Nov' }, { 'retry-after': '-1' }, { location: 'http://evil.test/?private_token=x' }, { 'content-type': 'text/html' })

void t.test('weights, schedule, pipelines and rights, whatever GitLab answers', async (t) => {
  let now: { status: number, body: string, headers: Record<string, string>, breaks: boolean } = { status: 200, body: '', headers: {}, breaks: false }
  const server = createServer((request, reply) => {
    request.resume().on('end', () => {
      reply.writeHead(now.status, now.headers)
      if (!now.breaks) { reply.end(now.body); return }
      reply.write(now.body.slice(0, 100))
      reply.destroy()
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port ?? 0 : 0}`
  process.env['FUZZ_GITLAB_TOKEN'] = 'glpat-0123456789abcdefghij'
  const token = { env: 'FUZZ_GITLAB_TOKEN' }
  const gitlab = createGitLab({ url, token, requestTimeoutMs: 250, landsWithinMs: 1, moves: true, assigner: { url, token, project: '1', schedule: 7 } })
  t.teardown(async () => { await gitlab.close(); server.closeAllConnections(); server.close() })
  const tell = async (call: () => Promise<unknown>): Promise<unknown> => {
    try { return await call() } catch (error) {
      requireFault(error, codes)
      if (error instanceof Error && /glpat-|private_token=/.test(error.message)) throw new Error('a secret is told', { cause: error })
      return undefined
    }
  }
  t.ok(await holdAsync(fc.record({ status, body, headers, breaks: fc.boolean() }), async (answer) => {
    now = { ...answer, breaks: answer.breaks && answer.status === 200 && answer.body.length > 100 }
    const weights = await tell(() => gitlab.readWeights()) as Record<string, unknown> | undefined
    for (const each of Object.values(weights ?? {})) if (!Number.isInteger(each) || Number(each) < 0 || Number(each) > 100) throw new Error(`weight ${String(each)} believed`)
    if (weights !== undefined && Object.keys(weights).length === 0) throw new Error('no weights believed')
    await tell(() => gitlab.writeWeights({ s1: 5 }))
    await tell(() => gitlab.readSchedule())
    await tell(() => gitlab.livePipelines())
    await tell(() => gitlab.storageMoves())
    await gitlab.checkRights(Date.now())
  }, 30))
})
