// What the journal says, as the checker understands it: who holds a slot, who failed, what is promised, what is halted.
import type { Event, FleetEvent, StepFacts } from '@pitstop/coordinator/domain/event'
import type { Plan } from '@pitstop/coordinator/domain/plan'
import type { Row } from './timeline.ts'

export interface NodeEntry {
  readonly node: string
  holdsSlot: boolean
  /** Under a slot that was handed out, not one that a failure took. */
  slotTakenAt: number | null
  slotTakenSeq: number
  /** Failed and not healthy since. */
  failed: boolean
  overdue: boolean
  writtenOff: boolean
  /** A person asked for it by name, and it is not healthy yet. */
  asked: boolean
  /** A person saw to it and asked to have it judged again: what its log said before does not count. */
  rechecked: boolean
  standsAgain: boolean
  begun: boolean
  healthyAt: number | null
  done: boolean
  /** Reboots that people asked for beyond the first. */
  rebootsAsked: number
}

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

  constructor(plan: Plan) {
    this.budget = plan.policy.failureBudget
    this.nodes = new Map(plan.nodes.map(({ node }) => [node, {
      node, holdsSlot: false, slotTakenAt: null, slotTakenSeq: 0, failed: false, overdue: false, writtenOff: false, asked: false, rechecked: false, standsAgain: false, begun: false, healthyAt: null, done: false, rebootsAsked: 0
    }]))
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
  get held(): string | null { return this.halted ? 'halted' : this.paused ? 'paused' : this.phase !== 'rolling' ? this.phase : null }

  enterFleet(event: FleetEvent): void {
    if (event.type === 'frozen') this.frozen = true
    if (event.type === 'unfrozen') this.frozen = false
  }

  enter(event: Event, row: Row): void {
    switch (event.type) {
      case 'window-opened':
        this.phase = 'opening'
        this.halted = this.paused = false
        if (event.window > 1) for (const entry of this.nodes.values()) if (!entry.done) entry.rebootsAsked++
        return
      case 'window-rolling': this.phase = 'rolling'; return
      case 'window-halted': this.halted = true; return
      case 'window-paused': this.paused = true; return
      case 'window-resumed':
        this.halted = this.paused = false
        this.budget = event.failureBudget
        this.resumedSeq = row.seq
        return
      case 'window-unpaused': this.paused = false; return
      case 'window-aborted': case 'window-closing': this.phase = 'closing'; return
      case 'window-settling': this.phase = 'settling'; return
      case 'window-closed': this.phase = 'closed'; return
      case 'manifest-resolved': this.manifests.set(event.platform, event.hash); return
      case 'step-intended':
        if (event.facts.orderId !== undefined && event.node !== null) this.intents.set(event.facts.orderId, { facts: event.facts, node: event.node, step: event.step, row })
        return
      case 'node-admitted': this.of(event.node).begun = true; return
      case 'slot-taken': Object.assign(this.of(event.node), { holdsSlot: true, slotTakenAt: row.at, slotTakenSeq: row.seq }); return
      case 'slot-returned': {
        // Judged again after a person mended it, and found well: it stands as prepared as before.
        const { rechecked, failed, standsAgain } = this.of(event.node)
        Object.assign(this.of(event.node), { holdsSlot: false, slotTakenAt: null, overdue: false, standsAgain: standsAgain || (rechecked && failed), rechecked: false })
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
