// 2. Slots are freed by health: never more down than planned, budget over the plan, a halt is sticky, time-outs conclude
// nothing, nobody is blamed while the coordinator is cut off; canary first; strict batches.
import type { Event } from '@pitstop/coordinator/domain/event'
import type { Books, Check } from './timeline.ts'

/** An idle node that answered counts for 10 s; what was lost in the dark before is blamed at the latest then. */
const blindAfterMs = 25_000

export function slots({ plan, ledger, truth, blame }: Books): Check {
  const { policy } = plan
  /** Told to reboot, and down by themselves since then. */
  const fallen = new Map<string, number>()
  const platformOf = new Map(plan.nodes.map(({ node, platform }) => [node, platform]))

  const begins = (event: Extract<Event, { type: 'node-admitted' | 'slot-taken' }>): void => {
    const { node } = event
    const entry = ledger.of(node)
    if (ledger.held !== null && !(entry.asked && ledger.phase === 'rolling' && !ledger.paused)) blame(`${event.type} of ${node} while the window was ${ledger.held}`)
    if (ledger.failures >= ledger.budget && !entry.asked) blame(`${event.type} of ${node} with ${ledger.failures} failed; the budget is ${ledger.budget}`)
  }

  const takes = (node: string, at: number): void => {
    if (ledger.slots >= policy.groupSize) blame(`${node} took a slot while ${ledger.slots} were taken; the plan allows ${policy.groupSize}`)
    if (policy.strictBatches && ledger.count(({ holdsSlot, slotTakenAt, slotTakenSeq }) => holdsSlot && slotTakenAt !== null && slotTakenSeq < ledger.lastFreedSeq) > 0) {
      blame(`${node} took a slot at ${at} while an earlier strict batch was not up again`)
    }
    const platform = platformOf.get(node)
    const alike = (other: string): boolean => platformOf.get(other) === platform
    const proven = ledger.count((entry) => alike(entry.node) && (entry.done || (entry.healthyAt !== null && !entry.failed)) && !entry.writtenOff) > 0
    if (policy.canaryFirst && !proven && ledger.count((entry) => alike(entry.node) && entry.holdsSlot) > 0) blame(`${node} took a slot before the canary of ${platform ?? ''} was healthy`)
  }

  /** The slot is free though nobody healthy or named freed it. */
  const gives = (event: Extract<Event, { node: string }>, at: number): void => {
    const host = truth.of(event.node)
    if (host.downFor !== null && !ledger.lostOrders.has(host.downFor)) blame(`${event.type}: the slot of ${event.node} is free and it is down for ${host.downFor}`)
    else if (ledger.of(event.node).told && truth.isKnownDown(event.node, at)) blame(`${event.type}: the slot of ${event.node} is free and its Gitaly is down by itself for ${at - (host.stoppedAt ?? at)} ms`)
    else fallen.delete(event.node)
  }

  return {
    journaled: (event, { at }) => {
      switch (event.type) {
        case 'node-admitted': begins(event); return
        case 'slot-taken':
          begins(event)
          takes(event.node, at)
          return
        case 'step-intended':
          if (event.node !== null && event.step !== 'zero-weight' && event.step !== 'restore-weight' && ledger.held !== null) {
            const { asked } = ledger.of(event.node)
            if (!(asked && ledger.phase === 'rolling' && !ledger.paused)) blame(`${event.step} of ${event.node} began while the window was ${ledger.held}`)
          }
          return
        case 'slot-returned': case 'node-current': case 'node-postponed': case 'node-pending-reboot': case 'node-skipped': gives(event, at); return
        case 'node-failed':
          if (!event.down && ledger.of(event.node).holdsSlot) gives(event, at)
          return
        case 'node-healthy': case 'node-written-off': fallen.delete(event.node); return
        case 'node-overdue': {
          const idle = ledger.count(({ begun, done, asked }) => !begun || (done && !asked)) > 0
          if (truth.cutOffSince !== null && at - truth.cutOffSince > blindAfterMs && idle) blame(`${event.node} was blamed while the coordinator was cut off from everybody`)
          return
        }
        case 'window-resumed': case 'window-unpaused':
          if (event.by === 'pitstop' || event.by === '') blame(`${event.type} without a person`)
          return
        default:
      }
    },
    happened: (happening) => {
      // Also one that was sent before: it may be what lets it begin.
      if (happening.what === 'order-sent' && ledger.held !== null && happening.at > ledger.stoppedAt) {
        const { asked } = ledger.of(happening.node)
        if (!(asked && ledger.phase === 'rolling' && !ledger.paused)) blame(`${happening.id} was sent while the window was ${ledger.held}`)
      }
      if (happening.what === 'gitaly-serving') fallen.delete(happening.node)
      if (happening.what !== 'gitaly-stopped') return
      if (happening.id === null) {
        // Hosts outside the plan fall too.
        const entry = ledger.nodes.get(happening.node)
        if (entry?.holdsSlot === true && entry.told) fallen.set(happening.node, happening.at)
        return
      }
      // What a lost journal had ordered was counted as down before; so was what a person asked for by name, but it waits for who is on its way.
      if (ledger.lostOrders.has(happening.id)) return
      const { asked } = ledger.of(happening.node)
      let down = 1
      for (const { node, downFor } of truth.hosts.values()) {
        // One that is down by an order of a lost journal is silent: nobody knows, and a person went on.
        if (node === happening.node || (downFor === null ? !fallen.has(node) : ledger.lostOrders.has(downFor))) continue
        const { writtenOff, failed, overdue } = ledger.of(node)
        if (!writtenOff && !(asked && (failed || overdue))) down++
      }
      if (down > policy.groupSize) blame(`${down} nodes down at once with ${happening.node}, the plan allows ${policy.groupSize}`)
      if (!ledger.of(happening.node).holdsSlot) blame(`${happening.node} went down without a slot`)
    }
  }
}
