// What the agent of release 0.1.0 left on its host, read by today's agent: epoch, boot, an order in each state with every
// kind of file, a promise. The fixtures never change.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { LogHistoryFile } from '@pitstop/agent/src/adapters/log-history-file.ts'
import { ObligationStore } from '@pitstop/agent/src/adapters/obligation-store.ts'
import { wholeProgress } from '@pitstop/agent/src/adapters/order-follow.ts'
import { OrderStore } from '@pitstop/agent/src/adapters/order-store.ts'
import { recordBoot } from '@pitstop/agent/src/boot-record.ts'
import { parseStatusLine } from '@pitstop/agent/src/domain/apt-progress.ts'
import { knownPatterns, mayExcuse } from '@pitstop/agent/src/domain/log-history.ts'
import { rebootReasons } from '@pitstop/agent/src/domain/order-admission.ts'
import { deriveState } from '@pitstop/agent/src/domain/order-state.ts'
import type { Logger } from '@pitstop/agent/src/ports.ts'
import { unitContext } from '@pitstop/agent/src/units/unit-context.ts'

const plan = 'b89e421b0d76cf44ebeca5e5ab4c9496d45d3f333df3160b70330b7a15a20b80'
const rebooted = 'reboot-1-d9b326d5ecb04d6094080a5a'
const upgraded = 'upgrade-1-077a5e653f98a56c95a7b8a3'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as Logger

/** @param release 0.1.0 grew before it came out: "later" has what the first fixture could not have. */
function oldState(t: { teardown(undo: () => void): void }, release: '0.1.0' | '0.1.0-later' = '0.1.0'): string {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-versions-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  cpSync(new URL(`fixtures/${release}/agent-state`, import.meta.url), folder, { recursive: true })
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

void t.test('what 0.1.0 wrote later on: every kind of promise, a failed payment, hooks that were running, requests in flight', async (t) => {
  const folder = oldState(t, '0.1.0-later')
  const promises = new ObligationStore(folder)
  t.same(promises.unpaid().map(({ id, kind, payable }) => [id, kind, payable]), [
    [`hook-${rebooted}-silence`, 'hook', 'node-done'], [`package-marks-${upgraded}`, 'package-marks', 'order-ended'], [`timers-${upgraded}`, 'timers', 'order-ended']
  ])
  t.match(promises.read(`hook-${rebooted}-silence`), { environment: { PITSTOP_NODE: 'gitaly-01.test' }, pay: [['/etc/pitstop/hooks/silence', 'undo']], boundToBoot: '' })
  t.match(promises.failure(`timers-${upgraded}`), { attempts: 2, text: 'systemctl ended with 1' })
  t.match(new OrderStore(folder).read(rebooted), {
    mark: { requestsInFlight: 3, delayedBy: ['unattended-upgrades'] },
    ready: { bootId: 'boot-2', hooks: 'running', by: { pid: 812, started: '4711' }, ran: ['10-silence', '20-warm'] }
  })
})

void t.test('start-up errors that were known, condemned and accepted stay so', async (t) => {
  const { history } = new LogHistoryFile(oldState(t, '0.1.0-later'), silent)
  t.same(history.boots, ['boot-1', 'boot-2'])
  t.equal(knownPatterns(history).size, 2)
  t.match(history.known[1], { accepted: { by: 'ada', reason: 'known since 17.1' } })
  t.notOk(mayExcuse(history, 'boot-3', 'level=error msg="unable to write metadata"'), 'condemned in an earlier boot')
  t.ok(mayExcuse(history, 'boot-3', 'level=error msg="something else"'))
})

void t.test('files of a newer release are refused, each by name; a history of one excuses nothing', async (t) => {
  const folder = oldState(t, '0.1.0-later')
  const newer = (path: string): string => {
    writeFileSync(join(folder, path), readFileSync(join(folder, path), 'utf8').replace('"version":1', '"version":2'))
    return path
  }
  const refused = (what: () => unknown, path: string): void => { t.throws(what, { code: 'STATE_UNREADABLE', message: new RegExp(`${path.split('/').at(-1) ?? ''} .*format version 2; this release reads`) } as object as Error, path) }
  const promise = newer(`obligations/timers-${upgraded}.json`)
  refused(() => new ObligationStore(folder).read(`timers-${upgraded}`), promise)
  const told: string[] = []
  t.equal(new ObligationStore(folder).unpaid(({ path }) => { told.push(path) }).length, 2, 'the others are paid all the same')
  t.same(told, [join(folder, promise)])
  refused(() => new OrderStore(folder).read(rebooted), newer(`orders/${rebooted}/ready.json`))
  newer('log-history.json')
  const said: string[] = []
  const { history } = new LogHistoryFile(folder, { ...silent, error: (_facts, text) => { said.push(text) } })
  t.equal(history.overflowed, true)
  t.notOk(mayExcuse(history, 'boot-3', 'level=error msg="something else"'))
  t.match(said, [/cannot be read: no error is excused/])
})
