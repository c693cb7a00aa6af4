// Alertmanager's answers: wrong shapes, pages of a proxy, halves, bodies without end, labels that play with terminals. Each answer
// is either alerts that are sound or a fault that names Alertmanager; nothing is believed that was not asked for.
import { createServer } from 'node:http'
import { createAlerts } from '@pitstop/coordinator/adapters/alerts/alertmanager'
import { matcherText, parseMatcher } from '@pitstop/coordinator/adapters/alerts/matcher'
import fc from 'fast-check'
import t from 'tap'
import { broken, hold, holdAsync, requireFault, strange } from './hold.ts'

const codes = ['ALERTS_UNREACHABLE', 'ALERTS_REFUSED', 'ALERTS_TOKEN', 'ALERTS_ANSWER_INVALID']
const good = [
  '[{"labels":{"alertname":"GitalyFileServerDown","env":"gprd","fqdn":"n1.test"},"startsAt":"2026-11-23T03:00:00.123Z","endsAt":"2026-11-23T04:00:00Z","status":{"state":"active","silencedBy":[],"inhibitedBy":[]},"fingerprint":"x"}]',
  '[]', '"unauthorized"', '<html><body>502 Bad Gateway</body></html>', '{"code":601,"message":"x"}'
]
const labels = fc.dictionary(fc.oneof(fc.constantFrom('alertname', 'env', 'fqdn', '__proto__', 'constructor'), fc.string({ maxLength: 8 })), fc.oneof(fc.constantFrom('gprd', 'n1.test', 'n1.test:9236'), strange, fc.string({ unit: 'binary', maxLength: 12 })), { maxKeys: 5 })
const alert = fc.record({ labels: fc.oneof(labels, labels.map((each) => ({ ...each, env: 'gprd' }))), startsAt: fc.oneof(fc.constantFrom('2026-11-23T03:00:00Z', '+275760-09-13T00:00:00.001Z', '-271821-04-20T00:00:00Z', 'soon', ''), fc.constant('2026-11-23T03:00:00Z'), strange), status: fc.record({ state: fc.oneof(fc.constantFrom('active', 'suppressed', 'unprocessed'), strange) }) })
/** Asked for, and odd in one place. */
const asked = fc.oneof(
  fc.record({ labels: fc.record({ env: fc.constant('gprd'), alertname: strange, fqdn: strange }), startsAt: fc.constant('2026-11-23T03:00:00Z') }),
  fc.record({ labels: fc.constant({ env: 'gprd' }), startsAt: fc.oneof(fc.constantFrom('+275760-09-13T00:00:00.001Z', '-271821-04-20T00:00:00Z', 'soon'), strange) })
).map((each) => ({ ...each, status: { state: 'active' } }))
const body = fc.oneof(
  asked.map((each) => JSON.stringify([each])), asked.map((each) => JSON.stringify([each])),
  broken(good), fc.json({ maxDepth: 4 }), fc.array(alert, { maxLength: 4 }).map((alerts) => JSON.stringify(alerts)),
  fc.constantFrom('['.repeat(100_000), `[${'{"labels":'.repeat(20_000)}`, `[]${' '.repeat(9 << 20)}`, `[${Array.from({ length: 20_000 }, () => '{"labels":{"env":"gprd"},"startsAt":"2026-01-01T00:00:00Z","status":{"state":"active"}}').join()}]`)
)
const status = fc.oneof(fc.constant(200), fc.constant(200), fc.constantFrom(201, 204, 301, 302, 400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 504, 599))

void t.test('whatever Alertmanager answers', async (t) => {
  let now = { status: 200, body: '', breaks: false }
  const server = createServer((request, reply) => {
    request.resume().on('end', () => {
      reply.writeHead(now.status, { location: 'http://evil.test/?token=x' })
      if (!now.breaks) { reply.end(now.body); return }
      reply.write(now.body.slice(0, 100))
      reply.destroy()
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const address = server.address()
  const alerts = createAlerts({ url: `http://127.0.0.1:${typeof address === 'object' ? address?.port ?? 0 : 0}`, nodeLabel: 'fqdn', closeOn: [{ gate: 'g', matchers: [{ label: 'env', operator: '=', value: 'gprd' }] }] })
  t.teardown(async () => { await alerts.close(); server.closeAllConnections(); server.close() })
  let believed = 0
  t.ok(await holdAsync(fc.record({ status, body, breaks: fc.boolean() }), async (answer) => {
    now = { ...answer, breaks: answer.breaks && answer.status === 200 && answer.body.length > 100 }
    try {
      for (const { name, node, since } of await alerts.firing()) {
        believed++
        if (now.breaks || now.status !== 200) throw new TypeError('half an answer is believed')
        if (/[\p{C}\u2028\u2029]/u.test(`${name}${node ?? ''}`) || name.length > 210 || node === '') throw new TypeError(`told as ${JSON.stringify({ name, node })}`)
        // It is printed: an instant outside of what can be printed would end the decision.
        if (new Date(since).toISOString() === '') throw new TypeError(`since ${since}`)
      }
    } catch (error) { requireFault(error, codes) }
  }, 200))
  t.ok(believed > 0, `${believed} alerts believed`)
})

void t.test('matchers: read and written they are the same, or they are none', async (t) => {
  t.ok(hold(broken(['alertname="GitalyFileServerDown"', 'env!=gstg', 'stage=~"main|cny"', 'a!~"\\"\\\\\\n"']), (text) => {
    const matcher = parseMatcher(text)
    if (matcher === undefined) return
    const again = parseMatcher(matcherText(matcher))
    if (JSON.stringify(again) !== JSON.stringify(matcher)) throw new Error(`${text}: ${JSON.stringify(matcher)} and then ${JSON.stringify(again)}`)
  }))
})
