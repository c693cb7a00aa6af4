// What preflight says of the fleet: one trouble is one line, whoever says it, and what is known of the gates on alerts is told.
import t from 'tap'
import { type Reason, reason } from '@pitstop/shared/fault'
import { type AlertSurvey, explainSurvey } from './alert-survey.ts'
import type { HostView } from './observed.ts'
import type { Plan } from './plan.ts'
import { type PreflightFacts, preflight, tooShort } from './preflight.ts'

const policy: Plan['policy'] = {
  groupSize: 1, strictBatches: false, prepareAhead: 1, failureBudget: 1, canaryFirst: true, drain: 'none', activeStorageFloor: 1, settleMs: 60_000, soakMs: 10_000, watchMs: 60_000, rebootDelayMs: 0, reboot: 'always',
  prepareEstimateMs: 300_000, downEstimateMs: 120_000, allowanceMs: 120_000, deadlines: { stageMs: 1, upgradeMs: 1, returnMs: 1 }, assigner: 'none', livePipelines: 'wait'
}
const names = ['a.test', 'b.test', 'c.test', 'd.test', 'e.test']
const plan = { policy, opensAt: 0, closesAt: 3_600_000, nodes: names.map((node) => ({ node, address: `${node}:1`, gitaly: '', storages: [node], zone: 'z', platform: 'p' })) }
const host: HostView = {
  bootId: 'b', platform: 'p', gitalyPid: 1, gitalyRuns: true, rebootRequired: true, vetoes: [], promises: [], orders: [], currentOrder: null, highestEpoch: 5, clockOffsetMs: 0, requestsInFlight: 0, pendingUpdates: [], certificateExpiresAt: 0, hooksMs: 0, latestOrder: null, protocol: { min: 1, max: 1 }
}
const facts = (changes: Partial<PreflightFacts> = {}, hosts: Readonly<Record<string, HostView | Reason>> = {}): PreflightFacts => ({
  now: 0, rights: [], ownCertificate: [], alerts: null, survey: null, epoch: 5, spoken: { min: 1, max: 1 }, dependsOn: [],
  gitlab: { at: 0, seq: 0, weights: Object.fromEntries(names.map((node) => [node, 100])), scheduleActive: null, pipelines: [], moving: [] },
  hosts: new Map(names.map((node) => [node, hosts[node] ?? host])), ...changes
})
const overtaken = (node: string): Reason => reason('STALE_EPOCH', `${node}: epoch 5 is over: this agent has seen epoch 7`)

void t.test('agents that know a newer epoch are one problem with what to do, whether they refuse us or say it, and no line beside it says another thing', async (t) => {
  t.same(preflight(plan, facts()), { problems: [], warnings: [], remarks: [] })
  const { problems, warnings } = preflight(plan, facts({}, { 'a.test': overtaken('a.test'), 'b.test': { ...host, highestEpoch: 7 }, 'c.test': overtaken('c.test'), 'd.test': overtaken('d.test') }))
  t.same(warnings, [])
  t.match(problems, [{ code: 'STALE_EPOCH', text: /^4 of 5 nodes \(a\.test, b\.test, c\.test, …\) know a newer epoch than our 5: another coordinator acts on another store, or this store was put back/, hint: /stop the wrong one; if nobody does: systemctl restart pitstop-coordinator/ }])
  t.equal(problems.length, 1)
  t.match(preflight(plan, facts({}, { 'a.test': overtaken('a.test') })).problems, [{ text: /^a\.test knows a newer epoch than our 5/ }])
  t.same(preflight(plan, facts({ epoch: 0 })).problems, [], 'who holds no lease compares nothing')
})

