// GitLab in memory, with the traps of its API: whole-hash writes, no fencing, answers that get lost while the write lands.
import { Fault } from '@pitstop/shared/fault'
import type { GitLab } from '@pitstop/coordinator/ports'
import type { History, What } from './history.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** How a write goes. `partly`: the answer says well, and of what was to change the first key stays as it was. `error`: GitLab says 502, and did what it was asked or did not. */
export type WriteGoes = 'well' | 'partly' | 'refused' | 'forbidden' | 'lost-before' | 'lost-after' | 'error-before' | 'error-after' | { readonly landsAfterMs: number }

type ReadGoes = 'well' | 'stale' | keyof typeof readFaults

const readFaults = {
  error: ['GITLAB_ERROR', 'GitLab answered 502'], limited: ['GITLAB_RATE_LIMITED', 'GitLab limits the request rate'], 'token-ended': ['GITLAB_TOKEN', 'GitLab answered 401']
} as const

export interface GitLabFaults {
  /** Called at each weight write: how this one goes. */
  writeGoes: (count: number) => WriteGoes
  scheduleGoes: (count: number) => WriteGoes
  /** stale: weights come from a replica that has not heard of pitstop's last write. */
  readGoes: (count: number, what: 'weights' | 'other') => ReadGoes
}

/** Who asks, and how the world sees its lease and its break-glass file. */
export interface Asker {
  readonly name: string
  readonly leased: () => boolean
  readonly owed: () => string
  /** Calls back when its process hears: one that is stopped hears when it wakes, a dead one never. */
  readonly hears: (tell: () => void) => void
}

const pitstop: Asker = { name: 'pitstop', leased: () => true, owed: () => '', hears: (tell) => { tell() } }

