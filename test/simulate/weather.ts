// The network between coordinators and agents on a bad night: requests and answers that are lost, late, doubled or overtaken,
// answers that leave things open, and a coordinator that reaches nobody.
import { Fault } from '@pitstop/shared/fault'
import type { Call, Transit } from '../world/network.ts'
import type { SimulatedHost } from '../world/simulated-host.ts'
import type { VirtualClock } from '../world/virtual-clock.ts'
import type { Chance } from './chance.ts'
import { calls } from './odds.ts'
import type { Tally } from './tally.ts'

/** gRPC's: 20 s without a word, then 10 s for an answer. */
const keepaliveMs = 30_000

export class Weather implements Transit {
  #cutOff = false
  /** Gives up the orders that are under way. */
  readonly #underWay = new Set<() => void>()
  readonly #clock: VirtualClock
  readonly #chance: Chance
  readonly #times: number
  readonly #tally: Tally

  constructor(clock: VirtualClock, chance: Chance, times: number, tally: Tally) {
    this.#clock = clock
    this.#chance = chance
    this.#times = times
    this.#tally = tally
  }

  /** Nobody is reached; streams break when nothing was heard on them for a while. */
  set cutOff(cutOff: boolean) {
    this.#cutOff = cutOff
    if (cutOff) this.#clock.after(keepaliveMs, () => { if (this.#cutOff) for (const giveUp of this.#underWay) giveUp() })
  }

  call<T>(host: SimulatedHost, { deadlineMs, order }: Call, deliver: () => T | Promise<T>): Promise<T> {
    const chance = this.#chance
    const times = this.#times
    const tally = this.#tally
    const goes = this.#fate(chance.next())
    const wayMs = goes === 'requestLate' ? chance.between(1000, 20_000) : chance.between(0, 12)
    const doubledMs = chance.happens(calls.duplicated * times) ? chance.between(1, 8000) : null
    const unsure = chance.happens(calls.unsure * times)
    if (goes !== 'well') tally.drawn(`call ${goes}`)
    if (goes === 'requestLost') tally.fired('call requestLost')
    if (doubledMs !== null) tally.drawn('call duplicated')
    if (unsure) tally.drawn('call unsure')
    return new Promise((resolve, reject) => {
      let over = false
      const unheard = (): void => {
        if (over) return
        over = true
        this.#underWay.delete(unheard)
        reject(new Fault('AGENT_UNREACHABLE', `the agent of ${host.node} cannot be reached`))
      }
      if (goes !== 'well' || order !== undefined) this.#clock.after(deadlineMs, unheard)
      if (order !== undefined) this.#underWay.add(unheard)
      if (goes === 'requestLost') return
      if (doubledMs !== null) this.#clock.after(wayMs + doubledMs, () => {
        if (!this.#reaches(host)) return
        tally.fired('call duplicated')
        void arrives().catch(() => undefined)
      })
      this.#clock.after(wayMs, () => {
        if (!this.#reaches(host)) {
          // A host that is up refuses at once; one that is down, or behind a cut, says nothing for a while.
          this.#clock.after(host.up && !this.#cutOff && host.faults.unreachable !== true ? 2 : Math.min(deadlineMs, 2500), unheard)
          return
        }
        if (goes === 'requestLate') tally.fired('call requestLate')
        arrives().then((answer) => {
          if (goes === 'answerLost') tally.fired('call answerLost')
          if (goes === 'answerLost' || !host.up || this.#cutOff) return goes === 'answerLost' ? undefined : unheard()
          over = true
          this.#underWay.delete(unheard)
          const told = unsure ? leavesOpen(answer) : answer
          if (told !== answer) tally.fired('call unsure')
          resolve(told)
        }, (error: unknown) => {
          if (over) return
          over = true
          this.#underWay.delete(unheard)
          reject(error)
        })
      })
    })

    async function arrives(): Promise<T> { return deliver() }
  }

  #reaches(host: SimulatedHost): boolean { return !this.#cutOff && host.agent.reachable }

  #fate(x: number): 'well' | 'requestLost' | 'answerLost' | 'requestLate' {
    const { requestLost, answerLost, requestLate } = calls
    const scaled = x / this.#times
    return scaled < requestLost ? 'requestLost' : scaled < requestLost + answerLost ? 'answerLost' : scaled < requestLost + answerLost + requestLate ? 'requestLate' : 'well'
  }
}

/** A verdict in which one thing could not be told. */
function leavesOpen<T>(answer: T): T {
  if (typeof answer !== 'object' || answer === null || !('evidence' in answer) || !Array.isArray(answer.evidence)) return answer
  return { ...answer, status: 'status' in answer && answer.status === 'healthy' ? 'unknown' : 'status' in answer ? answer.status : 'unknown', evidence: answer.evidence.slice(1), healthyForMs: 0 }
}
