// npm run simulate -- --windows 10000 --nodes 20 --seed S [--workers N]: windows with seeds S, S+1, … in a simulated world,
// every invariant checked after each. npm run simulate -- --replay SEED tells the story of one of them; --verbose how often each
// fault was drawn and came to something.
import { endWith, numberOf, scriptOptions } from '../demo/options.ts'
import { simulate } from './crew.ts'
import { runWindow, type StoreKind } from './run-window.ts'
import { coverage } from './tally.ts'

const usage = 'npm run simulate -- [--windows N] [--nodes N] [--seed N] [--workers N] [--store memory|sqlite|mixed] [--verbose] | --replay SEED [--nodes N]'
const values = scriptOptions(usage, {
  windows: { type: 'string', default: '1000' }, nodes: { type: 'string' }, seed: { type: 'string', default: '1' }, workers: { type: 'string' }, replay: { type: 'string' }, store: { type: 'string', default: 'mixed' }, verbose: { type: 'boolean', default: false }
})

/** A simulation of something else than was asked for proves nothing. */
const whole = (name: string, text: string, least: number): number => numberOf(text, `--${name}`, usage, least)

const stores: readonly StoreKind[] = ['memory', 'sqlite', 'mixed']
const store = stores.find((each) => each === values.store) ?? endWith(`--store must be memory, sqlite (wherever the store is embedded) or mixed, not "${values.store}"`, usage)
const nodes = values.nodes === undefined ? null : whole('nodes', values.nodes, 1)
const sized = nodes === null ? '' : ` --nodes ${nodes}`

if (values.replay === undefined) {
  const windows = whole('windows', values.windows, 1)
  const first = whole('seed', values.seed, 0)
  const result = await simulate({ first, windows, nodes, store, workers: values.workers === undefined ? undefined : whole('workers', values.workers, 1) })
  for (const { seed, violations } of result.wrong) {
    console.log(`seed ${seed}:\n${violations.map((violation) => `  ${violation}`).join('\n')}\n  its story: npm run simulate -- --replay ${seed}${sized}`)
  }
  const ended = Object.entries(result.ended).map(([how, count]) => `${count} ${how}`).join(', ')
  console.log(`${result.windows} windows with seeds ${first} to ${first + result.windows - 1} (${ended}; ${result.halted} halted, coordinators killed ${result.kills} times, ${result.events} journal rows; ${result.onSqlite} windows on the real SQLite store)`)
  console.log(`${(result.windows / result.ms * 1000).toFixed(1)} windows a second, ${(result.windows / result.cpuMs * 1000).toFixed(1)} a second and core`)
  if (values.verbose) for (const line of coverage(result.faults)) console.log(line)
  console.log(result.wrong.length === 0 ? 'no violation' : `${result.wrong.length} windows with violations`)
  process.exitCode = result.wrong.length === 0 ? 0 : 1
} else {
  const outcome = await runWindow(whole('replay', values.replay, 0), nodes, store)
  const { drawn } = outcome
  console.log(`${drawn.nodes} nodes, ${drawn.coordinators} coordinators, mood ${drawn.mood.name}, from ${new Date(drawn.start).toISOString()}\n${JSON.stringify(drawn.policy)}\n\n${outcome.story()}`)
  console.log(outcome.violations.length === 0 ? `no violation (${outcome.ended})` : outcome.violations.join('\n'))
  process.exitCode = outcome.violations.length === 0 ? 0 : 1
}
