// decide(state, observed, now): what to journal, what to do, when to wake, and why. Pure and total; called after every
// event, answer and timer. Restarting is nothing special: fold the journal, observe, decide.
import { reason, type Reason } from '@pitstop/shared/fault'
import { tooLateToGoDown, tooLateToPrepare } from '../domain/admission.ts'
import { type Effect, type WeightChange, effectKey } from '../domain/effect.ts'
import type { Event } from '../domain/event.ts'
import { budgetReason, closedGates, gitlabGates, gitlabFreshMs } from '../domain/gates.ts'
import { assignerPayable, payableWeights } from '../domain/obligations.ts'
import type { Observed } from '../domain/observed.ts'
import type { PlanNode } from '../domain/plan.ts'
import type { Report } from '../domain/report.ts'
import { budgetSpent, platformProven, prepareFree, slotsFree } from '../domain/slots.ts'
import { type NodeState, type State, isRunning, nodeOf, openObligations, weightObligation } from '../domain/state.ts'
import { raisedByOthers } from '../domain/weights.ts'
import { drainPipelines, observeGitlab, pauseAssigner, resumeAssigner } from './assigner.ts'
import { runbook } from './index.ts'
import { stepOverdue } from './overdue.ts'
import { pastTheHalt } from './point-of-no-return.ts'
import { stepBackPrepared } from './step-back.ts'
import { type Next, type NodeStep, type View, done, wait } from './step.ts'
import { mayWrite } from './zero-weight.ts'

export interface Decision {
  /** Journal these first and decide again; then `effects` is empty. */
  readonly record: readonly Event[]
  readonly effects: readonly Effect[]
  /** Epoch ms; null = only an event or an answer changes anything. */
  readonly wakeAt: number | null
  readonly report: Report
}

/** GitLab is read this often while nodes roll, so that a foreign writer is noticed. */
const gitlabEveryMs = gitlabFreshMs / 4

/** A prepared node whose agent did not answer is not tried again sooner. */
const silentMs = 5000

/** What a freeze stops. Looking goes on, and taking back a reboot is always allowed. */
const mutating: ReadonlySet<Effect['kind']> = new Set(['order', 'write-weights', 'set-schedule', 'cancel-pipeline'])

export function decide(state: State, observed: Observed, now: number): Decision {
  const plan = new Planning(state, observed, now)
  const phase = state.window.phase
  if (phase === 'none' || phase === 'closed') return plan.decision()
  plan.foreignWriters()
  if (phase === 'opening') plan.opening()
  plan.nodes()
  if (phase === 'rolling') plan.rolling()
  plan.debts()
  if (phase === 'closing') plan.closing()
  if (phase === 'settling') plan.settling()
  return plan.decision()
}

/** One decision in the making: collects what the steps say. Lives for one call. */
class Planning {
  readonly #events: Event[] = []
  readonly #effects = new Map<string, Effect>()
  readonly #changes: WeightChange[] = []
  readonly #why = new Map<string, readonly Reason[]>()
  readonly #windowWhy: Reason[] = []
  #wakeAt: number | null = null
  readonly #gates: readonly Reason[]
  readonly #state: State
  readonly #observed: Observed
  readonly #now: number

  constructor(state: State, observed: Observed, now: number) {
    this.#state = state
    this.#observed = observed
    this.#now = now
    this.#gates = closedGates(state, observed, now)
  }

