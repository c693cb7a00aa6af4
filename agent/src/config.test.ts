// The configuration: defaults, all problems at once with their lines, unknown keys are errors.
import type { Fault } from '@pitstop/shared/fault'
import t from 'tap'
import { loadSettings, parseSettings } from './config.ts'

const minimal = `fleet: gprd
node: gitaly-01.example
listen: 0.0.0.0:7411
tls: {certificate: /c, key: /k, authority: /a}
gitaly: {address: "127.0.0.1:9999"}
`

void t.test('what is left out has the documented default', (t) => {
  t.match(parseSettings('agent.yml', minimal), {
    coordinators: [], state: '/var/lib/pitstop-agent', report: { firstDelayMs: 0, maximumDelayMs: 30_000 },
    host: {
      root: '/', mode: 'act', hooks: { directory: '/etc/pitstop/hooks.d', deadlineMs: 60_000, undoAfterMs: 7_200_000 }, rebootPolicy: 'always', maximumClockOffsetMs: 5000,
      gitaly: { manager: 'gitlab-ctl', service: 'gitaly', log: '/var/log/gitlab/gitaly/current', stopDeadlineMs: 70_000, startDeadlineMs: 300_000, healthIntervalMs: 250 },
      apt: { lockTimeoutMs: 60_000, deadlineMs: 1_800_000, exclude: ['gitlab-ee', 'gitlab-ce', 'pitstop-agent'] }
    }
  })
  t.end()
})

void t.test('Gitaly is named in its own schemes', (t) => {
  const gitaly = (text: string): object => parseSettings('agent.yml', minimal.replace('{address: "127.0.0.1:9999"}', text)).host.gitaly
  t.match(gitaly('{address: "tls://gitaly-01.example:9075", authority: /etc/ssl/gitaly.pem, server-name: gitaly.internal}'), { address: 'tls://gitaly-01.example:9075', authority: '/etc/ssl/gitaly.pem', serverName: 'gitaly.internal' })
  t.match(gitaly('{address: "unix:/var/opt/gitlab/gitaly/gitaly.socket"}'), { address: 'unix:/var/opt/gitlab/gitaly/gitaly.socket' })
  t.throws(() => gitaly('{address: "http://127.0.0.1:9999"}'), { code: 'INVALID_CONFIGURATION', message: /gitaly\.address: must be host:port, tcp:\/\/host:port, tls:\/\/host:port or unix:\/path/ })
  t.end()
})

void t.test('all problems at once, each with its place', (t) => {
  try {
    parseSettings('agent.yml', `${minimal.replace('gprd', 'Not A Fleet').replace('7411', 'x')}surprise: 1\nreboot: {policy: sometimes}\n`)
    t.fail('accepted')
  } catch (error) {
    t.match(error, { code: 'INVALID_CONFIGURATION' })
    const texts = (error as Fault).reasons.map(({ text }) => text).join('\n')
    for (const part of [/agent.yml:1:\d+: fleet/, /agent.yml:3:\d+: listen/, /surprise: unknown key/, /policy: must be if-needed or always/]) t.match(texts, part)
  }
  t.throws(() => parseSettings('agent.yml', `${minimal}coordinators: a.example:7442\napt: {exclude: gitlab-ee}\n`), { message: /coordinators: must be a list; found.*\n.*apt\.exclude: must be a list/ })
  t.throws(() => loadSettings('/no/such/file'), { code: 'INVALID_CONFIGURATION', message: /\/no\/such\/file/ })
  t.end()
})
