// What an operator sees who asks the coordinator that only stands by: the same journal, followed to the end and through a
// take-over, with who acts said beside it; and the freeze that somebody else has said.
import t from 'tap'
import type { WindowView } from '@pitstop/coordinator/domain/view'
import { untilEvent } from '../demo/follow-events.ts'
import { isStep, opened } from './open-window.ts'
import { severalReady } from './several-coordinators.ts'

void t.test('a window watched at a standby is followed to its end, also when the standby takes over; a freeze is seen from everywhere', async (t) => {
  await using all = await severalReady({ coordinators: 2, nodes: 2 })
  const { fleet, server, store } = all
  const standby = { coordinator: 1 }
  const hash = await opened(fleet)
  const watched = fleet.pitstop(['window', 'watch', '--json', '--all'], standby)
  const lines = fleet.pitstop(['window', 'watch'], standby)
  await untilEvent(fleet.coordinators[1]?.socket ?? '', isStep('step-intended', 'upgrade'))

  t.equal((await fleet.pitstop(['freeze', '--reason', 'incident 815'])).exit, 0)
  t.match((await fleet.pitstop(['status'], standby)).stdout, /standing by; .* holds the lease[^]*FROZEN by .*: incident 815/)
  t.match((await fleet.pitstop(['why'], standby)).stdout, /this coordinator stands by[^]*frozen by .*: incident 815/)
  t.equal((await fleet.pitstop(['unfreeze', '--reason', 'over'])).exit, 0)
  t.notMatch((await fleet.pitstop(['status', '--json'], standby)).stdout, /incident/)

  const [here, there] = await Promise.all([fleet.pitstop(['window', 'show', '--json']), fleet.pitstop(['window', 'show', '--json'], standby)])
  t.equal(here.stderr, '')
  t.match(JSON.parse(there.stderr), { warning: /^this coordinator stands by; .* holds the lease, last renewed 1s ago\. This is what the journal holds/ })
  const [ours, theirs] = [here, there].map(({ stdout }) => JSON.parse(stdout) as WindowView)
  t.equal(theirs?.label, ours?.label)
  t.equal(theirs?.plan, hash)
  t.match(await fleet.pitstop(['window', 'pause', '--reason', 'x'], standby), { exit: 6, stderr: /stands by; .* holds the lease/ })

  await untilEvent(fleet.coordinators[1]?.socket ?? '', isStep('step-done', 'reboot'))
  await fleet.killCoordinator('SIGKILL')
  const { exit, stdout, stderr } = await watched
  t.equal(exit, 0, stderr)
  const seen = stdout.trim().split('\n').map((line) => JSON.parse(line) as { seq?: number, stream?: string }).flatMap(({ seq, stream }) => (seq === undefined ? [] : [{ seq, stream }]))
  const rows = await server.query<{ seq: string, stream: string }>(store, `select seq, stream from journal where stream in ('fleet', $1) order by seq`, [hash])
  const first = seen[0]?.seq ?? 0
  t.same(seen, rows.map(({ seq, stream }) => ({ seq: Number(seq), stream })).filter(({ seq }) => seq >= first), 'every row once and in order, over the take-over')
  t.match(await lines, { exit: 0, stdout: /lease-taken|acts/ })
  t.match((await lines).stdout, /reboot done[^]*closed/)
  t.match((await lines).stderr, /pitstop: this coordinator stands by/)
})
