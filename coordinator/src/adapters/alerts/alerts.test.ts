// The adapter for Alertmanager against the stand-in over real HTTP: what is asked, what is believed, and each way of "no".
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readConfiguration } from '@pitstop/shared/configuration'
import { asFault, type Fault } from '@pitstop/shared/fault'
import * as v from 'valibot'
import { type AlertmanagerFault, type AlertmanagerOptions, type AlertmanagerStandIn, createAlertmanager } from '../../../../test/stand-ins/alertmanager/alertmanager.ts'
import { createAuthority } from '../../pki/authority.ts'
import { issueCertificate } from '../../pki/issue.ts'
import { createRequest } from '../../pki/request.ts'
import type { Alerts } from '../../ports.ts'
import { createAlerts } from './alertmanager.ts'
import { type AlertsSettings, alertsSection } from './alerts-section.ts'
import { expressionProblem, matcherText, mayApply, parseMatcher } from './matcher.ts'

const secret = 'TheSecretTokenValue'
const since = Date.UTC(2026, 10, 23, 2)
const startsAt = new Date(since).toISOString()
const down = (fqdn: string, more: Record<string, string> = {}) => ({ labels: { alertname: 'GitalyFileServerDown', env: 'gprd', fqdn, ...more }, startsAt })

const section = (text: string): AlertsSettings => readConfiguration('c.yml', text, v.strictObject({ alerts: alertsSection })).alerts

const gates = (...matchers: string[]): string => `close-on: [{ gate: gitaly, matchers: [${matchers.map((each) => `'${each}'`).join(', ')}] }]`

async function scene(t: Test, options: AlertmanagerOptions = {}, more = gates('alertname="GitalyFileServerDown"', 'env="gprd"'), timeoutMs?: number): Promise<{ readonly standIn: AlertmanagerStandIn, readonly alerts: Alerts, readonly url: string }> {
  const standIn = createAlertmanager(options)
  const url = await standIn.listen()
  const alerts = createAlerts(section(`alerts: { url: "${url}", ${more} }`), timeoutMs)
  t.teardown(async () => {
    await alerts.close()
    await standIn.close()
  })
  return { standIn, alerts, url }
}

async function faultOf(t: Test, act: Promise<unknown>): Promise<Fault> {
  try {
    await act
  } catch (thrown) {
    const fault = asFault(thrown)
    t.notMatch(JSON.stringify([fault.toReason(), fault.stack]), /TheSecret/, 'no secret in a fault')
    return fault
  }
  t.fail('a fault was expected')
  throw new Error('no fault')
}

async function folder(t: Test): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'pitstop-alerts-'))
  t.teardown(() => rm(made, { recursive: true, force: true }))
  return made
}

void t.test('what fires and matches is told with gate, name, node and time; silenced and inhibited alerts are not', async (t) => {
  const { standIn, alerts } = await scene(t)
  t.same(await alerts.firing(), [])
  standIn.alerts = [
    down('gitaly-01.test'), down('gitaly-02.test', { env: 'gstg' }), { ...down('gitaly-03.test'), silencedBy: ['s1'] }, { ...down('gitaly-04.test'), inhibitedBy: ['a'] },
    { ...down('gitaly-05.test:9236'), unprocessed: true }, { labels: { alertname: 'GitalyFileServerDown', env: 'gprd' }, startsAt }, { labels: { alertname: 'DiskFull', env: 'gprd' }, startsAt }
  ]
  t.same(await alerts.firing(), [
    { gate: 'gitaly', name: 'GitalyFileServerDown', node: 'gitaly-01.test', since }, { gate: 'gitaly', name: 'GitalyFileServerDown', node: 'gitaly-05.test', since },
    { gate: 'gitaly', name: 'GitalyFileServerDown', node: null, since }
  ])
  t.equal(standIn.asked[0], '/api/v2/alerts?active=true&silenced=false&inhibited=false&filter=alertname="GitalyFileServerDown"&filter=env="gprd"')
  standIn.alerts = []
  t.same(await alerts.firing(), [], 'it opens when the alert has ended')
})

