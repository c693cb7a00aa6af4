// 2,000 windows, most of them small, every invariant checked after each. The seeds are fixed: a failure here fails again. New
// seeds are for `npm run simulate`.
import t from 'tap'
import { simulate } from './crew.ts'
import { runWindow } from './run-window.ts'
import { coverage } from './tally.ts'

void t.test('2,000 windows without a violation', async (t) => {
  const result = await simulate({ first: 1, windows: 2000, nodes: null, workers: 2 })
  t.same(result.wrong.map(({ seed, violations }) => `npm run simulate -- --replay ${seed}: ${violations.join('; ')}`), [])
  t.equal(result.windows, 2000)
  t.comment(`${(result.windows / result.cpuMs * 1000).toFixed(0)} windows a second and core`)
  // What is simulated is worth something only if it goes wrong often enough.
  t.ok((result.ended['closed'] ?? 0) > 1900, `${result.ended['closed'] ?? 0} closed`)
  t.ok(result.halted > 400, `${result.halted} halted`)
  t.same(coverage(result.faults).filter((line) => line.endsWith('NEVER FIRED')), [], 'every fault that can be drawn comes to something')
  t.ok(result.onSqlite > 50, `${result.onSqlite} on the real SQLite store`)
  t.ok(result.kills > 500, `coordinators were killed ${result.kills} times`)
})

void t.test('a window of twenty nodes, and a seed that replays exactly', async (t) => {
  const first = await runWindow(7, 20)
  const again = await runWindow(7, 20)
  t.same(first.violations, [])
  t.equal(first.drawn.nodes, 20)
  t.equal(again.story(), first.story(), 'the same seed tells the same story')
  t.not((await runWindow(8, 20)).story(), first.story())
})

void t.test('on the real SQLite store a window is what it is on the one in memory, over kills and backups that are put back', async (t) => {
  let [onSqlite, kills, putBack] = [0, 0, 0]
  for (let seed = 1; onSqlite < 30 && seed < 400; seed++) {
    const real = await runWindow(seed, null, 'sqlite')
    if (!real.onSqlite) continue
    onSqlite++
    kills += real.kills
    putBack += real.faults['moment storePutBack']?.fired ?? 0
    t.same(real.violations, [], `seed ${seed}`)
    t.equal(real.story(), (await runWindow(seed, null, 'memory')).story(), `seed ${seed} tells the same story on both`)
  }
  t.equal(onSqlite, 30)
  t.ok(kills > 5, `${kills} kills`)
  t.ok(putBack > 0, `put back ${putBack} times`)
})
