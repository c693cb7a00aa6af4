// The gate on alerts with real processes and an Alertmanager over HTTP: preflight, why, and a window that waits and goes on.
import t from 'tap'
import { checkHistory } from '../world/check-history.ts'
import { createAlertmanager } from '../stand-ins/alertmanager/alertmanager.ts'
import { fleetEvidence } from './fleet-evidence.ts'
import { fleetReady, planned, quickPolicy, view } from './open-window.ts'

void t.test('a window waits for somebody else\'s alert, says for which, and goes on when it has ended', async (t) => {
  const alertmanager = createAlertmanager()
  const url = await alertmanager.listen()
  t.teardown(() => alertmanager.close())
  await using fleet = await fleetReady({ nodes: 1, policy: quickPolicy, coordinator: { alerts: { url, 'close-on': [{ gate: 'gitaly', matchers: ['alertname=~"Gitaly.*"', 'env="gprd"'] }] } } })
  const before = fleet.gitlab.world.weights()
  const hash = await planned(fleet)

  alertmanager.fault = { kind: 'status', status: 503 }
  const refused = await fleet.pitstop(['preflight', hash])
  t.equal(refused.exit, 3)
  t.match(refused.stdout + refused.stderr, /Alertmanager at http:\/\/127\.0\.0\.1:\d+ answered 503 to the question about the gate gitaly/)
  alertmanager.fault = null
  alertmanager.alerts = [{ labels: { alertname: 'GitalyFileServerDown', env: 'gprd', fqdn: 'gitaly-99.internal' }, startsAt: '2026-11-23T02:00:00.000Z' }, { labels: { alertname: 'GitalyFileServerDown', env: 'gstg' }, startsAt: '2026-11-23T02:00:00.000Z' }]
  const told = await fleet.pitstop(['preflight', hash])
  t.equal(told.exit, 0, told.stdout + told.stderr)
  t.match(told.stdout, /GitalyFileServerDown of gitaly-99\.internal fires since 2026-11-23 02:00:00Z/)
  t.match(told.stdout, /Seen:\n {2}Alertmanager shows 2 alerts, silenced and inhibited ones included; the gates look at: gitaly 1\n {2}1 of them name a node by the label fqdn: none of this plan's\nready: /)

  const started = await fleet.pitstop(['window', 'start', hash, '--confirm', hash, '--reason', 'test'])
  t.equal(started.exit, 0, started.stderr)
  let why = ''
  for (const until = Date.now() + 20_000; Date.now() < until && !why.includes('no further node begins:\n  alert GitalyFileServerDown');) why = (await fleet.pitstop(['why'])).stdout
  t.match(why, /no further node begins:\n {2}alert GitalyFileServerDown of gitaly-99\.internal fires since .* and closes the gate gitaly\n {4}do: nothing to do here/)
  t.notMatch(why, /gstg/)
  t.equal((await view(fleet)).nodes[0]?.phase, 'waiting')
  alertmanager.alerts = []
  const watched = await fleet.pitstop(['window', 'watch'])
  t.equal(watched.exit, 0, watched.stderr)
  t.same((await view(fleet)).nodes.map(({ phase }) => phase), ['done'])
  t.same(checkHistory(await fleetEvidence(fleet, before)), [])
})
