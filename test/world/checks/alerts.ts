// The gate on alerts, from what was so and what was read: nothing begins while somebody else's alert has been firing for longer
// than a reading may be old, nor on an older reading; a reboot has its own, made just before. Ours are alerts of nodes that hold
// a slot, have just come back or are written off; and what began before a node was done, for some minutes more.
import type { Books, Check } from './timeline.ts'

/** A reading that opens the gate is at most 45 s old; a moment more for the journal to be written. */
const freshMs = 50_000
/** A final check is at most 3 s old when it is acted upon; the journal and the way take the rest. */
const finalCheckMs = 8000
/** Monitoring is behind: so long an alert may outlive the watch of the node that it began under. */
const leftOverMs = 300_000

export function alerts({ evidence, ledger, truth, blame }: Books): Check {
  if (evidence.alertsAreRead !== true) return {}
  const firing = new Map<number, { readonly name: string, readonly node: string | null, readonly since: number }>()
  /** By coordinator: when it asked for what it was told last. */
  const asked = new Map<string, number>()
  /** When a node's alerts were ours last. */
  const wasOurs = new Map<string, number>()
  const doneAt = new Map<string, number>()
  /** Reboot orders by id: the intent that was sent first. */
  const firstSent = new Map<string, number>()

  const isOurs = (node: string): boolean => {
    const entry = ledger.nodes.get(node)
    return entry !== undefined && (entry.holdsSlot || entry.writtenOff || (entry.healthyAt !== null && !entry.done && !entry.failed))
  }

  const isLeftOver = (node: string, since: number, at: number): boolean => {
    const done = doneAt.get(node)
    return done !== undefined && ledger.of(node).done && since < done && at - done <= leftOverMs + freshMs
  }

  /** @param beginner its own alerts are no work of ours as long as it is up, unless a person asked for it as it is. */
  const nothingFires = (what: string, beginner: string, at: number, forMs: number): void => {
    for (const { name, node, since } of firing.values()) {
      if (at - since <= forMs) continue
      const excused = node !== null && (node === beginner ? ledger.of(node).asked && isOurs(node) : isOurs(node) || isLeftOver(node, since, at) || at - (wasOurs.get(node) ?? -Infinity) <= finalCheckMs)
      if (!excused) blame(`${what} while alert ${name}${node === null ? '' : ` of ${node}`} had been firing for ${at - since} ms`)
    }
  }

  const wasRead = (what: string, by: string, at: number, withinMs: number): void => {
    const last = asked.get(by)
    if (last === undefined || at - last > withinMs) blame(`${what} on a reading of alerts that is ${last === undefined ? 'missing' : `${at - last} ms old`}`)
  }

  return {
    journaled: (event, { at }) => {
      if ('node' in event && event.node !== null && isOurs(event.node)) wasOurs.set(event.node, at)
      if (event.type === 'node-done') doneAt.set(event.node, at)
      if (event.type !== 'node-admitted' && event.type !== 'slot-taken') return
      const holder = truth.leaseHolder
      if (holder === '' || at - truth.told(holder).clockSetAt < freshMs) return
      const what = `${event.type} of ${event.node}`
      wasRead(what, holder, at, freshMs)
      nothingFires(what, event.node, at, freshMs)
    },
    happened: (happening) => {
      switch (happening.what) {
        case 'alert-started': firing.set(happening.alert, { name: happening.name, node: happening.node, since: happening.at }); return
        case 'alert-ended': firing.delete(happening.alert); return
        case 'alerts-read': asked.set(happening.by, happening.asked); return
        case 'order-sent': {
          const intent = ledger.intents.get(happening.id)
          if (happening.step !== 'reboot' || intent === undefined || firstSent.get(happening.id) === intent.row.seq) return
          firstSent.set(happening.id, intent.row.seq)
          const what = `${happening.node} was told to reboot`
          wasRead(what, happening.by, happening.at, finalCheckMs)
          nothingFires(what, happening.node, happening.at, finalCheckMs)
          return
        }
        default:
      }
    }
  }
}
