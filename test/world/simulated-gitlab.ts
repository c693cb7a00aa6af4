// GitLab in memory, with the traps of its API: whole-hash writes, no fencing, answers that get lost while the write lands.
import { Fault } from '@pitstop/shared/fault'
import type { GitLab } from '@pitstop/coordinator/ports'
import type { History } from './history.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface GitLabFaults {
  /** Called at each weight write: how this one goes. */
  writeGoes: (count: number) => 'well' | 'refused' | 'lost-before' | 'lost-after' | { readonly landsAfterMs: number }
  readGoes: (count: number) => 'well' | 'error'
}

export class SimulatedGitLab {
  weights: Record<string, number>
  scheduleActive: boolean
  pipelines: { id: number, status: string, source: string, webUrl: string }[] = []
  moves: { source: string, destination: string, state: string }[] = []
  rights: readonly { code: 'GITLAB_FORBIDDEN', text: string, hint: string }[] = []
  faults: GitLabFaults = { writeGoes: () => 'well', readGoes: () => 'well' }
  writesAtOnce = 0
  mostWritesAtOnce = 0
  /** Writes that were sent while a lost one could still land. */
  overtaken = 0
  #mayLand = 0
  #writes = 0
  #reads = 0
  readonly #clock: VirtualClock
  readonly #history: History

  constructor(clock: VirtualClock, history: History, weights: Record<string, number>, scheduleActive = true) {
    this.#clock = clock
    this.#history = history
    this.weights = { ...weights }
    this.scheduleActive = scheduleActive
  }

  /** Somebody else writes: a person or the assigner. */
  writeAs(by: string, change: Record<string, number>): void {
    this.#land(by, { ...this.weights, ...change })
  }

  setScheduleAs(by: string, active: boolean): void {
    this.scheduleActive = active
    this.#history.add({ at: this.#clock.now(), what: 'schedule-set', by, active })
  }

  readonly requestTimeoutMs = 10_000

  port(): GitLab {
    return {
      requestTimeoutMs: this.requestTimeoutMs,
      hasAssigner: true,
      readWeights: async () => {
        await this.#clock.sleep(8)
        this.#read()
        return { ...this.weights }
      },
      writeWeights: async (weights) => {
        const goes = this.faults.writeGoes(++this.#writes)
        if (this.#mayLand > 0) this.overtaken++
        this.mostWritesAtOnce = Math.max(this.mostWritesAtOnce, ++this.writesAtOnce)
        try {
          await this.#clock.sleep(12)
          if (goes === 'refused') throw new Fault('GITLAB_RATE_LIMITED', 'GitLab limits the request rate')
          if (goes === 'well') this.#land('pitstop', weights)
          else {
            if (goes === 'lost-after') this.#land('pitstop', weights)
            else if (goes !== 'lost-before') {
              this.#mayLand++
              this.#clock.after(goes.landsAfterMs, () => {
                this.#mayLand--
                this.#land('pitstop', weights)
              })
            }
            await this.#clock.sleep(this.requestTimeoutMs)
            throw new Fault('GITLAB_TIMEOUT', 'GitLab did not answer in time')
          }
        } finally {
          this.writesAtOnce--
        }
        return { ...this.weights }
      },
      readSchedule: async () => {
        await this.#clock.sleep(8)
        this.#read()
        return { active: this.scheduleActive, nextRunAt: null, ownerId: 1, description: 'assigner' }
      },
      setScheduleActive: async (active) => {
        await this.#clock.sleep(10)
        this.setScheduleAs('pitstop', active)
        return { active, nextRunAt: null, ownerId: 1, description: 'assigner' }
      },
      livePipelines: async () => {
        await this.#clock.sleep(8)
        this.#read()
        return [...this.pipelines]
      },
      cancelPipeline: async (id) => {
        await this.#clock.sleep(8)
        this.pipelines = this.pipelines.filter((pipeline) => pipeline.id !== id)
      },
      storageMoves: async () => [...this.moves],
      checkRights: async () => [...this.rights],
      close: async () => undefined
    }
  }

  #read(): void {
    if (this.faults.readGoes(++this.#reads) === 'error') throw new Fault('GITLAB_ERROR', 'GitLab answered 502')
  }

  #land(by: string, weights: Readonly<Record<string, number>>): void {
    const before = { ...this.weights }
    // The whole hash is replaced: what is left out reads back as 0.
    this.weights = Object.fromEntries(Object.keys(this.weights).map((storage) => [storage, weights[storage] ?? 0]))
    this.#history.add({ at: this.#clock.now(), what: 'weights-written', by, before, after: { ...this.weights } })
  }
}
