// The clock that leases are counted on runs through suspend: it is the kernel's boot time, not Node's monotonic clock.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { systemClock } from './system-clock.ts'

void t.test('monotonic time is CLOCK_BOOTTIME', async (t) => {
  const before = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
  const read = systemClock.monotonic()
  const after = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
  t.ok(before <= read && read <= after, `${before} <= ${read} <= ${after}`)
})

void t.test('a timer can be taken back', async (t) => {
  let called = 0
  systemClock.after(1, () => { called++ })()
  await new Promise<void>((resolve) => { systemClock.after(5, resolve) })
  t.equal(called, 0)
})