  decision(): Decision {
    if (this.#observed.frozen !== null) this.#windowWhy.push(reason('FROZEN', `frozen by ${this.#observed.frozen.by}: ${this.#observed.frozen.reason}`))
    if (this.#changes.length > 0) this.#add({ kind: 'write-weights', changes: this.#changes })
    const report = { gates: this.#gates, nodes: this.#why, window: this.#windowWhy }
    // Each event is decided upon alone: one that belongs with others is recorded together with them by its step.
    return this.#events.length > 0
      ? { record: this.#events, effects: [], wakeAt: this.#now, report }
      : { record: [], effects: [...this.#effects.values()].filter((effect) => this.#observed.frozen === null || !mutating.has(effect.kind)), wakeAt: this.#wakeAt, report }
  }

  /** A weight that somebody else raised is theirs now; a person decides what follows. */
  foreignWriters(): void {
    if (this.#observed.inFlight.has('gitlab-write')) return
    for (const { obligation, node, weight } of raisedByOthers(this.#state, this.#observed.gitlab)) {
      const text = `weight of ${obligation.subject} (${node.node}, ${node.phase}) was set to ${weight} by somebody else; pitstop had set it to 0, before that it was ${Number(obligation.previous)}`
      this.#events.push({ type: 'obligation-settled', id: obligation.id, how: 'superseded', by: 'somebody else', text })
      if (node.phase === 'preparing' || node.phase === 'prepared') {
        this.#events.push({ type: 'step-ended', node: node.node, step: 'zero-weight', attempt: node.attempt, reasons: [reason('WEIGHT_CHANGED', text)] })
      }
      this.#halt([reason('WEIGHT_CHANGED', text)])
    }
    if (this.#state.window.phase === 'rolling' && this.#observed.gitlab !== null) {
      const awake = gitlabGates(this.#state, this.#observed.gitlab).filter(({ code }) => code === 'ASSIGNER_ACTIVE')
      if (awake.length > 0 && this.#observed.gitlab.at >= Math.max(this.#state.windowSteps['drain-pipelines']?.endedAt ?? Infinity, this.#state.window.resumedAt)) this.#halt(awake)
    }
  }

  opening(): void {
    if (this.#now >= this.#state.window.closesAt) {
      this.#events.push({ type: 'window-closing', reasons: [reason('OUTSIDE_WINDOW', 'closing time came while the window was opening')] })
      return
    }
    if (this.#frozen()) return
    const view = { state: this.#state, observed: this.#observed, now: this.#now }
    const paused = pauseAssigner(view)
    const next = paused.kind === 'done' ? drainPipelines(view) : paused
    if (next.kind === 'done') this.#events.push({ type: 'window-rolling' })
    else this.#take(next, null)
  }

  /** Every node that has begun goes its next step; prepared ones wait for a slot. */
  nodes(): void {
    for (const node of this.#state.stored.plan.nodes) {
      const self = nodeOf(this.#state, node.node)
      const view: View = { state: this.#state, self, node, observed: this.#observed, now: this.#now }
      if (self.phase === 'down' || self.phase === 'returning') this.#take(stepOverdue(view) ?? this.#walk(view), self)
      else if (self.phase === 'preparing' || self.phase === 'prepared') this.#prepare(view)
      else if (self.phase === 'waiting') this.#why.set(self.node, this.#whyWaiting(self))
      else if (self.reasons.length > 0) this.#why.set(self.node, self.reasons)
      if (self.phase === 'failed') this.#drainAgain(view)
    }
  }

  #whyWaiting(self: NodeState): readonly Reason[] {
    const gates = this.#gatesFor(self)
    if (gates.length > 0) return gates
    const late = tooLateToPrepare(this.#state, this.#now)
    return [late ?? reason('WAITING', 'enough nodes are being prepared ahead of the slots')]
  }

  /** It relapsed after its weight had gone back: no new projects on a node that is broken. The promise is made anew. */
  #drainAgain({ self, node }: View): void {
    const undrained = node.storages.filter((storage) => this.#state.obligations.get(weightObligation(storage))?.status === 'paid')
    if (this.#state.stored.plan.policy.drain === 'none' || !self.holdsSlot || undrained.length === 0) return
    const held = mayWrite({ state: this.#state, observed: this.#observed, now: this.#now })
    if (held === null) this.#changes.push(...undrained.map((storage): WeightChange => ({ node: self.node, storage, to: 'zero' })))
    else if (held.kind === 'wait' && held.wakeAt !== undefined) this.#wake(held.wakeAt)
  }

  rolling(): void {
    const { window, nodes, stored } = this.#state
    if (budgetSpent(this.#state) && window.halt === null) this.#halt([budgetReason(this.#state), ...[...nodes.values()].filter((node) => node.phase === 'failed' || node.overdue).flatMap((node) => node.reasons)])
    const gitlab = this.#observed.gitlab
    if (gitlab === null || this.#now - gitlab.at >= gitlabEveryMs) this.#take(observeGitlab({ observed: this.#observed, now: this.#now }), null)
    else this.#wake(gitlab.at + gitlabEveryMs)

    const waiting = stored.plan.nodes.filter(({ node }) => nodes.get(node)?.phase === 'waiting')
    const late = tooLateToPrepare(this.#state, this.#now)
    if (late === null) this.#admit(waiting.filter(({ node }) => this.#gatesFor(nodeOf(this.#state, node)).length === 0))
    // An overdue node does not keep the window open past its time; it is looked at for as long as it takes all the same.
    if ([...nodes.values()].some((node) => isRunning(node) && !(node.overdue && this.#now >= window.closesAt))) {
      this.#wake(window.closesAt)
      return
    }
    // Nothing runs. Closing comes when nothing can start any more; a halt waits for a person until closing time.
    const overdue = this.#now >= window.closesAt
    if (waiting.length === 0 && window.halt === null && ![...nodes.values()].some((node) => node.phase === 'failed')) {
      this.#events.push({ type: 'window-closing', reasons: [] })
    } else if (overdue || (late !== null && waiting.length > 0 && window.halt === null)) {
      this.#events.push({ type: 'window-closing', reasons: [late ?? reason('OUTSIDE_WINDOW', 'closing time has come')] })
    } else this.#wake(window.closesAt)
  }

  /** Weights that may go back now, of nodes that are through or were never hurt. */
  debts(): void {
    const changes = payableWeights(this.#state).filter(({ node }) => nodeOf(this.#state, node).phase !== 'returning')
    if (changes.length === 0) return
    const held = mayWrite({ state: this.#state, observed: this.#observed, now: this.#now })
    if (held !== null) this.#take(held, null)
    else this.#changes.push(...changes)
  }

  closing(): void {
    const busy = [...this.#state.nodes.values()].filter((node) => isRunning(node) && !node.overdue)
    if (busy.length === 0) this.#events.push({ type: 'window-settling' })
    else this.#windowWhy.push(reason('WAITING', `${busy.map(({ node }) => node).join(', ')} still to finish`, 'nothing to do'))
  }

  settling(): void {
    const open = openObligations(this.#state)
    const stuck = [...this.#state.nodes.values()].filter((node) => node.phase === 'failed' || node.overdue)
    const returning = [...this.#state.nodes.values()].filter((node) => isRunning(node) && !node.overdue)
    if (assignerPayable(this.#state) && open.length > 0) this.#take(resumeAssigner({ state: this.#state, observed: this.#observed, now: this.#now }), null)
    else if (open.length > 0) this.#windowWhy.push(reason('NOT_NOW', `${open.length} promises are not paid yet`, 'see pitstop obligations'))
    else if (returning.length > 0) this.#windowWhy.push(reason('WAITING', `${returning.map(({ node }) => node).join(', ')} came back late and is still being watched`))
    else if (this.#state.window.audit === null) this.#take({ kind: 'do', effect: { kind: 'audit' } }, null)
    else if (stuck.length === 0 || this.#state.window.abort !== null || this.#now >= this.#state.window.closesAt) this.#events.push({ type: 'window-closed' })
    else {
      this.#windowWhy.push(reason('NOT_NOW', `${stuck.map(({ node }) => node).join(', ')} failed: retry or write-off until closing time, or abort`, 'pitstop why NODE'))
      this.#wake(this.#state.window.closesAt)
    }
  }

  /** A node that a person asked for by name goes through the halt that it caused itself, and through nothing else. */
  #gatesFor(self: NodeState): readonly Reason[] {
    return self.askedFor ? closedGates(pastTheHalt(this.#state), this.#observed, this.#now) : this.#gates
  }

  #prepare(view: View): void {
    const { self } = view
    const gates = this.#gatesFor(self)
    const { window } = this.#state
    const overdue = stepOverdue(view)
    if (overdue !== null) {
      this.#take(overdue, self)
      return
    }
    const late = tooLateToGoDown(this.#state, this.#now)
    const over = window.phase === 'closing' || window.phase === 'settling' || late !== null
    if (over) {
      this.#take(stepBackPrepared(view, window.abort === null ? late ?? reason('OUTSIDE_WINDOW', 'the window closes') : reason('NOT_NOW', `aborted by ${window.abort.by}: ${window.abort.reason}`)), self)
      return
    }
    // What is running may end while the gates are closed; a further step may not begin.
    const next = this.#walk(view)
    if (next.kind === 'do' && gates.length > 0 && next.effect.kind !== 'settle-order') this.#why.set(self.node, gates)
    else if (next.kind !== 'done') this.#take(next, self)
    else if (self.phase === 'preparing') this.#events.push(this.#prepared(view))
    else this.#goDown(view)
  }

  /** Nothing asks for a reboot and the plan does not insist: the node is through. */
  #prepared({ self }: View): Event {
    const facts = self.steps.upgrade?.facts
    const skip = this.#state.stored.plan.policy.reboot === 'if-needed' && facts?.rebootRequired === false
    return skip
      ? { type: 'node-current', node: self.node, reasons: [reason('REBOOT_NOT_NEEDED', `${facts.changes ?? 0} packages installed and nothing asks for a reboot`)] }
      : { type: 'node-prepared', node: self.node }
  }

  #goDown({ self, node }: View): void {
    const silent = this.#observed.agentFaults.get(self.node)
    if (silent !== undefined && this.#now - silent.at < silentMs) {
      this.#take(wait([silent.reason], silent.at + silentMs), self)
      return
    }
    const proven = !this.#state.stored.plan.policy.canaryFirst || platformProven(this.#state, node.platform)
    const othersDown = [...this.#state.nodes.values()].some((each) => each.holdsSlot && this.#platformOf(each) === node.platform)
    const gates = this.#gatesFor(self)
    if (gates.length > 0) this.#why.set(self.node, gates)
    else if (slotsFree(this.#state) - this.#slotsGiven <= 0) this.#why.set(self.node, [reason('WAITING', 'all slots are taken', 'nothing to do: slots are freed by health')])
    else if (!proven && (othersDown || this.#slotsGiven > 0)) this.#why.set(self.node, [reason('WAITING', `the first node of ${node.platform} must be healthy before others follow`)])
    else {
      this.#slotsGiven++
      this.#events.push({ type: 'slot-taken', node: self.node })
    }
  }

  #slotsGiven = 0

  #platformOf(node: NodeState): string | undefined {
    return this.#state.stored.plan.nodes.find((each) => each.node === node.node)?.platform
  }

  #admit(waiting: readonly PlanNode[]): void {
    for (const { node } of waiting.slice(0, prepareFree(this.#state))) this.#events.push({ type: 'node-admitted', node })
  }

  #walk(view: View): Next {
    const part: NodeStep['part'] = view.self.phase === 'down' ? 'slot' : view.self.phase === 'returning' ? 'after' : 'prepare'
    for (const step of runbook.filter((each) => each.part === part)) {
      const next = step.next(view)
      if (next.kind !== 'done') return next
    }
    return done
  }

  #take(next: Next, self: NodeState | null): void {
    const explain = (reasons: readonly Reason[]): void => {
      if (self === null) this.#windowWhy.push(...reasons)
      else this.#why.set(self.node, reasons)
    }
    switch (next.kind) {
      case 'done': return
      case 'record': this.#events.push(...next.events); return
      case 'do':
        if (next.because !== undefined) explain(next.because)
        if (next.effect.kind === 'write-weights') this.#changes.push(...next.effect.changes)
        else this.#add(next.effect)
        return
      case 'wait':
        explain(next.reasons)
        if (next.wakeAt !== undefined) this.#wake(next.wakeAt)
        return
      default: next satisfies never
    }
  }

  #add(effect: Effect): void {
    const key = effectKey(effect)
    if (!this.#observed.inFlight.has(key) && !this.#effects.has(key)) this.#effects.set(key, effect)
  }

  #wake(at: number): void {
    this.#wakeAt = this.#wakeAt === null ? at : Math.min(this.#wakeAt, at)
  }

  #halt(reasons: readonly Reason[]): void {
    if (this.#state.window.halt === null && this.#state.window.phase === 'rolling' && !this.#events.some(({ type }) => type === 'window-halted')) {
      this.#events.push({ type: 'window-halted', reasons })
    }
  }

  #frozen(): boolean {
    if (this.#observed.frozen === null) return false
    this.#take(wait([reason('FROZEN', `frozen by ${this.#observed.frozen.by}: ${this.#observed.frozen.reason}`)]), null)
    return true
  }
}
