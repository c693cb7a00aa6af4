// The state of the stand-in and what happens to it: stored weights, the assigner's schedule and pipelines, moves,
// people. Tests hold it in their hands; the routes read and change it through the same functions.
import type { RequestLog } from './request-log.ts'
import { shownWeights } from './weight-rules.ts'

export interface Token {
  readonly name: string
  readonly value: string
  readonly user: { readonly id: number, readonly username: string, readonly admin: boolean }
  readonly scopes: readonly string[]
  /** YYYY-MM-DD as GitLab prints it; null = never. */
  readonly expiresAt: string | null
  readonly active?: boolean
}

export interface Move { readonly kind: 'project' | 'snippet' | 'group', readonly state: string, readonly source: string, readonly destination: string, readonly createdAt?: number }

export interface PipelineState { readonly id: number, status: string, readonly source: string, readonly createdAt: number }

export interface ScheduleState {
  readonly id: number
  readonly project: { readonly id: number, readonly path: string }
  readonly ownerId: number
  readonly description: string
  /** Hour of the day (UTC) of the daily run. */
  readonly hour: number
  active: boolean
  nextRunAt: number
  /** Secret on purpose: no client may log it. */
  readonly variables: readonly { readonly key: string, readonly value: string }[]
}

export interface AssignerRun {
  /** What the assigner thinks; written as the whole hash, as the real one does. Default: 100 everywhere. */
  readonly weights?: Readonly<Record<string, number>>
  /** ms between its writes. */
  readonly writeEveryMs?: number
  /** ms until the pipeline succeeds by itself; absent = it runs until cancelled. */
  readonly finishAfterMs?: number
  readonly source?: string
  readonly status?: string
}

export interface World {
  storages: string[]
  stored: Record<string, number>
  readonly schedule: ScheduleState | undefined
  readonly pipelines: PipelineState[]
  moves: Move[]
  readonly weights: () => Record<string, number>
  /** Replaces the stored hash, as every writer of GitLab does. */
  writeWeights(by: string, stored: Record<string, number>): void
  /** A person (or anything else) sets one weight through the admin page: the rest stays as shown. */
  personSets(storage: string, weight: number): void
  removeStorage(storage: string): void
  saveSchedule(by: string, active: boolean): void
  startAssigner(run?: AssignerRun): number
  endPipeline(id: number, status: string): boolean
  close(): void
}

const day = 86_400_000

export function createWorld(start: { storages: readonly string[], weights: Readonly<Record<string, number>>, schedule?: Omit<ScheduleState, 'nextRunAt'>, moves?: readonly Move[] }, log: RequestLog): World {
  const timers = new Map<number, NodeJS.Timeout[]>()
  const nextRun = (hour: number): number => {
    const today = Math.floor(Date.now() / day) * day + hour * 3_600_000
    return today > Date.now() ? today : today + day
  }
  const world: World = {
    storages: [...start.storages],
    stored: { ...start.weights },
    schedule: start.schedule === undefined ? undefined : { ...start.schedule, nextRunAt: nextRun(start.schedule.hour) },
    pipelines: [],
    moves: [...start.moves ?? []],
    weights: () => shownWeights(world.stored, world.storages),
    writeWeights(by, stored) {
      const before = world.weights()
      world.stored = { ...stored }
      log.add({ kind: 'weights', by, before, after: world.weights() })
    },
    personSets: (storage, weight) => world.writeWeights('person', { ...world.weights(), [storage]: weight }),
    removeStorage(storage) {
      world.storages = world.storages.filter((each) => each !== storage)
    },
    saveSchedule(by, active) {
      if (world.schedule === undefined) throw new Error('this GitLab has no schedule')
      world.schedule.active = active
      world.schedule.nextRunAt = nextRun(world.schedule.hour)
      log.add({ kind: 'schedule', by, active })
    },
    startAssigner(run = {}) {
      const pipeline = { id: 1000 + world.pipelines.length, status: run.status ?? 'running', source: run.source ?? 'schedule', createdAt: Date.now() }
      world.pipelines.push(pipeline)
      log.add({ kind: 'pipeline', id: pipeline.id, status: pipeline.status })
      const write = (): void =>
        world.writeWeights('assigner', { ...Object.fromEntries(world.storages.map((storage) => [storage, 100])), ...run.weights })
      const own: NodeJS.Timeout[] = []
      if (run.writeEveryMs !== undefined) own.push(setInterval(write, run.writeEveryMs))
      if (run.finishAfterMs !== undefined) own.push(setTimeout(() => { world.endPipeline(pipeline.id, 'success') }, run.finishAfterMs))
      timers.set(pipeline.id, own)
      return pipeline.id
    },
    endPipeline(id, status) {
      const pipeline = world.pipelines.find((each) => each.id === id)
      if (pipeline === undefined) return false
      for (const timer of timers.get(id) ?? []) clearTimeout(timer)
      timers.delete(id)
      pipeline.status = status
      log.add({ kind: 'pipeline', id, status })
      return true
    },
    close() {
      for (const timer of [...timers.values()].flat()) clearTimeout(timer)
      timers.clear()
    }
  }
  return world
}
