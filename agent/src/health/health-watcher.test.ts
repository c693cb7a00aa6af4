// "Healthy for" is counted on a clock that no step moves: the soak must not end because chrony set the time.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { jsonLog } from '../adapters/json-log.ts'
import { OrderStore } from '../adapters/order-store.ts'
import { fakeHost } from '../fixtures/fake-host.ts'
import { buildHost } from '../host.ts'
import { HealthWatcher } from './health-watcher.ts'

void t.test('a clock step neither ends the soak nor dates Gitaly\'s start marker', async (t) => {
  const fake = await fakeHost()
  const state = mkdtempSync(join(tmpdir(), 'pitstop-watcher-'))
  fake.boot('boot-2')
  let stepMs = 0
  const clock = { now: () => Date.now() + stepMs, monotonic: () => performance.now() }
  const host = buildHost(fake.settings().host, clock)
  const store = new OrderStore(state)
  store.prepare()
  const watcher = new HealthWatcher(host, store, clock, jsonLog(() => undefined))
  t.teardown(async () => {
    watcher.close()
    host.gitaly.close()
    await fake.close()
    rmSync(state, { recursive: true, force: true })
  })
  const before = await watcher.verdict('', ['s1'])
  t.equal(before.status, 'healthy', JSON.stringify(before.reasons))
  t.ok(before.healthyForMs < 10_000, `${before.healthyForMs} ms before the step`)
  stepMs = 60_000
  const after = await watcher.verdict('', ['s1'])
  t.equal(after.status, 'healthy')
  t.ok(after.healthyForMs < 10_000, `${after.healthyForMs} ms after a step of 60 s`)
  // A recheck begins its own count: the marker is dated by a clock that has been stepped since.
  const recheck = await watcher.verdict('', ['s1'], true)
  t.ok(recheck.healthyForMs < 10_000, `${recheck.healthyForMs} ms in a count begun after the step`)
})