export class SimulatedGitLab {
  weights: Readonly<Record<string, number>>
  scheduleActive: boolean
  pipelines: { id: number, status: string, source: string, webUrl: string }[] = []
  moves: { source: string, destination: string, state: string }[] = []
  rights: readonly { code: 'GITLAB_FORBIDDEN', text: string, hint: string }[] = []
  faults: GitLabFaults = { writeGoes: () => 'well', scheduleGoes: () => 'well', readGoes: () => 'well' }
  readMs = 8
  /** What was told to end stays "canceling". */
  pipelinesLinger = false
  writesAtOnce = 0
  mostWritesAtOnce = 0
  /** Writes that were sent while a lost one could still land. */
  overtaken = 0
  #mayLand = 0
  #beforeOurs: Readonly<Record<string, number>> | null = null
  #writes = 0
  #weightWrites = 0
  #scheduleWrites = 0
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
    this.#tell({ what: 'schedule-set', by, active })
  }

  readonly requestTimeoutMs = 10_000

  port(asker: Asker = pitstop): GitLab {
    const by = asker.name
    const read = async <T>(answer: (stale: boolean) => T, what: 'weights' | 'other' = 'other'): Promise<T> => {
      await this.#clock.sleep(this.readMs)
      const goes = this.faults.readGoes(++this.#reads, what)
      if (goes !== 'well' && goes !== 'stale') {
        this.#tell({ what: 'gitlab-failed', by })
        const [code, text] = readFaults[goes]
        throw new Fault(code, text)
      }
      return answer(goes === 'stale')
    }
    return {
      requestTimeoutMs: this.requestTimeoutMs,
      hasAssigner: true,
      readWeights: () => {
        const asked = this.#clock.now()
        return read((stale) => {
          const weights = stale ? this.#beforeOurs ?? this.weights : this.weights
          asker.hears(() => { this.#tell({ what: 'weights-read', by, asked, weights }) })
          return weights
        }, 'weights')
      },
      writeWeights: async (weights) => {
        const write = ++this.#writes
        this.#tell({ what: 'weights-sent', by, leased: asker.leased(), write, weights, owed: asker.owed() })
        if (this.#mayLand > 0) this.overtaken++
        this.mostWritesAtOnce = Math.max(this.mostWritesAtOnce, ++this.writesAtOnce)
        try {
          await this.#clock.sleep(2)
          const goes = this.faults.writeGoes(++this.#weightWrites)
          await this.#write(write, goes, () => { this.#land('pitstop', goes === 'partly' ? this.#partOf(weights) : weights, write) })
        } finally {
          this.writesAtOnce--
        }
        return this.weights
      },
      readSchedule: () => {
        const asked = this.#clock.now()
        return read(() => {
          const active = this.scheduleActive
          asker.hears(() => { this.#tell({ what: 'schedule-read', by, asked, active }) })
          return { active: this.scheduleActive, nextRunAt: null, ownerId: 1, description: 'assigner' }
        })
      },
      setScheduleActive: async (active) => {
        const write = ++this.#writes
        this.#tell({ what: 'schedule-sent', by, leased: asker.leased(), write, active, owed: asker.owed() })
        await this.#write(write, this.faults.scheduleGoes(++this.#scheduleWrites), () => { this.setScheduleAs('pitstop', active) })
        return { active, nextRunAt: null, ownerId: 1, description: 'assigner' }
      },
      livePipelines: () => read(() => [...this.pipelines]),
      cancelPipeline: async (id) => {
        this.#tell({ what: 'pipeline-cancelled', by, leased: asker.leased() })
        await this.#clock.sleep(8)
        this.pipelines = this.pipelinesLinger ? this.pipelines.map((each) => each.id === id ? { ...each, status: 'canceling' } : each) : this.pipelines.filter((pipeline) => pipeline.id !== id)
      },
      storageMoves: async () => [...this.moves],
      checkRights: async () => [...this.rights],
      close: async () => undefined
    }
  }

  async #write(write: number, goes: WriteGoes, land: () => void): Promise<void> {
    await this.#clock.sleep(10)
    if (goes === 'well' || goes === 'partly' || goes === 'lost-after' || goes === 'error-after') land()
    if (typeof goes === 'object') {
      this.#mayLand++
      this.#clock.after(goes.landsAfterMs, () => {
        this.#mayLand--
        land()
      })
    }
    const waits = typeof goes === 'object' || goes === 'lost-before' || goes === 'lost-after'
    if (waits) await this.#clock.sleep(this.requestTimeoutMs - 10)
    this.#tell({ what: 'write-answered', write, how: goes === 'partly' ? 'well' : goes === 'well' || goes === 'refused' ? goes : goes === 'forbidden' ? 'refused' : 'unknown' })
    if (goes === 'refused') throw new Fault('GITLAB_RATE_LIMITED', 'GitLab limits the request rate')
    if (goes === 'forbidden') throw new Fault('GITLAB_FORBIDDEN', 'GitLab does not allow this')
    if (waits) throw new Fault('GITLAB_TIMEOUT', 'GitLab did not answer in time')
    if (goes !== 'well' && goes !== 'partly') throw new Fault('GITLAB_ERROR', 'GitLab answered 502')
  }

  #partOf(weights: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
    const kept = Object.keys(this.weights).find((storage) => weights[storage] !== this.weights[storage])
    return kept === undefined ? weights : { ...weights, [kept]: this.weights[kept] ?? 0 }
  }

  #land(by: string, weights: Readonly<Record<string, number>>, write?: number): void {
    const before = this.weights
    if (by === 'pitstop') this.#beforeOurs = before
    // The whole hash is replaced: what is left out reads back as 0.
    this.weights = Object.fromEntries(Object.keys(before).map((storage) => [storage, weights[storage] ?? 0]))
    this.#tell({ what: 'weights-written', by, before, after: this.weights, ...(write === undefined ? {} : { write }) })
  }

  #tell(what: What): void { this.#history.add({ at: this.#clock.now(), ...what }) }
}
