// Whom the coordinator believes to be an agent: the certificate must be of its own fleet, role and the very node.
import { copyFileSync, mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAgents } from '@pitstop/coordinator/adapters/agents/agents'
import t from 'tap'
import { type Authority, type Files, authority, issue } from './issue-certificates.ts'
import { listeningAgent, planNode } from './listening-agent.ts'

const folder = mkdtempSync(join(tmpdir(), 'pitstop-tls-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })

void t.test('an agent is believed only with a certificate for itself; each refusal says what was shown', async (t) => {
  const ca: Authority = await authority(folder, 'ours', 'lab')
  const strangers = await authority(folder, 'theirs', 'lab')
  const agents = createAgents({ fleet: 'lab', tls: await issue(ca, 'coordinator', 'coordinator.test') })
  t.teardown(() => { agents.close() })
  const describe = async (tls: Files, says?: string) => agents.describe(planNode((await listeningAgent(t, tls, says)).port), 0, [])
  t.match(await describe(await issue(ca, 'agent', 'gitaly-01.test')), { protocol: { min: 1, max: 1 } })
  await t.rejects(describe(await issue(ca, 'agent', 'gitaly-02.test')), { code: 'AGENT_UNREACHABLE', message: /agent gitaly-02\.test of fleet lab, not for agent gitaly-01\.test/ })
  await t.rejects(describe(await issue(ca, 'coordinator', 'gitaly-01.test')), { code: 'AGENT_UNREACHABLE', message: /coordinator gitaly-01\.test/ })
  await t.rejects(describe(await issue(strangers, 'agent', 'gitaly-01.test')), { code: 'AGENT_UNREACHABLE' })
  await t.rejects(describe(await issue(ca, 'agent', 'gitaly-01.test', Date.now() - 40 * 86_400_000, 30)), { code: 'AGENT_UNREACHABLE', message: /expired/ })
  await t.rejects(describe(await issue(ca, 'agent', 'gitaly-01.test'), 'gitaly-07.test'), { code: 'WRONG_NODE', message: /is gitaly-07\.test of fleet lab, not gitaly-01\.test/ })
})

void t.test('a renewed certificate of the coordinator is used without a restart', async (t) => {
  const ca = await authority(folder, 'renewing', 'lab')
  const first = await issue(ca, 'coordinator', 'before.test')
  const second = await issue(ca, 'coordinator', 'after.test')
  const tls = { certificate: join(folder, 'live.pem'), key: join(folder, 'live.key'), authority: first.authority }
  const install = (files: Files, at: number): void => {
    copyFileSync(files.certificate, tls.certificate)
    copyFileSync(files.key, tls.key)
    for (const path of [tls.certificate, tls.key]) utimesSync(path, at, at)
  }
  install(first, 1000)
  const { port, askedBy } = await listeningAgent(t, await issue(ca, 'agent', 'gitaly-01.test'))
  const agents = createAgents({ fleet: 'lab', tls })
  t.teardown(() => { agents.close() })
  await agents.describe(planNode(port), 0, [])
  install(second, 2000)
  await agents.describe(planNode(port), 0, [])
  t.same(askedBy, ['before.test', 'after.test'])
})
