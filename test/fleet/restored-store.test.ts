// A store that comes back knowing less, from a backup or as an empty one (SQLite). Real processes. It opens paused, above every
// agent's epoch, and says what it has lost. PostgreSQL: failed-over-store.test.ts, lost-rows.test.ts.
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import t from 'tap'
import { untilEvent } from '../demo/follow-events.ts'
import { fleetReady, isStep, opened, quickPolicy, view } from './open-window.ts'
import { owed, rebootedBehindTheCopy, settledByHand } from './restored-window.ts'

const parts = ['', '-wal'] as const
const copy = (from: string, to: string): void => {
  for (const part of parts) {
    rmSync(to + part, { force: true })
    if (existsSync(from + part)) copyFileSync(from + part, to + part)
  }
}

void t.test('a backup is put back in mid-window: paused, above every agent\'s epoch, each lost promise told; no second reboot', async (t) => {
  await using fleet = await fleetReady({ nodes: 2, policy: { ...quickPolicy, watch: '10s' } })
  const before = fleet.gitlab.world.weights()
  const [first] = fleet.hosts
  if (first === undefined) throw new Error('two hosts')
  const store = fleet.coordinators[0]?.store ?? ''
  await opened(fleet)
  await untilEvent(fleet.socket, ({ type }) => type === 'window-rolling')
  // The first node is being staged; the backup knows of no weight.
  await fleet.killCoordinator('SIGKILL')
  copy(store, `${store}.backup`)
  for (let restart = 0; restart < 3; restart++) {
    await fleet.startCoordinator()
    if (restart < 2) await fleet.killCoordinator('SIGKILL')
  }
  await rebootedBehindTheCopy(t, fleet, first)
  copy(`${store}.backup`, store)

  await fleet.startCoordinator()
  const paused = await view(fleet)
  t.equal(paused.label, 'paused')
  const reasons = JSON.stringify(paused.pause?.reasons)
  t.match(paused.pause?.reasons, [{ code: 'STORE_RESTORED', text: /this machine has seen epoch 4, the store knows 1/ }])
  t.match(reasons, /gitaly-0\d\.demo\.internal has seen epoch 4, the store knows 1/)
  t.match(reasons, /gitaly-01\.demo\.internal has reboot reboot-1-[0-9a-f]+ \((?:running|succeeded)\), of which the restored journal does not know/)
  const status = JSON.parse((await fleet.pitstop(['status', '--json'])).stdout) as { epoch: number }
  t.ok(status.epoch > 4, `epoch ${status.epoch}, in one step`)
  t.match((await fleet.pitstop(['status'])).stdout, /STORE RESTORED, found [^\n]*: this machine has seen epoch 4, the store knows 1; [^\n]*\n  do: settle \d promises? that it had lost: pitstop obligations\nwindow 1 of plan [^\n]* is paused/)
  t.match((await fleet.pitstop(['why'])).stdout, /found:weight:gitaly-01/)

  const id = `found:weight:${first.node}`
  const lost = (await owed(fleet)).find((each) => each.id === id)
  t.match(lost?.payByHand, /curl .*"gitaly-01\.demo\.internal": 100/)
  const early = await fleet.pitstop(['window', 'resume', '--reason', 'looks fine'])
  t.equal(early.exit, 3)
  t.match(early.stderr, /a person settles what the restored store had lost: found:weight:gitaly-01/)
  await fleet.killCoordinator('SIGKILL')
  await fleet.startCoordinator()
  t.equal((await view(fleet)).label, 'paused', 'a restart forgets none of it')
  t.ok((await owed(fleet)).some((each) => each.id === id))

  await settledByHand(t, fleet, before)
})

void t.test('a new, empty store beside agents that have seen others: what is owed is told, and no window opens before it is settled', async (t) => {
  await using fleet = await fleetReady({ nodes: 2, policy: quickPolicy })
  const [first] = fleet.hosts
  const store = fleet.coordinators[0]?.store ?? ''
  await opened(fleet)
  await untilEvent(fleet.socket, isStep('step-done', 'zero-weight', first?.node))
  await fleet.killCoordinator('SIGKILL')
  for (const part of parts) rmSync(store + part, { force: true })
  await fleet.startCoordinator()
  t.same((await owed(fleet)).map(({ id }) => id).sort(), ['found:assigner', `found:weight:${first?.node}`])
  t.match((await fleet.pitstop(['status'])).stdout, /STORE RESTORED[^]*settle 2 promises[^]*no window yet/)
  const hash = (JSON.parse((await fleet.pitstop(['plan', 'create', '--for', '2h', '--reason', 'x', '--json'])).stdout) as { hash: string }).hash
  const refused = await fleet.pitstop(['window', 'start', hash, '--confirm', hash, '--reason', 'x'])
  t.equal(refused.exit, 3)
  t.match(refused.stderr, /STORE_RESTORED/)
})
