// What the journal says, as the checker understands it: who holds a slot, who failed, what is promised, what is halted.
import type { Event, FleetEvent, Recorded, StepFacts } from '@pitstop/coordinator/domain/event'
import type { Plan } from '@pitstop/coordinator/domain/plan'
import type { Happening } from '../history.ts'
import type { Row } from './timeline.ts'

export interface NodeEntry {
  readonly node: string
  holdsSlot: boolean
  /** Under a slot that was handed out, not one that a failure took. */
  slotTakenAt: number | null
  slotTakenSeq: number
  /** A reboot was ordered under the slot that it holds. */
  told: boolean
  /** Failed and not healthy since. */
  failed: boolean
  overdue: boolean
  writtenOff: boolean
  /** A person asked for it by name, and it is not healthy yet. */
  asked: boolean
  /** A person saw to it and asked to have it judged again: what its log said before does not count. */
  rechecked: boolean
  standsAgain: boolean
  /** When it was found so last. */
  standsAgainAt: number | null
  begun: boolean
  healthyAt: number | null
  done: boolean
  /** Reboots that people asked for beyond the first. */
  rebootsAsked: number
}

const untouched = (node: string): NodeEntry => ({
  node, holdsSlot: false, slotTakenAt: null, slotTakenSeq: 0, told: false, failed: false, overdue: false, writtenOff: false, asked: false, rechecked: false, standsAgain: false, standsAgainAt: null, begun: false, healthyAt: null, done: false, rebootsAsked: 0
})

interface Promised { readonly id: string, readonly subject: string, readonly node: string | null, readonly kind: string, readonly previous: number | boolean, open: boolean, openedSeq: number, readonly how: string | null }

export class Ledger {
  phase: 'none' | 'opening' | 'rolling' | 'closing' | 'settling' | 'closed' = 'none'
  halted = false
  paused = false
  frozen = false
  budget: number
  /** When a person last said that it may go on. */
  resumedSeq = 0
  lastFreedSeq = 0
  readonly nodes: ReadonlyMap<string, NodeEntry>
  readonly promises = new Map<string, Promised>()
  /** Orders by id: the last intent of each. */
  readonly intents = new Map<string, { readonly facts: StepFacts, readonly node: string, readonly step: string, readonly row: Row }>()
  /** Manifest hash by platform. */
  readonly manifests = new Map<string, string>()

  /** The store was put back, and no person has said since that the window may go on or end. */
  unsettled = false
  /** Orders that were journaled in what a store lost, and not again: they were given rightly then. */
  readonly lostOrders = new Set<string>()
  /** Promises that were open in what a store lost; and what it found again of such, by the same ids. */
  readonly lostPromises = new Map<string, Promised>()
  readonly found = new Map<string, number | boolean>()
  /** Those of them that no person has settled yet. */
  readonly foundOpen = new Set<string>()
  /** When the store was put back last, and how many rows were left; 0 = it never was. */
  putBackAt = 0
  kept = 0
  /** When it was halted, paused, aborted or began to close last: at that very moment its coordinator has not heard yet that this is stored. */
  stoppedAt = 0
  readonly #plan: Plan
  readonly #entered: { readonly event: Event, readonly row: Row }[] = []
  readonly #fleetEntered: Recorded<FleetEvent>[] = []

  constructor(plan: Plan) {
    this.#plan = plan
    this.budget = plan.policy.failureBudget
    this.nodes = new Map(plan.nodes.map(({ node }) => [node, untouched(node)]))
  }

  of(node: string): NodeEntry {
    const entry = this.nodes.get(node)
    if (entry === undefined) throw new RangeError(`${node} is not in the plan`)
    return entry
  }

  get slots(): number { return this.count(({ holdsSlot }) => holdsSlot) }
  get failures(): number { return this.count(({ failed, overdue, writtenOff }) => failed || overdue || writtenOff) }

  count(of: (entry: NodeEntry) => boolean): number {
    let count = 0
    for (const entry of this.nodes.values()) if (of(entry)) count++
    return count
  }

  /** Null: the window goes on. */
  get held(): string | null { return this.unsettled && this.phase === 'rolling' ? 'put back with its store and not resumed' : this.halted ? 'halted' : this.paused ? 'paused' : this.phase !== 'rolling' ? this.phase : null }

