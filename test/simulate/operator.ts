// The person at the desk: plans, opens, and brings every window to its end by commands that pitstop allows, at random moments
// and often in an odd order. Mends hosts when asked to. What cannot be ended so is a violation.
import type { Coordinator } from '@pitstop/coordinator/engine/coordinator'
import type { Command } from '@pitstop/coordinator/domain/command'
import { type NodeState, type State, awaitsPerson } from '@pitstop/coordinator/domain/state'
import { Fault } from '@pitstop/shared/fault'
import type { SimulatedHost } from '../world/simulated-host.ts'
import type { World } from '../world/world.ts'
import type { Chance } from './chance.ts'
import type { Drawn } from './draw-window.ts'
import { operator as odds } from './odds.ts'
import type { Seats } from './seats.ts'
import type { Tally } from './tally.ts'

const seconds = 1000
/** Nobody waits longer for an answer; the command may have been journaled all the same. */
const patienceMs = 20 * seconds
/** GitLab's time-out and how long after it a write may land. */
const writesLandWithinMs = 30 * seconds

type Wanted = Command extends infer C ? C extends Command ? Omit<C, 'by' | 'reason'> : never : never

export class Operator {
  /** Closed for the last time, or never opened. */
  over = false
  /** Faults that no person could have caused: a defect of pitstop itself. */
  readonly defects: string[] = []
  /** Why no window could be opened; null = one was. */
  notOpened: string | null = 'not tried yet'
  #nights: number
  readonly #world: World
  readonly #seats: Seats
  readonly #chance: Chance
  readonly #tally: Tally

  constructor(world: World, seats: Seats, chance: Chance, { nights }: Drawn, tally: Tally) {
    this.#tally = tally
    this.#world = world
    this.#seats = seats
    this.#chance = chance
    this.#nights = nights
  }

  async work(): Promise<void> {
    if (!await this.#plans() || !await this.#opens()) {
      this.over = true
      return
    }
    while (!this.over) {
      await this.#world.clock.sleep(this.#chance.between(2, 25) * seconds)
      const { state } = this
      if (await this.#owesWhatWasLost()) continue
      if (state.window.number === 0) this.over = !await this.#opens()
      else if (state.window.phase === 'closed') await this.#afterClosing(state)
      else await this.#visit(state)
    }
  }

  get state(): State { return this.#world.state() }

  async #plans(): Promise<boolean> {
    for (let tries = 0; tries < 12; tries++) {
      const answer = await this.#ask((coordinator) => coordinator.makePlan({ by: 'ada', reason: 'monthly', opensAt: this.#world.clock.now() - 60 * seconds, closesAt: this.#world.closesAt, policy: this.#world.policy }))
      if (answer !== null && !(answer instanceof Fault)) {
        this.#world.plan = answer
        return true
      }
      this.notOpened = answer === null ? 'nobody answered' : answer.message
      await this.#world.clock.sleep(5 * seconds)
    }
    return false
  }

  async #opens(): Promise<boolean> {
    const { hash } = this.#world.plan
    const number = this.state.window.number
    for (let tries = 0; tries < 12; tries++) {
      if (this.state.window.number > number) {
        this.notOpened = null
        return true
      }
      const answer = await this.#ask((coordinator) => coordinator.openWindow(hash, { by: 'ada', reason: 'monthly', confirm: hash }))
      if (answer instanceof Fault) {
        this.notOpened = answer.message
        if (answer.code === 'PREFLIGHT_FAILED') this.#mendAll()
      }
      await this.#world.clock.sleep(3 * seconds)
    }
    return false
  }

  async #afterClosing(state: State): Promise<void> {
    const left = [...state.nodes.values()].some(({ phase }) => phase === 'waiting' || phase === 'postponed' || phase === 'pending-reboot')
    if (--this.#nights > 0 && left && this.#world.clock.now() < this.#world.closesAt - 120 * seconds && await this.#opens()) return
    this.over = true
  }

  async #visit(state: State): Promise<void> {
    const chance = this.#chance
    if (this.#seats.acting === null) return
    if (chance.happens(0.25)) await this.#asksWhy()
    if (this.#seats.acting?.frozen != null) {
      if (chance.happens(0.6)) await this.#ask((coordinator) => coordinator.unfreeze('bob', 'it is over'))
      return
    }
    const { window } = state
    const sick = [...state.nodes.values()].filter((node) => node.phase === 'failed' || node.overdue)
    if (awaitsPerson(state)) return this.#findsItsStorePutBack()
    await this.#takesOverInDoubt(state)
    if (window.phase === 'settling' || window.phase === 'closing') return this.#settles(sick)
    if (window.halt !== null || window.pause !== null) return this.#helps(state, sick)
    await this.#meddles(state)
  }

