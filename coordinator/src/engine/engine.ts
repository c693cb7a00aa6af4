// observe → decide → journal the intent → act → journal the outcome, for one plan. No policy here: decide() says what,
// the executors do it. A crash anywhere is answered by folding the journal and deciding again.
import { Fault, asFault } from '@pitstop/shared/fault'
import { type Effect, effectKey } from '../domain/effect.ts'
import type { Event } from '../domain/event.ts'
import { type Observed, nothingNoted, nothingObserved } from '../domain/observed.ts'
import { type Report, emptyReport } from '../domain/report.ts'
import type { State } from '../domain/state.ts'
import { writesLandBy } from '../domain/weights.ts'
import type { Agents, Alerts, Clock, GitLab } from '../ports.ts'
import { decide } from '../runbook/decide.ts'
import { cancelReboot, finalCheck, giveOrder, look, lookAround, settleOrder } from './agent-effects.ts'
import { observeAlerts } from './alert-effects.ts'
import { auditWeights, cancelPipeline, mayLandForMs, observeGitLab, setSchedule, settleWrites, writeWeights } from './gitlab-effects.ts'
import type { Hands, LostWrite } from './hands.ts'
import { InVain } from './in-vain.ts'
import type { Journal } from './journal.ts'

export interface EngineParts {
  readonly journal: Journal
  readonly gitlab: GitLab
  readonly agents: Agents
  /** Null: no gate on alerts is configured. */
  readonly alerts: Alerts | null
  readonly clock: Clock
  readonly guard: (effectMs: number) => void
  readonly landsWithinMs: number
  /** Of the process: what one engine lost may land under the next. */
  readonly lost: LostWrite
  readonly takenOver: Hands['takenOver']
  readonly lostWeights: () => number
  /** Something happened that only a developer can explain; the effect is tried again after a pause. */
  readonly onTrouble: (effect: Effect, fault: Fault) => void
  /** The lease or the store is lost: the engine has stopped. */
  readonly onStopped: (why: Fault) => void
}

/** Pause after an executor failed in a way nobody foresaw, so that a fault never becomes a hot loop. */
const troublePauseMs = 1000

/** Faults after which this coordinator may not act any more. */
const fatal = new Set(['STALE_EPOCH', 'LEASE_LOST', 'STORE_UNAVAILABLE', 'STORE_CORRUPT', 'STORE_BUSY'])

export class Engine {
  #observed: Observed
  #report: Report = emptyReport
  #stopped = false
  #deciding = false
  #again = false
  #cancelWake: () => void = () => undefined
  readonly #inFlight = new Map<string, Promise<void>>()
  readonly #inVain = new InVain()
  readonly #parts: EngineParts
  readonly #hands: Hands