  /** A store knows its first rows only; what hosts and people did since is so all the same. */
  putBack({ at, kept, heard, glass }: Extract<Happening, { what: 'store-put-back' }>): void {
    const [entered, fleetEntered] = [this.#entered.splice(0), this.#fleetEntered.splice(0)]
    const asked = [...this.nodes.values()].map(({ node, rebootsAsked }) => ({ node, rebootsAsked }))
    const intents = [...this.intents]
    const promises = [...this.promises.values()]
    Object.assign(this, { phase: 'none', halted: false, paused: false, frozen: false, budget: this.#plan.policy.failureBudget, resumedSeq: 0, lastFreedSeq: 0 })
    for (const entry of this.nodes.values()) Object.assign(entry, untouched(entry.node))
    for (const map of [this.promises, this.intents, this.manifests, this.found, this.foundOpen]) map.clear()
    this.kept = kept
    this.putBackAt = at
    for (const { event, row } of entered) if (row.seq <= kept) this.enter(event, row)
    for (const recorded of fleetEntered) if (recorded.seq <= kept) this.enterFleet(recorded)
    for (const { node, rebootsAsked } of asked) this.of(node).rebootsAsked = Math.max(rebootsAsked, this.of(node).rebootsAsked)
    for (const [id, intent] of intents) {
      if (this.intents.has(id)) continue
      this.intents.set(id, intent)
      this.lostOrders.add(id)
    }
    // What another machine's break-glass file alone says, nobody can tell.
    for (const promise of promises) if (promise.open && glass.includes(`# ${promise.id}:`) && this.promises.get(promise.id)?.open !== true) this.lostPromises.set(promise.id, promise)
    this.unsettled ||= heard > kept
  }

  enterFleet(recorded: Recorded<FleetEvent>): void {
    const { event } = recorded
    this.#fleetEntered.push(recorded)
    if (event.type === 'obligation-found') {
      this.found.set(event.id.replace('found:', ''), event.previous)
      this.foundOpen.add(event.id)
    }
    if (event.type === 'obligation-cleared') this.foundOpen.delete(event.id)
    if (event.type === 'frozen') this.frozen = true
    if (event.type === 'unfrozen') this.frozen = false
  }

  enter(event: Event, row: Row): void {
    this.#entered.push({ event, row })
    switch (event.type) {
      case 'window-opened':
        this.phase = 'opening'
        this.halted = this.paused = this.unsettled = false
        if (event.window > 1) for (const entry of this.nodes.values()) if (!entry.done) entry.rebootsAsked++
        return
      case 'window-rolling': this.phase = 'rolling'; return
      case 'window-halted':
        this.halted = true
        this.stoppedAt = row.at
        return
      case 'window-paused':
        this.paused = true
        this.stoppedAt = row.at
        return
      case 'window-resumed':
        this.halted = this.paused = this.unsettled = false
        this.budget = event.failureBudget
        this.resumedSeq = row.seq
        return
      case 'window-unpaused': this.paused = this.unsettled = false; return
      case 'window-aborted':
        this.phase = 'closing'
        this.unsettled = false
        this.stoppedAt = row.at
        return
      case 'window-closing':
        this.phase = 'closing'
        this.stoppedAt = row.at
        return
      case 'window-settling': this.phase = 'settling'; return
      case 'window-closed': this.phase = 'closed'; return
      case 'manifest-resolved': this.manifests.set(event.platform, event.hash); return
      case 'step-intended':
        if (event.step === 'reboot' && event.node !== null) this.of(event.node).told = this.of(event.node).holdsSlot
        if (event.facts.orderId !== undefined) this.lostOrders.delete(event.facts.orderId)
        if (event.facts.orderId !== undefined && event.node !== null) this.intents.set(event.facts.orderId, { facts: event.facts, node: event.node, step: event.step, row })
        return
      case 'node-admitted': this.of(event.node).begun = true; return
      case 'slot-taken': Object.assign(this.of(event.node), { holdsSlot: true, slotTakenAt: row.at, slotTakenSeq: row.seq, told: false }); return
      case 'slot-returned': {
        // Judged again after a person mended it, and found well: it stands as prepared as before.
        const { rechecked, failed, standsAgain } = this.of(event.node)
        Object.assign(this.of(event.node), { holdsSlot: false, slotTakenAt: null, told: false, overdue: false, standsAgain: standsAgain || (rechecked && failed), ...rechecked && failed ? { standsAgainAt: row.at } : {}, rechecked: false })
        return
      }
      case 'node-healthy':
        this.lastFreedSeq = row.seq
        Object.assign(this.of(event.node), { holdsSlot: false, overdue: false, failed: false, asked: false, healthyAt: row.at })
        return
      case 'node-current': Object.assign(this.of(event.node), { holdsSlot: false, failed: false, overdue: false, asked: false }); return
      case 'node-done': Object.assign(this.of(event.node), { holdsSlot: false, overdue: false, done: true }); return
      case 'node-postponed': case 'node-pending-reboot': case 'node-skipped': Object.assign(this.of(event.node), { holdsSlot: false, overdue: false }); return
      case 'node-failed': Object.assign(this.of(event.node), { holdsSlot: event.down, failed: true, rechecked: false, standsAgain: false, overdue: false, asked: false, done: false }); return
      case 'node-overdue': this.of(event.node).overdue = true; return
      case 'node-written-off':
        this.lastFreedSeq = row.seq
        Object.assign(this.of(event.node), { holdsSlot: false, overdue: false, writtenOff: true })
        return
      case 'node-retried': {
        const entry = this.of(event.node)
        this.resumedSeq = row.seq
        entry.overdue = false
        entry.rechecked = event.mode === 'recheck'
        if (entry.rechecked) return
        if (event.by !== 'pitstop') entry.rebootsAsked++
        if (event.mode === 'reboot') Object.assign(entry, { asked: true, slotTakenAt: row.at, slotTakenSeq: row.seq })
        else Object.assign(entry, { asked: entry.failed, holdsSlot: false, slotTakenAt: null })
        return
      }
      case 'step-done': {
        // An answer that came late is the truth all the same; a node that is down is cleared by health alone.
        const entry = event.node === null ? null : this.of(event.node)
        if (entry !== null && !entry.holdsSlot) entry.overdue = false
        return
      }
      case 'step-ended': {
        const entry = event.node === null ? null : this.of(event.node)
        if (entry !== null && !entry.holdsSlot) entry.overdue = false
        return
      }
      case 'obligation-opened': this.promises.set(event.id, { ...event, open: true, openedSeq: row.seq, how: null }); return
      case 'obligation-settled': {
        const promise = this.promises.get(event.id)
        if (promise !== undefined) this.promises.set(event.id, { ...promise, open: false, how: event.how })
        return
      }
      case 'window-audited': case 'node-prepared': case 'node-reported': return
      default: event satisfies never
    }
  }
}
