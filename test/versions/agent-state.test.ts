// What the agent of release 0.1.0 left on its host, read by today's agent: epoch, boot, an order in each state with every
// kind of file, a promise. The fixtures never change.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ObligationStore } from '@pitstop/agent/src/adapters/obligation-store.ts'
import { wholeProgress } from '@pitstop/agent/src/adapters/order-follow.ts'
import { OrderStore } from '@pitstop/agent/src/adapters/order-store.ts'
import { recordBoot } from '@pitstop/agent/src/boot-record.ts'
import { parseStatusLine } from '@pitstop/agent/src/domain/apt-progress.ts'
import { rebootReasons } from '@pitstop/agent/src/domain/order-admission.ts'
import { deriveState } from '@pitstop/agent/src/domain/order-state.ts'
import { unitContext } from '@pitstop/agent/src/units/unit-context.ts'

const plan = 'b89e421b0d76cf44ebeca5e5ab4c9496d45d3f333df3160b70330b7a15a20b80'
const rebooted = 'reboot-1-d9b326d5ecb04d6094080a5a'
const upgraded = 'upgrade-1-077a5e653f98a56c95a7b8a3'

function oldState(t: { teardown(undo: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-versions-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  cpSync(new URL('fixtures/0.1.0/agent-state', import.meta.url), folder, { recursive: true })
  return folder
}

void t.test('every order of 0.1.0 is what it was, and the highest epoch is remembered', async (t) => {
  const store = new OrderStore(oldState(t))
  store.prepare()
  t.equal(store.highestEpoch(), 7)
  const status = (id: string): string => deriveState(store.read(id) ?? { id, boots: [] }, { bootId: 'boot-2', nowMs: 1, unit: 'gone', busy: false }).status
  t.same(Object.fromEntries(store.ids().map((id) => [id, status(id)])), {
    [rebooted]: 'succeeded', 'reboot-2-bc7db637976461f380a3b52f': 'cancelled', 'reboot-3-912977901aea395620e39c8d': 'vetoed', 'reboot-4-c66da1d1d32d8474c2e1b707': 'accepted',
    'stage-1-2fd94c27aee7f79526994087': 'succeeded', [upgraded]: 'succeeded'
  })
  t.match(store.read(rebooted), { accepted: { reboot: { filesystemIds: { 'gitaly-01.test': 'fs-1' }, expectedKernel: '6.1.0-27-amd64' } }, mark: { log: { inode: 42, offset: 1234 } }, boots: ['boot-2'] })
  t.match(store.read(upgraded)?.outcome, { changes: [{ name: 'openssl', from: '3.0.14' }], rebootRequired: true })
})

void t.test('a reboot that 0.1.0 did is not done again, and its boot is known', async (t) => {
  const store = new OrderStore(oldState(t))
  const order = { id: 'reboot-1-000000000000000000000000', fleet: 'lab', node: 'gitaly-01.test', planHash: plan, manifestHash: '', epoch: 8, notBeforeMs: 0, notAfterMs: 9, bootId: 'boot-2' }
  t.match(rebootReasons(order, 'boot-2', store.readAll()), [{ code: 'ALREADY_REBOOTED' }])
  t.same(recordBoot(store, 'boot-2', 1), store.lastBoot())
  t.match(store.lastBoot(), { bootId: 'boot-2', orderId: rebooted, acknowledged: 'REPORT_RESULT_ACCEPTED' })
})

void t.test('promises, progress and the settings of a unit that was started before the agent was renewed', async (t) => {
  const folder = oldState(t)
  t.match(new ObligationStore(folder).unpaid(), [{ kind: 'timers', orderId: upgraded, pay: [['systemctl', 'unmask', '--runtime', 'apt-daily.timer']], payable: 'order-ended', boundToBoot: 'boot-1' }])
  t.same(wholeProgress(join(folder, 'orders', upgraded)).map((line) => parseStatusLine(line)?.percent), [50, 100])
  t.match(unitContext(folder, rebooted).settings, { gitaly: { manager: 'gitlab-ctl', stopDeadlineMs: 70_000 }, maximumClockOffsetMs: 5000 })
})

void t.test('state of a newer release is refused, never taken for none', async (t) => {
  const folder = oldState(t)
  const path = join(folder, 'epoch.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace('"version":1', '"version":2'))
  t.throws(() => new OrderStore(folder).highestEpoch(), { code: 'STATE_UNREADABLE', message: /format version 2; this release reads/ } as object as Error)
})
