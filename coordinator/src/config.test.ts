// The configuration: what a good one means, and that a bad one is told all at once, with place, value and fix.
import t from 'tap'
import { asFault } from '@pitstop/shared/fault'
import { configurationTemplate } from './config/template.ts'
import { policyOf } from './config/policy-section.ts'
import { loadSettings, parseSettings } from './config.ts'

const good = `fleet: lab
address: pitstop.test:7443
listen: { http: 127.0.0.1:8080, agents: 0.0.0.0:7442 }
tls: { certificate: /pki/c.pem, key: /pki/c.key, authority: /pki/ca.pem }
gitlab: { url: https://gitlab.test, token-file: /etc/token }
inventory: { file: /etc/nodes.yml }
`

const problems = (text: string): string[] => {
  try {
    parseSettings('c.yml', text)
    return []
  } catch (error) {
    return asFault(error).reasons.map((reason) => reason.text)
  }
}

void t.test('a short configuration is completed with the documented defaults', async (t) => {
  const settings = parseSettings('c.yml', good)
  t.match(settings, {
    fleet: 'lab', store: '/var/lib/pitstop/coordinator.db', leaseTtlMs: 30_000, breakGlass: '/var/lib/pitstop/break-glass.txt', tokens: [],
    listen: { http: '127.0.0.1:8080', socket: '/run/pitstop/coordinator.sock', agents: '0.0.0.0:7442' },
    policy: { groupSize: 1, settleMs: 60_000, soakMs: 10_000, watchMs: 60_000, allowanceMs: 120_000, deadlines: { returnMs: 600_000 } }
  })
  t.equal(policyOf(settings.policy, false).assigner, 'none', 'without an assigner there is none to pause')
  t.equal(policyOf(settings.policy, true).assigner, 'pause')
})

void t.test('prepare-ahead follows the group size until somebody says otherwise', async (t) => {
  const { policy } = parseSettings('c.yml', good)
  t.equal(policyOf(policy, false, { groupSize: 4 }).prepareAhead, 4)
  t.equal(policyOf(policy, false, { groupSize: 4, prepareAhead: 2 }).prepareAhead, 2)
  t.throws(() => policyOf(policy, false, { soakMs: 3_600_000 }), { code: 'INVALID_INPUT' })
})

void t.test('every problem is told at once, with line, column, value and fix', async (t) => {
  const found = problems(`fleet: Lab
address: pitstop.test:7443
listen: { http: 127.0.0.1:8080, sockt: /x }
tls: { certificate: c.pem, key: /pki/c.key, authority: /pki/ca.pem }
store: postgres://db/pitstop
lease: { ttl: 10s }
gitlab: { url: https://gitlab.test, token-file: /etc/token, request-timeout: 6s }
inventory: { file: /etc/nodes.yml }
tokens:
  - { name: ana, role: admin, file: /etc/ana }
  - { name: bo, role: viewer }
policy: { group-size: 0, soak: 10 }
colour: blue
`)
  t.same(found, [
    'c.yml:1:1: fleet: must be 1 to 63 of a-z, 0-9 and "-"; found "Lab"',
    'c.yml:3:1: listen.agents: missing; add it ("agents")',
    'c.yml:3:33: listen.sockt: unknown key; remove it or correct its spelling',
    'c.yml:4:8: tls.certificate: must be an absolute path; found "c.pem"',
    'c.yml:5:1: store: must name user, host and database: postgres://USER@HOST:PORT/DATABASE; found "postgres://db/pitstop"',
    'c.yml:7:61: gitlab.request-timeout: must not be longer than half of lease.ttl (10s): a request could outlive the lease; set 5s or a longer ttl; found "6s"',
    'c.yml:10:18: tokens.0.role: must be viewer or operator; found [hidden]',
    'c.yml:11:5: tokens.1: needs exactly one of file and sha256; found [hidden]',
    'c.yml:12:11: policy.group-size: must be 1 or more: nobody could ever go; found 0',
    'c.yml:12:26: policy.soak: must be a duration such as "10s" or "2m"; found 10',
    'c.yml:13:1: colour: unknown key; remove it or correct its spelling'
  ])
})