  constructor(parts: EngineParts) {
    this.#parts = parts
    const noted = nothingNoted()
    this.#observed = { ...nothingObserved(parts.journal.epoch, noted), alerts: parts.alerts === null ? null : { reading: null, fault: null }, inFlight: this.#inFlight, ageMs: (entry) => parts.journal.age.ofMs(entry), lostWrite: { leftMs: () => parts.lost.mayLandUntil - parts.clock.monotonic() }, lostWeights: parts.lostWeights }
    const { journal, gitlab, agents, alerts, clock, guard, landsWithinMs } = parts
    // What a predecessor left in doubt is waited out by the clock that never jumps too, from now on.
    const leftMs = Math.min(writesLandBy(journal.state) - clock.now(), mayLandForMs(parts))
    if (leftMs > 0) parts.lost.mayLandUntil = Math.max(parts.lost.mayLandUntil, clock.monotonic() + leftMs)
    this.#hands = {
      journal, gitlab, agents, alerts, clock, landsWithinMs, lost: parts.lost, takenOver: parts.takenOver, noted,
      // An effect that began before a stop must not write after it.
      guard: (effectMs, frozenToo = false) => {
        if (this.#stopped) throw new Fault('LEASE_LOST', 'the engine has stopped')
        if (this.#observed.frozen !== null && !frozenToo) throw new Fault('FROZEN', `frozen by ${this.#observed.frozen.by}: ${this.#observed.frozen.reason}`)
        guard(effectMs)
      },
      observed: () => this.#observed,
      // The end of the effect wakes; what it sees on its way is decided upon together.
      observe: (change) => { this.#observed = { ...this.#observed, ...change } }
    }
    journal.onEvent(() => { this.wake() })
    journal.onBroken((why) => { this.#fail(why) })
  }

  get report(): Report { return this.#report }
  get observed(): Observed { return this.#observed }

  setFrozen(frozen: Observed['frozen']): void {
    this.#hands.observe({ frozen })
    this.wake()
  }

  /** Decide soon. Cheap; call it whenever something may have changed. */
  wake(): void {
    this.#again = true
    if (!this.#deciding && !this.#stopped) void this.#run()
  }

  /** Ends when every effect under way has ended; starts nothing more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelWake()
    await Promise.allSettled(this.#inFlight.values())
  }

  async #run(): Promise<void> {
    this.#deciding = true
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false
        // One turn of the loop later: everything that happened together is decided upon together.
        await Promise.resolve()
        const recorded = this.#decideOnce()
        if (recorded !== null) await recorded
      }
    } catch (error) {
      this.#fail(asFault(error))
    } finally {
      this.#deciding = false
    }
    if (this.#again && !this.#stopped) this.wake()
  }

  /** Null: nothing had to be journaled. */
  #decideOnce(): Promise<void> | null {
    const { journal, clock } = this.#parts
    const { state } = journal
    const decision = decide(state, this.observed, clock.now())
    this.#report = decision.report
    if (decision.record.length > 0) {
      // Decided on this state and no other: if somebody journaled meanwhile, decide again instead.
      this.#again = true
      return journal.append((now): readonly Event[] => (now === state ? decision.record : []), closesWindow(decision.record) ? 'close' : undefined)
    }
    for (const effect of decision.effects) this.#start(effect, state)
    this.#cancelWake()
    if (decision.wakeAt !== null) this.#cancelWake = clock.after(Math.max(1, decision.wakeAt - clock.now()), () => { this.wake() })
    return null
  }

  #start(effect: Effect, decidedOn: State): void {
    const key = effectKey(effect)
    if (this.#inFlight.has(key)) return
    this.#inFlight.set(key, this.#carryOut(key, effect, decidedOn))
  }

  async #carryOut(key: string, effect: Effect, decidedOn: State): Promise<void> {
    const { journal, clock } = this.#parts
    const before = journal.state
    try {
      await this.#perform(effect, decidedOn)
      if (journal.state === before && this.#inVain.tooOften(key, clock.monotonic())) throw new Fault('INTERNAL', `${key} goes round in circles: it is done again and again and changes nothing`)
    } catch (error) {
      const fault = asFault(error)
      if (fatal.has(fault.code)) this.#fail(fault)
      else if (!this.#stopped) {
        this.#parts.onTrouble(effect, fault)
        await new Promise<void>((resolve) => { this.#parts.clock.after(troublePauseMs, resolve) })
      }
    } finally {
      this.#inFlight.delete(key)
      this.wake()
    }
  }

  #perform(effect: Effect, decidedOn: State): Promise<void> {
    const hands = this.#hands
    switch (effect.kind) {
      case 'observe-gitlab': return observeGitLab(hands)
      case 'observe-alerts': return observeAlerts(hands)
      case 'set-schedule': return setSchedule(hands, effect, decidedOn)
      case 'cancel-pipeline': return cancelPipeline(hands, effect.id)
      case 'settle-writes': return settleWrites(hands)
      case 'write-weights': return writeWeights(hands, effect, decidedOn)
      case 'order': return giveOrder(hands, effect, decidedOn)
      case 'settle-order': return settleOrder(hands, effect)
      case 'cancel-reboot': return cancelReboot(hands, effect)
      case 'look': return look(hands, effect)
      case 'final-check': return finalCheck(hands, effect)
      case 'look-around': return lookAround(hands, effect)
      case 'audit': return auditWeights(hands)
      default: return effect satisfies never
    }
  }

  #fail(why: Fault): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#cancelWake()
    this.#parts.onStopped(why)
  }
}

const closesWindow = (events: readonly Event[]): boolean => events.some(({ type }) => type === 'window-closed')
