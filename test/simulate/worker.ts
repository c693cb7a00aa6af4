// One core's share of the windows. With a bug to plant, the one line is changed when its module is loaded, in this worker only;
// that the line was there is proven before anything runs.
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { plantBug } from './plant-bug.ts'

export interface Report {
  readonly windows: number
  readonly wrong: readonly { readonly seed: number, readonly violations: readonly string[] }[]
  readonly ended: Readonly<Record<string, number>>
  readonly events: number
  readonly kills: number
  readonly halted: number
  readonly cpuMs: number
}

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
port.on('message', ({ first, windows, nodes }: { readonly first: number, readonly windows: number, readonly nodes: number | null }) => {
  share(first, windows, nodes).then((report) => { port.postMessage(report) }, (error: unknown) => { setImmediate(() => { throw error }) })
})

async function share(first: number, windows: number, nodes: number | null): Promise<Report> {
  const cpu = process.threadCpuUsage()
  const wrong: { seed: number, violations: readonly string[] }[] = []
  const ended: Record<string, number> = {}
  let [events, kills, halted] = [0, 0, 0]
  for (let seed = first; seed < first + windows; seed++) {
    const outcome = await runWindow(seed, nodes)
    ended[outcome.ended] = (ended[outcome.ended] ?? 0) + 1
    events += outcome.events
    kills += outcome.kills
    if (outcome.halted) halted++
    if (outcome.violations.length > 0) wrong.push({ seed, violations: outcome.violations })
  }
  const used = process.threadCpuUsage(cpu)
  return { windows, wrong, ended, events, kills, halted, cpuMs: (used.user + used.system) / 1000 }
}
