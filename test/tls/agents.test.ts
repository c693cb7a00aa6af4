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

void t.test('an agent that has seen a newer epoch refuses ours; one that says an epoch of which nobody can have told it is a fault of that agent alone', async (t) => {
  const ca: Authority = await authority(folder, 'epochs', 'lab')
  const agents = createAgents({ fleet: 'lab', tls: await issue(ca, 'coordinator', 'coordinator.test') })
  t.teardown(() => { agents.close() })
  const tls = await issue(ca, 'agent', 'gitaly-01.test')
  const newer = planNode((await listeningAgent(t, tls, undefined, 9)).port)
  t.match(await agents.describe(newer, 0, []), { highestEpoch: 9 })
  await t.rejects(agents.describe(newer, 7, []), { code: 'STALE_EPOCH' })
  const implausible = planNode((await listeningAgent(t, tls, undefined, 5_000_000)).port)
  t.match(await agents.describe(implausible, 0, []), { highestEpoch: 5_000_000 }, 'whoever asks without an epoch judges it')
  await t.rejects(agents.describe(implausible, 7, []), { code: 'AGENT_ANSWER_INVALID', message: /gitaly-01\.test says that it has seen epoch 5000000, and the fleet is at 7/ })
  const impossible = planNode((await listeningAgent(t, tls, undefined, Number.MAX_SAFE_INTEGER)).port)
  for (const epoch of [0, 7]) await t.rejects(agents.describe(impossible, epoch, []), { code: 'AGENT_ANSWER_INVALID', message: /says that it has seen epoch 9007199254740991/ })
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