void t.test('a host whose clock is off is told, which way and how far, and is not in the way', async (t) => {
  const at = (clockOffsetMs: number) => preflight(plan, facts({}, { 'a.test': { ...host, clockOffsetMs } }))
  for (const near of [-5000, 0, 4999.5]) t.same(at(near).warnings, [])
  t.match(at(-60_000.4), { problems: [], warnings: [{ code: 'CLOCK_OFF', text: 'the clock of a.test is 1m behind the coordinator\'s: it would be postponed', hint: /chrony/ }] })
  t.match(at(3_600_000).warnings, [{ text: /1h ahead of the coordinator's/ }])
})

void t.test('advice about a node names it', async (t) => {
  const { warnings } = preflight(plan, facts({}, { 'a.test': { ...host, vetoes: [reason('APT_FAILED', 'dpkg'), reason('DISK_FULL', 'full')] }, 'b.test': reason('ORDER_REUSED', 'again') }))
  t.match(warnings, [{ hint: /then: pitstop node retry a\.test --reason "…"$/ }, { hint: /make room/ }, { hint: /pitstop node retry b\.test --again/ }])
})

void t.test('a plan that is too short for one node says how long one takes by its own estimates', async (t) => {
  t.equal(tooShort(plan, 0), null)
  t.match(tooShort({ ...plan, closesAt: 60_000 }, 0), { code: 'DOES_NOT_FIT', text: 'not even one node fits: by the plan\'s own estimates it takes 10m10s, and there are 1m until closing', hint: /^make a plan of 10m10s or more, or correct policy\.estimates$/ })
  t.equal(tooShort({ ...plan, closesAt: 610_000 }, 0), null, 'just')
  t.match(preflight({ ...plan, closesAt: 609_999 }, facts()).problems, [{ code: 'DOES_NOT_FIT' }])
  t.equal(tooShort({ ...plan, opensAt: 3_000_000, closesAt: 3_610_000 }, 0), null, 'counted from opening')
  t.not(tooShort({ ...plan, opensAt: 0, closesAt: 3_610_000 }, 3_000_001), null, 'or from now, if that is later')
})

void t.test('what the gates on alerts look at is told; a label that no alert has is a warning, and neither is in the way', async (t) => {
  const survey: AlertSurvey = { alerts: 212, nodeLabel: 'fqdn', withNode: 40, nodes: ['b.test', 'x.test', 'a.test'], labels: ['alertname', 'env', 'fqdn'], gates: [{ gate: 'gitaly', alerts: 3, absent: [] }, { gate: 'node', alerts: 0, absent: ['ev'] }] }
  const alerts = { at: 0, firing: [] }
  t.same(preflight(plan, facts({ alerts, survey })), {
    problems: [],
    warnings: [{ code: 'ALERTS_UNMATCHED', text: 'the gate node asks for the label ev, which none of the 212 alerts that Alertmanager shows has: as it is, it closes on nothing', hint: 'check its spelling in alerts.close-on; labels there are: alertname, env, fqdn' }],
    remarks: ['Alertmanager shows 212 alerts, silenced and inhibited ones included; the gates look at: gitaly 3, node 0', '40 of them name a node by the label fqdn: 2 of this plan\'s 5 (a.test, b.test)']
  })
  t.match(explainSurvey({ ...survey, withNode: 0, nodes: [], gates: [] }, names), { remarks: [/212 alerts/, /^0 of them name a node by the label fqdn: none of this plan's$/], warnings: [{ text: /none of the 212 alerts .* has the label fqdn: alerts of nodes that pitstop takes down would count/, hint: /alerts\.node-label/ }] })
  const none = explainSurvey({ ...survey, alerts: 0, withNode: 0, nodes: [], labels: [] }, names)
  t.match(none.remarks, [/^Alertmanager shows no alert at all.*cannot be told/])
  t.same(none.warnings, [], 'nothing is known from nothing')
  const away = reason('ALERTS_ANSWER_INVALID', 'more than 8 MiB')
  t.same(preflight(plan, facts({ alerts, survey: away })), { problems: [], warnings: [], remarks: ['which alerts there are in all could not be read: more than 8 MiB'] })
  t.same(preflight(plan, facts({ alerts: away, survey: away })), { problems: [away], warnings: [], remarks: [] }, 'said once')
})
