// npm run simulate -- --windows 10000 --nodes 20 --seed S [--workers N]: windows with seeds S, S+1, … in a simulated world,
// every invariant checked after each. npm run simulate -- --replay SEED tells the story of one of them.
import { parseArgs } from 'node:util'
import { simulate } from './crew.ts'
import { runWindow } from './run-window.ts'

const { values } = parseArgs({
  options: {
    windows: { type: 'string', default: '1000' }, nodes: { type: 'string' }, seed: { type: 'string', default: '1' }, workers: { type: 'string' }, replay: { type: 'string' }
  }
})

/** @throws when it is none: a simulation of something else than was asked for proves nothing. */
function whole(name: string, text: string, least: number): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < least) throw new Error(`--${name} must be a whole number from ${least}, not ${text}`)
  return number
}

const nodes = values.nodes === undefined ? null : whole('nodes', values.nodes, 1)
const sized = nodes === null ? '' : ` --nodes ${nodes}`

if (values.replay === undefined) {
  const windows = whole('windows', values.windows, 1)
  const first = whole('seed', values.seed, 0)
  const result = await simulate({ first, windows, nodes, workers: values.workers === undefined ? undefined : whole('workers', values.workers, 1) })
  for (const { seed, violations } of result.wrong) {
    console.log(`seed ${seed}:\n${violations.map((violation) => `  ${violation}`).join('\n')}\n  its story: npm run simulate -- --replay ${seed}${sized}`)
  }
  const ended = Object.entries(result.ended).map(([how, count]) => `${count} ${how}`).join(', ')
  console.log(`${result.windows} windows with seeds ${first} to ${first + result.windows - 1} (${ended}; ${result.halted} halted, coordinators killed ${result.kills} times, ${result.events} journal rows)`)
  console.log(`${(result.windows / result.ms * 1000).toFixed(1)} windows a second, ${(result.windows / result.cpuMs * 1000).toFixed(1)} a second and core`)
  console.log(result.wrong.length === 0 ? 'no violation' : `${result.wrong.length} windows with violations`)
  process.exitCode = result.wrong.length === 0 ? 0 : 1
} else {
  const outcome = await runWindow(whole('replay', values.replay, 0), nodes)
  const { drawn } = outcome
  console.log(`${drawn.nodes} nodes, ${drawn.coordinators} coordinators, mood ${drawn.mood.name}, from ${new Date(drawn.start).toISOString()}\n${JSON.stringify(drawn.policy)}\n\n${outcome.story()}`)
  console.log(outcome.violations.length === 0 ? `no violation (${outcome.ended})` : outcome.violations.join('\n'))
  process.exitCode = outcome.violations.length === 0 ? 0 : 1
}
