// The gitlab section of the configuration: all problems at once, with their place.
import t from 'tap'
import { readConfiguration } from '@pitstop/shared/configuration'
import { asFault } from '@pitstop/shared/fault'
import * as v from 'valibot'
import { type GitLabSettings, gitLabSection } from './gitlab-section.ts'

void t.test('the gitlab section of the configuration', async (t) => {
  const schema = v.strictObject({ gitlab: gitLabSection })
  const read = (lines: string): GitLabSettings => readConfiguration('c.yaml', `gitlab:\n${lines}`, schema).gitlab
  const problems = (lines: string): string => {
    try {
      read(lines)
      return 'accepted'
    } catch (thrown) {
      return asFault(thrown).message
    }
  }
  t.strictSame(read('  url: https://gitlab.example.com/\n  token-file: /etc/pitstop/token\n'),
    { url: 'https://gitlab.example.com', token: { file: '/etc/pitstop/token' }, requestTimeoutMs: 10_000, landsWithinMs: 60_000, moves: false })
  t.match(read('  url: http://127.0.0.1:8080/gitlab\n  token-env: T\n  request-timeout: 2s\n  moves: true\n  assigner: {url: https://ops.example, project: a/b/c, schedule: 319, token-env: O}\n'),
    { url: 'http://127.0.0.1:8080/gitlab', requestTimeoutMs: 2000, moves: true, assigner: { url: 'https://ops.example', project: 'a/b/c', schedule: 319, token: { env: 'O' } } })
  t.match(problems('  url: http://gitlab.example.com\n  token-env: T\n'), /c\.yaml:2:3: gitlab\.url: must be https/)
  t.match(problems('  url: https://gitlab.example.com/api/v4\n  token-env: T\n'), /without user, query and \/api\/v4/)
  t.match(problems('  url: https://g.example\n'), /exactly one of token-file and token-env/)
  t.match(problems('  url: https://g.example\n  token-env: T\n  token-file: t\n'), /exactly one of token-file and token-env/)
  t.match(problems('  url: https://g.example\n  token-env: T\n  timeout: 3s\n'), /c\.yaml:4:3: gitlab\.timeout: unknown key/)
  t.match(problems('  url: https://g.example\n  token-env: T\n  request-timeout: 10\n'), /must be a duration/)
  t.match(problems('  url: https://g.example\n  token-env: T\n  assigner: {url: https://o.example, project: "", schedule: x, token-env: T}\n'), /project: must be the project's number or its path[^]*schedule: must be the number/)
  t.end()
})
