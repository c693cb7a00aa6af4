// What release 0.1.0 left on a coordinator's disk, read by today's release: the store with an event of every type, its
// plan, the break-glass file. The fixtures never change: a format that is changed keeps reading them, or this fails.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { storeMemoryFile } from '@pitstop/coordinator/adapters/store-memory-file'
import { openStore } from '@pitstop/coordinator/adapters/store/open-store'
import { promiseLines } from '@pitstop/coordinator/domain/break-glass-lines'
import type { Event, FleetEvent } from '@pitstop/coordinator/domain/event'
import { fold } from '@pitstop/coordinator/domain/fold'
import { openPlan } from '@pitstop/coordinator/domain/plan'
import { Fault } from '@pitstop/shared/fault'

const fixture = (name: string): string => readFileSync(new URL(`fixtures/0.1.0/${name}`, import.meta.url), 'utf8')
const hash = 'b89e421b0d76cf44ebeca5e5ab4c9496d45d3f333df3160b70330b7a15a20b80'

/** Every type that 0.1.0 could journal. */
const types = [
  'window-opened', 'window-rolling', 'window-halted', 'window-paused', 'window-resumed', 'window-unpaused', 'window-aborted', 'window-closing', 'window-settling',
  'window-audited', 'window-closed', 'manifest-resolved', 'step-intended', 'step-done', 'step-ended', 'node-admitted', 'node-prepared', 'slot-taken', 'slot-returned',
  'node-healthy', 'node-done', 'node-current', 'node-postponed', 'node-pending-reboot', 'node-failed', 'node-overdue', 'node-skipped', 'node-retried',
  'node-written-off', 'node-reported', 'obligation-opened', 'obligation-settled'
]

function oldStore(t: { teardown(undo: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-versions-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const path = join(folder, 'coordinator.db')
  const database = new DatabaseSync(path)
  database.exec(fixture('store.sql'))
  database.close()
  return path
}

void t.test('a store of 0.1.0 opens: nothing is lost, the epoch goes on, and the state is what it was', async (t) => {
  const path = oldStore(t)
  const store = await openStore(path, 'lab', () => Date.UTC(2026, 10, 23))
  t.match(await store.readLease(), { holder: 'pitstop.test/2/eeff0011', epoch: 2 })
  const journal = await store.read<Event>(hash)
  t.same([...new Set(journal.map(({ event }) => event.type))].sort(), [...types].sort(), 'an event of each type is understood')
  t.equal(journal.length, 120)
  t.same((await store.read<FleetEvent>('fleet')).map(({ event }) => event.type), ['lease-taken', 'frozen', 'unfrozen', 'report-observed'])
  const stored = await store.readPlan(hash)
  t.equal(stored?.bytes, fixture('plan.json'), 'the plan has the bytes that were approved')
  if (stored === null) return
  const state = fold(stored, journal)
  t.match(state.window, { number: 2, phase: 'closed', failureBudget: 1, abort: { by: 'ada' }, assignerAtOpening: null })
  t.same([...state.nodes.values()].map(({ node, phase, attempt }) => [node, phase, attempt]), [
    ['gitaly-01.test', 'current', 1], ['gitaly-02.test', 'postponed', 3], ['gitaly-03.test', 'written-off', 2]
  ])
  t.same([...state.obligations.values()].map(({ id, previous, status }) => [id, previous, status]), [
    ['assigner', true, 'paid'], ['weight:gitaly-01.test', 100, 'paid'], ['weight:gitaly-02.test', 99, 'paid'], ['weight:gitaly-03.test', 7, 'void']
  ])
  t.match(await store.takeLease('today', 'a:1', 1000), { epoch: 3 }, 'no agent refuses the new release')
  await store.append(3, hash, 1, [{ type: 'window-rolling' }])
  t.equal((await store.read(hash)).length, 121, 'and it is written on')
  await store.close()
  const again = await openStore(path, 'lab')
  t.equal((await again.read(hash)).length, 121)
  await again.close()
})

void t.test('the plan of 0.1.0 has its hash still, and one byte more is another plan', async (t) => {
  const { plan } = openPlan(hash, fixture('plan.json'))
  t.match(plan, { version: 1, fleet: 'lab', nodes: [{ node: 'gitaly-01.test', platform: 'debian-12-amd64' }, {}, {}], policy: { groupSize: 2, drain: 'zero-weight', deadlines: { returnMs: 300_000 } } })
  t.throws(() => openPlan(hash, `${fixture('plan.json')} `), new Fault('PLAN_CHANGED', 'the stored plan b89e421b0d76 has other bytes than its hash says'))
})

void t.test('a break-glass file of 0.1.0 says what is owed', async (t) => {
  t.same(promiseLines(fixture('break-glass.txt')), [
    { id: 'assigner', kind: 'assigner', subject: 'weight assigner', node: null, previous: true },
    { id: 'weight:gitaly-02.test', kind: 'weight', subject: 'gitaly-02.test', node: 'gitaly-02.test', previous: 99 },
    { id: 'weight:gitaly-03.test', kind: 'weight', subject: 'gitaly-03.test', node: 'gitaly-03.test', previous: 0 }
  ])
})

void t.test('what a machine remembers of the store: with its newest row, from before there was one, and of a newer release', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pitstop-versions-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const told: string[] = []
  const remembered = (text: string): Promise<unknown> => {
    writeFileSync(join(folder, 'store-memory.json'), text)
    return storeMemoryFile(join(folder, 'break-glass.txt'), 'lab', (each) => { told.push(each) }).read()
  }
  const text = readFileSync(new URL('fixtures/0.1.0-later/coordinator/store-memory.json', import.meta.url), 'utf8')
  const memory = { incarnation: 'b7c1d2e3-0000-4000-8000-000000000001', epoch: 7 }
  t.same(await remembered(text), { ...memory, seq: 120 })
  t.same(await remembered(text.replace(',"seq":120', '')), { ...memory, seq: 0 })
  t.same(told, [])
  t.equal(await remembered(text.replace('"version":1', '"version":2')), null, 'as good as none: agents are asked')
  t.equal(await remembered(text.replace('"epoch":7', '"epoch":8000000000000000')), null, 'an epoch that no coordinator can have had')
  t.match(told, [/store-memory\.json is not understood and is made anew/, /not understood/])
})