  /** What a store lost that was put back: looks at hosts and GitLab, puts it back by hand, and says so. */
  async #owesWhatWasLost(): Promise<boolean> {
    const { clock, gitlab, hosts } = this.#world
    const lost = await this.#ask((coordinator) => coordinator.lostPromises())
    if (lost === null || lost instanceof Fault) return this.#seats.acting === null
    if (lost.length === 0) return false
    // As the documents say: what was under way to GitLab lands first.
    await clock.sleep(Math.max(0, (this.#world.putBackAt ?? 0) + writesLandWithinMs - clock.now()))
    for (const { id, kind, subject, node, previous } of lost) {
      if (kind === 'assigner') gitlab.setScheduleAs('ada', previous === true)
      else if (gitlab.weights[subject] === 0 && previous !== 0) {
        const host = hosts.get(node ?? '')
        if (host !== undefined && !await this.#mended(host)) continue
        // What no journal says any more, people know or decide.
        gitlab.writeAs('ada', { [subject]: typeof previous === 'number' ? previous : this.#world.initialWeights[subject] ?? 0 })
      }
      await this.#say({ kind: 'hand-over', obligation: id })
    }
    return true
  }

  /** False: not within ten minutes; it is looked at again. */
  async #mended(host: SimulatedHost): Promise<boolean> {
    if (!host.serves) host.mend()
    for (let waited = 0; waited < 600 && !host.serves; waited++) await this.#world.clock.sleep(seconds)
    return host.serves
  }

  /** A window whose store was put back: nobody lets it go on, or end, before every host is up. Refused, it is said again later, as the answer says. */
  async #findsItsStorePutBack(): Promise<void> {
    const chance = this.#chance
    const down = [...this.#world.hosts.values()].filter(({ serves }) => !serves)
    for (const host of down) if (chance.happens(0.5)) host.mend()
    if (down.length === 0) await this.#say({ kind: chance.happens(0.5) ? 'abort' : 'resume' })
  }

  /** While a write to GitLab has no answer, its promise is taken over: what it leaves is read and owed all the same. */
  async #takesOverInDoubt({ writesInDoubt, obligations }: State): Promise<void> {
    if (writesInDoubt.size === 0) return
    const about = [...writesInDoubt.values()].flatMap(({ intent }) => intent === null ? [] : [intent.node])
    const open = [...obligations.values()].filter(({ status, node }) => status === 'open' && about.includes(node))
    if (open.length > 0 && this.#wants('takesOverInDoubt')) await this.#say({ kind: 'hand-over', obligation: this.#chance.among(open).id })
  }

  /** A halted or paused window. */
  async #helps(state: State, sick: readonly NodeState[]): Promise<void> {
    const chance = this.#chance
    if (chance.happens(0.02)) return this.#say({ kind: 'abort' })
    for (const node of sick) await this.#sees(node)
    if (this.#world.gitlab.scheduleActive && this.#world.policy.assigner !== 'none') this.#world.gitlab.setScheduleAs('ada', false)
    if (chance.happens(0.7)) await this.#say({ kind: 'resume', ...(chance.happens(0.3) && sick.length > 0 ? { raiseBudgetBy: sick.length } : {}) })
    // Nobody looks at a plan that leaves nothing to do but to accept what failed.
    else if (sick.length === 0 && chance.happens(0.5)) await this.#say({ kind: 'resume', raiseBudgetBy: [...state.nodes.values()].filter(({ phase, unproven }) => phase === 'written-off' || unproven).length })
  }

  /** A node that needs a person. */
  async #sees(node: NodeState): Promise<void> {
    const chance = this.#chance
    const host = this.#world.hosts.get(node.node)
    if (chance.happens(0.7)) host?.mend()
    if (node.overdue && node.phase !== 'failed') {
      if (chance.happens(0.2)) await this.#say({ kind: 'write-off', node: node.node })
      return
    }
    if (chance.happens(0.15)) return this.#say({ kind: 'write-off', node: node.node })
    await this.#world.clock.sleep(chance.between(0, 5) * seconds)
    await this.#say({ kind: 'retry', node: node.node, mode: node.holdsSlot ? chance.among(['recheck', 'recheck', 'reboot']) : 'again', ...(chance.happens(0.3) ? { seen: node.version } : {}) })
  }

  /** A window that wants to end and may not. */
  async #settles(sick: readonly NodeState[]): Promise<void> {
    const chance = this.#chance
    for (const node of sick) {
      if (chance.happens(0.5)) this.#world.hosts.get(node.node)?.mend()
      if (chance.happens(0.3)) await this.#say({ kind: 'write-off', node: node.node })
      else if (node.phase === 'failed' && node.holdsSlot) await this.#say({ kind: 'retry', node: node.node, mode: 'recheck' })
    }
    const open = [...this.state.obligations.values()].filter(({ status, kind }) => status === 'open' && kind === 'weight')
    // What is owed from before a store was put back is paid to a host that is seen healthy.
    if (this.state.window.restoredSeq > 0) for (const { node } of open) if (chance.happens(0.5)) this.#world.hosts.get(node ?? '')?.mend()
    if (open.length > 0 && chance.happens(0.1)) await this.#say({ kind: 'hand-over', obligation: chance.among(open).id })
  }

  /** Nothing asks for a person, and a person comes all the same. */
  async #meddles(state: State): Promise<void> {
    const chance = this.#chance
    const nodes = [...state.nodes.values()]
    if (this.#wants('pauses')) await this.#say({ kind: 'pause' })
    if (this.#wants('resumes')) await this.#say({ kind: 'resume' })
    if (this.#wants('aborts')) await this.#say({ kind: 'abort' })
    if (this.#wants('skips')) await this.#say({ kind: 'skip', node: chance.among(nodes).node })
    if (this.#wants('freezes')) await this.#ask((coordinator) => coordinator.freeze('bob', 'incident 4711'))
    const left = nodes.filter(({ phase }) => phase === 'postponed' || phase === 'pending-reboot' || phase === 'skipped')
    if (left.length > 0 && this.#wants('retries')) await this.#say({ kind: 'retry', node: chance.among(left).node })
  }

  #wants(what: keyof typeof odds): boolean {
    if (!this.#chance.happens(odds[what])) return false
    this.#tally.struck(`person ${what}`)
    return true
  }

  /** "Why?", about everything that does not move: asked twice, it must have been answered. */
  async #asksWhy(): Promise<void> {
    const silent = await this.#unexplained()
    if (silent.length === 0) return
    await this.#world.clock.sleep(12 * seconds)
    for (const text of await this.#unexplained()) if (silent.includes(text)) this.#world.history.add({ at: this.#world.clock.now(), what: 'unexplained', text })
  }

  async #unexplained(): Promise<string[]> {
    const answer = await this.#ask((coordinator) => coordinator.view())
    if (answer === null || answer instanceof Fault || answer.phase === 'closed') return []
    const settled = new Set(['done', 'current', 'skipped', 'written-off'])
    return [
      ...answer.nodes.filter(({ phase, reasons }) => !settled.has(phase) && reasons.length === 0).map(({ node, phase, version }) => `${node} is ${phase} (${version}) and nobody says why`),
      ...answer.phase === 'settling' && answer.reasons.length === 0 ? [`the window is settling (${answer.version}) and nobody says why it is not closed`] : []
    ]
  }

  #mendAll(): void {
    this.#world.gitlab.pipelines = []
    if (this.#world.policy.assigner !== 'none') this.#world.gitlab.setScheduleAs('ada', this.#world.policy.assigner === 'pause')
  }

  async #say(said: Wanted): Promise<void> {
    await this.#ask((coordinator) => coordinator.command({ by: 'ada', reason: 'because', ...said }))
  }

  /** Null: nobody acts, or nobody answered. */
  async #ask<T>(question: (coordinator: Coordinator) => Promise<T>): Promise<T | Fault | null> {
    const coordinator = this.#seats.acting
    if (coordinator === null) return null
    return new Promise((resolve) => {
      const cancel = this.#world.clock.after(patienceMs, () => { resolve(null) })
      question(coordinator).then((answer) => { cancel(); resolve(answer) }, (error: unknown) => {
        cancel()
        if (!(error instanceof Fault) || error.code === 'INTERNAL') this.defects.push(`a command ended with ${error instanceof Error ? error.stack ?? error.message : String(error)}`)
        resolve(error instanceof Fault ? error : null)
      })
    })
  }
}
