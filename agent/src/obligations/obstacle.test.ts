// What stands in the way of a payment, in words that a person can act on.
import t from 'tap'
import type { Obligation } from '../domain/obligation.ts'
import type { HostFiles, UnitState } from '../ports.ts'
import { obstacleTo } from './obstacle.ts'

const promise: Obligation = {
  id: 'timer-1', kind: 'timers', orderId: 'upgrade-1-aa', planHash: 'p', what: 'apt-daily.timer', pay: [['systemctl', 'unmask', 'apt-daily.timer']], deadlineMs: 1000, madeAtMs: 1, payable: 'node-done', dueAtMs: 2, boundToBoot: ''
}

void t.test('a unit in the way is told by what it does, and what systemd did not tell by why', async (t) => {
  const obstacle = (state: () => Promise<UnitState>) => obstacleTo(promise, [], {
    files: { dpkgLockHolder: () => undefined } as Partial<HostFiles> as HostFiles,
    units: { state, start: async () => undefined, stop: async () => undefined },
    run: async () => { throw new Error('nothing is run') }
  })
  const text = async (state: () => Promise<UnitState>): Promise<string | undefined> => (await obstacle(state))?.text
  t.equal(await text(async () => 'active'), 'its order upgrade-1-aa is being carried out')
  t.equal(await text(async () => 'ending'), 'its order upgrade-1-aa is done, and its unit is still ending')
  t.equal(await text(async () => 'unknown'), 'its order upgrade-1-aa is in a state that systemd does not tell')
  t.equal(await text(() => Promise.reject(new Error('no bus'))), 'its order upgrade-1-aa is in an unknown state: no bus')
  t.equal(await text(async () => 'gone'), undefined)
})
