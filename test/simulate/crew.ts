// Runs windows on several cores: each worker takes the next seeds when it is through with its own. Which worker ran a window
// says nothing about it.
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { addCounts, type Counts } from './tally.ts'
import type { StoreKind } from './run-window.ts'
import type { Report, Wanted } from './worker.ts'

export interface Task {
  readonly first: number
  readonly windows: number
  /** Null: drawn for each window. */
  readonly nodes: number | null
  readonly store?: StoreKind
  readonly workers?: number | undefined
  /** Time zone of the host; left out: that of this one. */
  readonly zone?: string
  /** A bug to plant, by its name in bugs.ts. */
  readonly bug?: string
  /** No further windows once a violation reads like this. */
  readonly until?: string
}

/** The reports of all workers as one. */
export interface Result extends Report { readonly ms: number }

/** Seeds that a worker takes at once; a planted bug is looked for one by one. */
const share = (bug: string | undefined): number => bug === undefined ? 25 : 1

export async function simulate(task: Task): Promise<Result> {
  // Threads have no zone of their own: they begin with that of the process.
  if (task.zone !== undefined) process.env['TZ'] = task.zone
  const began = performance.now()
  const total = { windows: 0, wrong: [] as Report['wrong'][number][], ended: {} as Record<string, number>, events: 0, kills: 0, halted: 0, onSqlite: 0, faults: {} as Counts, cpuMs: 0 }
  let next = task.first
  const end = task.first + task.windows
  const until = task.until === undefined ? null : new RegExp(task.until)
  const found = (): boolean => until !== null && total.wrong.some(({ violations }) => violations.some((each) => until.test(each)))
  const workers = Math.max(1, Math.min(task.workers ?? availableParallelism(), Math.ceil(task.windows / share(task.bug))))

  await Promise.all(Array.from({ length: workers }, () => new Promise<void>((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { bug: task.bug ?? null }, resourceLimits: { maxYoungGenerationSizeMb: 128 } })
    const more = (): void => {
      const windows = Math.min(share(task.bug), end - next)
      if (windows <= 0 || found()) {
        void worker.terminate()
        resolve()
        return
      }
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
      worker.postMessage({ first: next, windows, nodes: task.nodes, store: task.store ?? 'mixed' } satisfies Wanted)
      next += windows
    }
    worker.on('error', reject)
    worker.on('message', (report: Report) => {
      total.windows += report.windows
      total.wrong.push(...report.wrong)
      for (const [how, count] of Object.entries(report.ended)) total.ended[how] = (total.ended[how] ?? 0) + count
      total.events += report.events
      total.kills += report.kills
      total.halted += report.halted
      total.onSqlite += report.onSqlite
      addCounts(total.faults, report.faults)
      total.cpuMs += report.cpuMs
      more()
    })
    more()
  })))
  return { ...total, wrong: total.wrong.sort((a, b) => a.seed - b.seed), ms: performance.now() - began }
}
