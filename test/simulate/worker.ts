// One core's share of the windows. With a bug to plant, the one line is changed when its module is loaded, in this worker only;
// that the line was there is proven before anything runs.
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { addCounts, type Counts } from './tally.ts'
import { plantBug } from './plant-bug.ts'
import type { StoreKind } from './run-window.ts'

export interface Report {
  readonly windows: number
  readonly wrong: readonly { readonly seed: number, readonly violations: readonly string[] }[]
  readonly ended: Readonly<Record<string, number>>
  readonly events: number
  readonly kills: number
  readonly halted: number
  readonly onSqlite: number
  readonly faults: Counts
  /** CPU time, start-up not counted. */
  readonly cpuMs: number
}

export interface Wanted { readonly first: number, readonly windows: number, readonly nodes: number | null, readonly store: StoreKind }

const { bug } = workerData as { readonly bug: string | null }
const requirePlanted = bug === null ? () => undefined : plantBug(bug)
// Imported only now: modules that are loaded cannot be planted in any more.
const { runWindow } = await import('./run-window.ts')
await import('@pitstop/coordinator/engine/coordinator')
requirePlanted()

// Thousands of simulated faults need no stack; a replay has them.
Error.stackTraceLimit = 0

if (parentPort === null) throw new Error(`worker ${threadId} was not started as one`)
const port = parentPort
port.on('message', ({ first, windows, nodes, store }: Wanted) => {
  share(first, windows, nodes, store).then((report) => { port.postMessage(report) }, (error: unknown) => { setImmediate(() => { throw error }) })
})

async function share(first: number, windows: number, nodes: number | null, store: StoreKind): Promise<Report> {
  const cpu = process.threadCpuUsage()
  const wrong: { seed: number, violations: readonly string[] }[] = []
  const ended: Record<string, number> = {}
  const faults: Counts = {}
  let [events, kills, halted, onSqlite] = [0, 0, 0, 0]
  for (let seed = first; seed < first + windows; seed++) {
    const outcome = await runWindow(seed, nodes, store)
    ended[outcome.ended] = (ended[outcome.ended] ?? 0) + 1
    events += outcome.events
    kills += outcome.kills
    if (outcome.halted) halted++
    if (outcome.onSqlite) onSqlite++
    addCounts(faults, outcome.faults)
    if (outcome.violations.length > 0) wrong.push({ seed, violations: outcome.violations })
  }
  const used = process.threadCpuUsage(cpu)
  return { windows, wrong, ended, events, kills, halted, onSqlite, faults, cpuMs: (used.user + used.system) / 1000 }
}