void t.test('each gate is a question of its own; regular expressions are Alertmanager\'s', async (t) => {
  const { standIn, alerts } = await scene(t, { prefix: '/alertmanager' }, 'node-label: instance, close-on: [{ gate: a, matchers: [\'alertname=~"Gitaly.*"\', \'severity!~"s3|s4"\'] }, { gate: b, matchers: [\'page="a \\"b\\" \\\\"\'] }]')
  standIn.alerts = [
    { labels: { alertname: 'GitalyVersionMismatch', severity: 's2', instance: 'gitaly-01.test:9236' }, startsAt }, { labels: { alertname: 'GitalyVersionMismatch', severity: 's4' }, startsAt },
    { labels: { alertname: 'NotGitaly' }, startsAt }, { labels: { alertname: 'X', page: 'a "b" \\' }, startsAt }
  ]
  t.same((await alerts.firing()).map(({ gate, name, node }) => [gate, name, node]), [['a', 'GitalyVersionMismatch', 'gitaly-01.test'], ['b', 'X', null]])
  t.match(standIn.asked.toSorted(), [/^\/alertmanager\/api\/v2\/alerts\?/, /page="a \\"b\\" \\\\"/])
})

void t.test('a survey tells all that is shown, how much of it each gate looks at, and which labels no alert has', async (t) => {
  const { standIn, alerts } = await scene(t, {}, `close-on: [{ gate: gitaly, matchers: ['alertname=~"Gitaly.*"', 'env="gprd"'] }, { gate: mistyped, matchers: ['alertname="GitalyFileServerDown"', 'ev="gprd"', 'stge=~"main|cny"', 'nowhere!="x"', 'nor=""', 'neither=~".*"', 'must!=""'] }]`)
  t.same(await alerts.survey(), { alerts: 0, nodeLabel: 'fqdn', withNode: 0, nodes: [], labels: [], gates: [{ gate: 'gitaly', alerts: 0, absent: ['alertname', 'env'] }, { gate: 'mistyped', alerts: 0, absent: ['alertname', 'ev', 'stge', 'must'] }] })
  standIn.alerts = [down('gitaly-01.test'), { ...down('gitaly-02.test:9236'), silencedBy: ['s1'] }, { ...down('gitaly-02.test'), inhibitedBy: ['a'] }, { labels: { alertname: 'DiskFull', env: 'gprd', stage: '' }, startsAt }, down('gitaly-03.test', { env: 'gstg' })]
  t.same(await alerts.survey(), {
    alerts: 5, nodeLabel: 'fqdn', withNode: 4, nodes: ['gitaly-01.test', 'gitaly-02.test', 'gitaly-03.test'], labels: ['alertname', 'env', 'fqdn'],
    gates: [{ gate: 'gitaly', alerts: 3, absent: [] }, { gate: 'mistyped', alerts: 0, absent: ['ev', 'stge', 'must'] }]
  }, 'silenced and inhibited alerts have labels too')
  t.ok(standIn.asked.includes('/api/v2/alerts'), 'one question without filters')
  standIn.fault = { kind: 'body', body: '[{"labels":{"alertname":"b\\u001b[31m"},"startsAt":"2026-01-01T00:00:00Z","status":{"state":"active"}},{"labels":{"x\\u001b":"y"},"startsAt":"2026-01-01T00:00:00Z","status":{"state":"active"}}]' }
  t.same((await alerts.survey()).labels, ['alertname', 'x?'])
  standIn.fault = { kind: 'body', body: '{}' }
  t.match(await faultOf(t, alerts.survey()), { code: 'ALERTS_ANSWER_INVALID', message: /about all alerts is not what/ })
})