void t.test('an address of the store that is refused is not repeated: it may hold the password', async (t) => {
  for (const url of ['postgres://pitstop:horse@db/f', 'postgres://pitstop:hor/se@db:99999/f', 'postgres://:horse@db/f', 'postgres://pitstop@db/f?password=horse', 'postgres://pitstop@db/f?passwd=horse', 'postgres://a:b@horse@db']) {
    const found = problems(`${good}store: ${url}\n`)
    t.match(found, [/^c\.yml:7:1: store: (?:must|has) .*; found "postgres:\/\/…@db/], url)
    t.notMatch(found.join(''), /horse|hor\/se/)
  }
  t.match(problems(`${good}store: /var/lib/pitstop/\n`), [/this is a folder; found "\/var\/lib\/pitstop\/"/])
  t.match(problems(`${good}store: coordinator.db\n`), [/must be the absolute path of an SQLite file/])
})

void t.test('what does not go together is refused', async (t) => {
  t.match(problems(`${good}policy: { assigner: pause }\n`), [/7:11: policy.assigner: "pause" needs gitlab.assigner; add it, or say none; found "pause"/])
  t.match(problems(`${good}policy: { estimates: { down: 20m }, soak: 15m }\n`), [/policy.deadlines.return: must not be shorter than estimates.down \(20m\)/, /policy.soak: must be shorter/])
  t.match(problems(`${good}tokens: [{ name: a, role: viewer, file: /a }, { name: a, role: operator, file: /b }]\n`), [/stands in the list already/])
  t.match(problems(`${good}fleet: other\n`), [/c.yml:7:1: .*unique/i], 'a key given twice')
})

void t.test('a file that pitstop writes is nobody else\'s: the break-glass file would replace the store, or a key', async (t) => {
  const clash = (more: string): string[] => problems(`${good}${more}`)
  t.same(clash('break-glass: /var/lib/pitstop/coordinator.db\n'), ['c.yml:7:1: break-glass: must name a file that nothing else uses: /var/lib/pitstop/coordinator.db is also that of store; found "/var/lib/pitstop/coordinator.db"'])
  for (const [more, told] of [
    ['break-glass: /var/lib/pitstop/./coordinator.db-wal', /is also that of store/], ['break-glass: /var/lib/pitstop/coordinator.db/x', /lies below that of store/],
    ['store: /srv/store-memory.json\nbreak-glass: /srv/glass', /^c\.yml:8:1: break-glass: .*store-memory\.json is also that of store/], ['break-glass: /pki/c.key', /is also that of tls\.key/],
    ['break-glass: /pki', /is a folder on the way to that of tls\.certificate/], ['break-glass: /etc/token', /is also that of gitlab\.token-file/], ['store: /etc/nodes.yml', /^c\.yml:7:1: store: .*is also that of inventory\.file/],
    ['store: /run/pitstop/coordinator.sock', /^c\.yml:3:1: listen\.socket: .*is also that of store/], ['store: postgres://p@db/f\nstore-password-file: /s\nbreak-glass: /s', /is also that of store-password-file/],
    ['break-glass: /t\ntokens: [{ name: a, role: viewer, file: /t }]', /is also that of tokens\.0\.file/],
    ['break-glass: /t\nalerts: { url: "https://am.test", token-file: /t, close-on: [{ gate: a, matchers: [a=b] }] }', /is also that of alerts\.token-file/]
  ] as const) t.match(clash(`${more}\n`)[0], told, more)
  t.match(asFault(t.throws(() => parseSettings('/etc/c.yml', `${good}break-glass: /etc/c.yml\n`))), { code: 'INVALID_CONFIGURATION', reasons: [{ text: /is also that of this configuration/ }] })
  t.same(clash('store: postgres://p@db/f\nbreak-glass: /srv/glass\ngitaly-authority: /pki/ca.pem\n'), [], 'what is only read may be named twice')
})

void t.test('times without sense are refused: a lost write that cannot land, a lease that outlives its fleet', async (t) => {
  const lands = (text: string): string[] => problems(good.replace('token-file: /etc/token', `token-file: /etc/token, lands-within: ${text}`))
  t.match(lands('0s'), [/^c\.yml:5:61: gitlab\.lands-within: must be 1s or more: GitLab may carry out what we gave up/])
  t.match(lands('100000d'), [/gitlab\.lands-within: must be 1h or less/])
  t.same(lands('1s'), [])
  t.match(problems(`${good}lease: { ttl: 25d }\n`), [/lease\.ttl: must be 1h or less/])
})

void t.test('what pitstop init writes can be read as it is, and with every commented line', async (t) => {
  const text = configurationTemplate('gprd')
  t.equal(parseSettings('init', text).fleet, 'gprd')
  // The examples behind "# " are configuration too; knife and file exclude each other, and a digest is a placeholder.
  const whole = text.replace(/^( *)# (?=\s*(?:- )?[\w{-][\w-]*:|\s*- \{)/gm, '$1').replace(/^ *file: \/etc\/pitstop\/nodes.yml.*$/m, '').replace(/<printf.*?>/, 'a'.repeat(64)).replace(/^The coordinator.*$/m, '').replace(/^Check it.*$/m, '')
  const settings = parseSettings('init', whole)
  t.equal(settings.gitlab.assigner?.schedule, 42)
  t.match(settings.alerts, { nodeLabel: 'fqdn', closeOn: [{ gate: 'gitaly', matchers: [{ label: 'alertname', operator: '=', value: 'GitalyFileServerDown' }, { label: 'env' }] }] })
  t.equal(settings.tokens.length, 2)
  t.ok('knife' in settings.inventory)
  t.equal(settings.policy.prepareAhead, 1)
})

void t.test('a file that cannot be read says which and what to do', async (t) => {
  t.throws(() => loadSettings('/nowhere/c.yml'), { code: 'INVALID_CONFIGURATION', message: /\/nowhere\/c.yml cannot be read \(ENOENT\)/, hint: /--config/ })
})
