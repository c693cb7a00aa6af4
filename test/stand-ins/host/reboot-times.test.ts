// What counts as the machine's own time and what as the orchestration's.
import { test } from 'tap'
import type { MachineEvent } from './history.ts'
import { rebootTimes } from './reboot-times.ts'

/** `at` in ms, event, facts; one boot id per boot event. */
function record(...lines: readonly (readonly [number, MachineEvent['event'], object?])[]): MachineEvent[] {
  let boots = 0
  return lines.map(([at, event, facts]) => {
    if (event === 'boot') boots++
    return { at: new Date(at).toISOString(), event, boot_id: `boot-${boots}`, ...facts }
  })
}

const up = [[0, 'boot', { cause: 'power-on' }], [100, 'gitaly-serving']] as const

void test('only what lay between Gitaly\'s end and the order is idle; the phases add up', (t) => {
  const [times, ...more] = rebootTimes(record(...up,
    [1000, 'gitaly-stop-requested'], [1040, 'gitaly-exit'], [1040, 'gitaly-down'], [1100, 'reboot-requested'], [1130, 'agent-exit'], [1150, 'off'],
    [2150, 'boot', { cause: 'ordered' }], [2160, 'agent-start'], [2500, 'gitaly-serving']))
  t.same(more, [])
  t.match(times, { bootId: 'boot-2', cause: 'ordered', outageMs: 1500, stopMs: 40, idleMs: 60, shutdownMs: 50, agentEndMs: 30, firmwareMs: 1000, serviceMs: 350, bareMs: 1440 })
  t.end()
})

void test('a reboot that stops Gitaly itself has no idle time', (t) => {
  t.match(rebootTimes(record(...up, [1000, 'reboot-requested'], [1001, 'gitaly-stop-requested'], [1040, 'gitaly-down'], [1045, 'off'],
    [2000, 'boot', { cause: 'ordered' }], [2300, 'gitaly-serving'])), [{ outageMs: 1300, stopMs: 0, idleMs: 0, shutdownMs: 45, bareMs: 1300 }])
  t.match(rebootTimes(record(...up, [1000, 'power-cut'], [1003, 'gitaly-down'], [1005, 'off'],
    [2000, 'boot', { cause: 'spontaneous' }], [2300, 'gitaly-serving'])), [{ cause: 'spontaneous', outageMs: 1300, idleMs: 0 }])
  t.end()
})

void test('a crash loop before the order is idle time, a second boot is the machine\'s', (t) => {
  t.match(rebootTimes(record(...up, [1000, 'gitaly-exit'], [1000, 'gitaly-down'], [2000, 'gitaly-start'], [2100, 'gitaly-exit'], [2100, 'gitaly-down'],
    [3000, 'reboot-requested'], [3050, 'off'], [4000, 'boot', { cause: 'ordered' }], [4010, 'power-cut'], [4020, 'off'],
    [5000, 'boot', { cause: 'spontaneous' }], [5300, 'gitaly-serving'])), [{ bootId: 'boot-3', outageMs: 4300, idleMs: 2000, bareMs: 2300 }])
  t.end()
})

void test('an outage that is not over, or was ended without a boot, is none of these', (t) => {
  t.same(rebootTimes(record(...up, [1000, 'reboot-requested'], [1050, 'off'], [2000, 'boot', { cause: 'ordered' }])), [])
  t.same(rebootTimes(record(...up, [1000, 'gitaly-down'], [2000, 'gitaly-serving'])), [])
  t.end()
})