void t.test('whatever is no sound answer is a fault: nothing that was overlooked opens a gate', async (t) => {
  const { standIn, alerts, url } = await scene(t, {}, undefined, 400)
  standIn.alerts = [down('gitaly-01.test')]
  const body = (text: string): AlertmanagerFault => ({ kind: 'body', body: text })
  for (const [name, fault, code] of [
    ['no answer', { kind: 'hang' }, 'ALERTS_UNREACHABLE'], ['reset', { kind: 'reset' }, 'ALERTS_UNREACHABLE'], ['broken off', { kind: 'cut' }, 'ALERTS_UNREACHABLE'], ['502', { kind: 'status', status: 502 }, 'ALERTS_UNREACHABLE'],
    ['429', { kind: 'status', status: 429 }, 'ALERTS_UNREACHABLE'], ['401', { kind: 'status', status: 401 }, 'ALERTS_TOKEN'], ['403', { kind: 'status', status: 403 }, 'ALERTS_REFUSED'], ['404', { kind: 'status', status: 404 }, 'ALERTS_REFUSED'],
    ['a redirect', { kind: 'status', status: 302, headers: { location: 'https://evil.test/' } }, 'ALERTS_ANSWER_INVALID'], ['204', { kind: 'status', status: 204 }, 'ALERTS_ANSWER_INVALID'],
    ['half an answer', { kind: 'truncate' }, 'ALERTS_ANSWER_INVALID'], ['a log-in page', body('<html>'), 'ALERTS_ANSWER_INVALID'], ['an object', body('{}'), 'ALERTS_ANSWER_INVALID'], ['null', body('null'), 'ALERTS_ANSWER_INVALID'],
    ['an alert without labels', body('[{"startsAt":"2026-01-01T00:00:00Z","status":{"state":"active"}}]'), 'ALERTS_ANSWER_INVALID'], ['without a time', body('[{"labels":{},"startsAt":"soon","status":{"state":"active"}}]'), 'ALERTS_ANSWER_INVALID'],
    ['too large', body(`[]${' '.repeat(9 << 20)}`), 'ALERTS_ANSWER_INVALID']
  ] as const) {
    standIn.fault = fault
    const found = await faultOf(t, alerts.firing())
    t.equal(found.code, code, `${name}: ${found.message}`)
    t.ok(found.message.includes(url) || found.message.includes('Alertmanager'), name)
    t.not(found.hint, '', name)
  }
  standIn.fault = { kind: 'filters-dropped' }
  t.same((await alerts.firing()).length, 1, 'what was asked for is believed')
  standIn.alerts = [down('gitaly-01.test', { env: 'gstg' })]
  t.match(await faultOf(t, alerts.firing()), { code: 'ALERTS_ANSWER_INVALID', message: /GitalyFileServerDown does not match env="gprd"/, hint: /drops the filters/ })
  standIn.fault = null
  t.same(await alerts.firing(), [])
})

void t.test('a state that this release does not know is firing, names that would play with a terminal are plain', async (t) => {
  const { standIn, alerts } = await scene(t, {}, gates('env="gprd"'))
  const alert = (state: string, name: string) => ({ labels: { alertname: name, env: 'gprd' }, startsAt, status: { state }, extra: [{}] })
  standIn.fault = { kind: 'body', body: JSON.stringify([alert('suppressed', 'a'), alert('burning', 'b\u001b[31m\nc\u2028'), alert('active', 'x'.repeat(5000))]) }
  const firing = await alerts.firing()
  t.match(firing, [{ name: 'b?[31m?c?' }, { name: /^x{200}\.\.\.$/ }])
  t.equal(firing.length, 2)
})

void t.test('the token is read anew at each reading, goes nowhere else and is told by nobody', async (t) => {
  const file = join(await folder(t), 'token')
  const { standIn, alerts } = await scene(t, { token: secret }, `token-file: ${file}, ${gates('env="gprd"')}`)
  t.match(await faultOf(t, alerts.firing()), { code: 'ALERTS_TOKEN', message: /cannot be read \(ENOENT\)/ })
  await writeFile(file, `${secret}\n`)
  t.same(await alerts.firing(), [])
  standIn.token = `${secret}2`
  t.match(await faultOf(t, alerts.firing()), { code: 'ALERTS_TOKEN', message: /401/, hint: /token-file/ })
  await writeFile(file, `${secret}2`)
  t.same(await alerts.firing(), [], 'rotated under a running coordinator')
  await writeFile(file, 'two words')
  t.match(await faultOf(t, alerts.firing()), { code: 'ALERTS_TOKEN', message: /is no token/ })
})

void t.test('a certificate is believed by ca-file alone, which is read anew', async (t) => {
  const identity = { fleet: 'lab', role: 'agent', name: 'localhost' } as const
  const authority = await createAuthority('lab', Date.now())
  const { keyPem, requestPem } = await createRequest(identity)
  const { certificatePem } = await issueCertificate(requestPem, authority, identity, Date.now())
  const made = await folder(t)
  const ca = join(made, 'ca.pem')
  const standIn = createAlertmanager({ tls: { cert: certificatePem, key: keyPem } })
  const url = (await standIn.listen()).replace('127.0.0.1', 'localhost')
  t.teardown(() => standIn.close())
  const alerts = createAlerts(section(`alerts: { url: "${url}", ca-file: ${ca}, ${gates('env="gprd"')} }`))
  t.match(await faultOf(t, alerts.firing()), { code: 'ALERTS_UNREACHABLE', message: /ca\.pem for Alertmanager cannot be read \(ENOENT\)/ })
  await writeFile(ca, authority.certificatePem)
  t.same(await alerts.firing(), [])
  const unbelieving = createAlerts(section(`alerts: { url: "${url}", ${gates('env="gprd"')} }`))
  t.match(await faultOf(t, unbelieving.firing()), { code: 'ALERTS_UNREACHABLE', hint: /alerts\.ca-file/ })
})

void t.test('what Alertmanager says of a question that it refuses is quoted: one short line, no secret, nothing that plays with a terminal', async (t) => {
  const file = join(await folder(t), 'token')
  await writeFile(file, secret)
  const { alerts, standIn, url } = await scene(t, {}, `token-file: ${file}, ${gates('env="gprd"')}`)
  for (const [status, body, said, hint] of [
    [400, '"bad matcher format: error parsing regexp:\\n missing closing )"', ': bad matcher format: error parsing regexp: missing closing )', /matchers of that gate/],
    [404, '404 page not found\n', ': 404 page not found', /check alerts\.url: \/api\/v2\/alerts has to be Alertmanager's/], [404, '{"code":404,"message":"path /x was not found"}', ': path /x was not found', /alerts\.url/],
    [404, '<html><h1>nginx</h1></html>', '', /alerts\.url/], [403, '', '', /token-file/], [400, 'null', '', /matchers of that gate/], [400, '7', '', /matchers of that gate/],
    [400, `"a\\u001b[31m${'x'.repeat(5000)}"`, `: a?[31m${'x'.repeat(291)}...`, /matchers of that gate/], [400, `who is ${secret}? Authorization: Bearer abc123`, ': who is [token]? Authorization: Bearer [token]', /matchers of that gate/]
  ] as const) {
    standIn.fault = { kind: 'status', status, body }
    const fault = await faultOf(t, alerts.firing())
    t.match(fault, { code: 'ALERTS_REFUSED', hint })
    t.equal(fault.message, `Alertmanager at ${url} answered ${status} to the question about the gate gitaly${said}`)
  }
})

void t.test('at an address where nobody listens', async (t) => {
  const { alerts, standIn } = await scene(t)
  await standIn.close()
  t.match(await faultOf(t, alerts.firing()), { code: 'ALERTS_UNREACHABLE', message: /ECONNREFUSED/ })
})

void t.test('a regular expression that Alertmanager would refuse is none of the configuration; every one that Go takes is', async (t) => {
  const refusal = (value: string): string => {
    try { section(`alerts: { url: "https://am.test", close-on: [{ gate: g, matchers: [${JSON.stringify(`a=~${JSON.stringify(value)}`)}] }] }`) } catch (thrown) { return asFault(thrown).message }
    return ''
  }
  t.match(refusal('Gitaly[a'), /^c\.yml:1:\d+: alerts\.close-on\.0\.matchers\.0: Alertmanager would refuse this regular expression \(missing closing \]\): write it in Go's syntax, .*found "a=~\\"Gitaly\[a\\""$/)
  // What Go 1.26 says of each, anchored as Alertmanager does it.
  for (const [value, problem] of [
    ['(', 'missing closing )'], ['a)', 'unexpected )'], ['*', 'missing argument to repetition operator: *'], ['a|+', 'missing argument'], ['a**', 'invalid nested repetition'], ['a{2}+', 'invalid nested repetition'], ['a{1001}', 'invalid repeat count'], ['a{3,2}', 'invalid repeat count'],
    ['(?=a)', 'Perl syntax'], ['(?<!a)', 'invalid named capture'], ['(?i-)', 'Perl syntax'], ['(?P<a>x)(?P<a>y)', 'duplicate capture group name'], ['(a)\\1', 'invalid escape sequence: \\1'], ['\\Z', 'invalid escape'], ['\\é', 'invalid escape'], ['\\x{110000}', 'invalid escape'],
    ['[z-a]', 'invalid character class range: z-a'], ['[[:alfa:]]', 'invalid character class range: [:alfa:]'], ['\\pX', 'invalid character class range: \\pX'], ['[\\b]', 'invalid escape'], ['(?i)*', 'missing argument']
  ] as const) t.match(expressionProblem(value), problem, value)
  // "a\" closes the parenthesis that it is put into.
  t.match(expressionProblem('a\\'), 'missing closing )')
  for (const value of ['', 'Gitaly.*', 'main|cny', '|a', '()*', 'a)(b', '^*', 'a(?i)*', 'a*?', 'a{2,}?', '{', 'a{,2}', 'a{02}', 'x{1,', '(?i-s:a)', '(?P<n>a)(?<m>b)', '[]a]', '[^]a-]', '[A-\\x{5a}z]', '[[:^alpha:]\\d_-]', '[[:a]', '\\Qa(b\\E+', '\\pL\\p{^Greek}\\P{L}', '\\_\\-\\.\\/', '\\0\\12\\x7f\\x{1F600}', '\\A\\bé😀\\B\\z']) {
    t.equal(expressionProblem(value), undefined, value)
    t.equal(refusal(value), '', value)
  }
})

void t.test('a reading that is under way when pitstop stops is given up', async (t) => {
  const { standIn, alerts } = await scene(t)
  standIn.fault = { kind: 'hang' }
  const reading = faultOf(t, alerts.firing())
  while (standIn.asked.length === 0) await new Promise((resolve) => { setImmediate(resolve) })
  await alerts.close()
  t.match(await reading, { code: 'ALERTS_UNREACHABLE' })
})

void t.test('matchers are read as Alertmanager writes them, and written so', async (t) => {
  for (const [text, parsed] of [
    ['a="b"', { label: 'a', operator: '=', value: 'b' }], [' a != b-c.d:1/x ', { label: 'a', operator: '!=', value: 'b-c.d:1/x' }], ['a=~"x|y=z, {}"', { label: 'a', operator: '=~', value: 'x|y=z, {}' }],
    ['a!~""', { label: 'a', operator: '!~', value: '' }], ['a="\\"\\\\\\n"', { label: 'a', operator: '=', value: '"\\\n' }]
  ] as const) {
    const matcher = parseMatcher(text)
    t.same(matcher, parsed, text)
    t.same(matcher === undefined ? null : parseMatcher(matcherText(matcher)), parsed, `${text}, written and read again`)
  }
  for (const text of ['', 'a', '="b"', 'a="b', 'a==b', 'a="b" c="d"', '{a="b"}', 'a="b",', '1a="b"', 'a="\\x"', 'a=b c', 'a~b', 'a=\'b\'']) t.equal(parseMatcher(text), undefined, text)
  const labels = new Map([['a', 'b']])
  t.same(['a="b"', 'a="c"', 'a!="b"', 'x=""', 'x!=""', 'a=~"c"', 'a!~"b"'].map((text) => { const matcher = parseMatcher(text); return matcher !== undefined && mayApply(matcher, labels) }), [true, false, false, true, false, true, true])
})

void t.test('the section: every mistake at once, with line and fix', async (t) => {
  const settings = section('alerts: { url: "https://am.test/prefix/", close-on: [{ gate: a, matchers: [\'a="b"\'] }] }')
  t.same(settings, { url: 'https://am.test/prefix', closeOn: [{ gate: 'a', matchers: [{ label: 'a', operator: '=', value: 'b' }] }], nodeLabel: 'fqdn' })
  const problems = (text: string): string[] => {
    try { section(text) } catch (thrown) { return asFault(thrown).reasons.map((each) => each.text) }
    return []
  }
  t.same(problems(`alerts:
  url: http://am.test
  token-file: ''
  silences: true
  node-label: 'a b'
  close-on:
    - { gate: A, matchers: ['x'] }
    - { gate: b, matchers: [] }
    - { gate: b, matchers: ['a="b"'] }
`), [
    'c.yml:2:3: alerts.url: must be https://HOST (http only for loopback) without user, query and /api/v2; found "http://am.test"',
    'c.yml:3:3: alerts.token-file: must be a path; found ""',
    'c.yml:4:3: alerts.silences: unknown key; remove it or correct its spelling',
    'c.yml:5:3: alerts.node-label: must be the name of a label; found "a b"',
    'c.yml:7:9: alerts.close-on.0.gate: must be a name of 1 to 40 of a-z, 0-9 and "-"; reasons call the gate by it; found "A"',
    'c.yml:7:29: alerts.close-on.0.matchers.0: must be a matcher in Alertmanager\'s own notation: LABEL="VALUE", or with !=, =~, !~; found "x"',
    'c.yml:8:18: alerts.close-on.1.matchers: must have one matcher or more; found []'
  ])
  t.match(problems('alerts: { url: "https://am.test/api/v2", close-on: [] }'), [/without user, query and \/api\/v2/, /must name one gate or more; without any leave alerts out/])
  t.match(problems('alerts: { url: "https://am.test", close-on: [{ gate: b, matchers: [\'a="b"\'] }, { gate: b, matchers: [\'a="b"\'] }] }'), [/a gate of this name stands in the list already/])
  t.match(problems('alerts: { close-on: 1 }'), [/alerts\.url: missing/, /alerts\.close-on: must be a list of gates/])
})
