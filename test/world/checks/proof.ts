// 6. Proof: success only under another boot id, with Gitaly serving and nothing wrong, for as long as the soak says; and 7. at
// most one reboot per node and plan without a person asking for another.
import type { Books, Check } from './timeline.ts'
import { lookAgeMs } from './truth.ts'

/** Times in the journal are from before it was stored. */
const slowStoreMs = 3100

export function proof({ plan, ledger, truth, blame }: Books): Check {
  const bootsOf = new Map<string, Set<string>>()
  const stops = new Map<string, number>()
  const { soakMs, watchMs } = plan.policy
  return {
    journaled: (event, { at }) => {
      if (event.type === 'node-healthy') {
        const host = truth.of(event.node)
        const entry = ledger.of(event.node)
        if (bootsOf.get(event.node)?.has(event.bootId) !== true) blame(`${event.node} was called healthy without proof: it never had boot ${event.bootId}`)
        const unwell = host.unwellSince !== null && at - host.unwellSince > lookAgeMs
        if (unwell && !(entry.rechecked && host.serving)) blame(`${event.node} was called healthy; it is not, for ${at - (host.unwellSince ?? at)} ms`)
        if (host.serving && at - host.servingSince < soakMs && host.unwellSince === null) blame(`${event.node} was called healthy ${at - host.servingSince} ms after it began to serve; the soak is ${soakMs} ms`)
        if (!entry.holdsSlot) blame(`${event.node} was called healthy and held no slot`)
      }
      if (event.type === 'node-done') {
        const { healthyAt } = ledger.of(event.node)
        if (healthyAt === null) blame(`${event.node} is done and was never healthy`)
        else if (at - healthyAt < watchMs - slowStoreMs - truth.clocksOffMs) blame(`${event.node} is done ${at - healthyAt} ms after its slot was freed; the watch is ${watchMs} ms`)
        const { unwellSince, serving } = truth.of(event.node)
        if (unwellSince !== null && at - unwellSince > lookAgeMs && !(ledger.of(event.node).rechecked && serving)) blame(`${event.node} is called done and is not well`)
      }
      if (event.type === 'step-done' && event.step === 'reboot' && event.node !== null) {
        const ended = ledger.intents.get(event.facts.orderId ?? '')?.facts.bootId
        if (event.facts.bootId === undefined || event.facts.bootId === ended) blame(`${event.node} is called rebooted under its old boot id`)
      }
    },
    happened: (happening) => {
      if (happening.what === 'booted') {
        const boots = bootsOf.get(happening.node)
        if (boots === undefined) bootsOf.set(happening.node, new Set([happening.bootId]))
        else boots.add(happening.bootId)
      }
      if (happening.what !== 'gitaly-stopped' || happening.id === null) return
      const { node, id } = happening
      for (const [key, allowed] of [[id, 1], [node, 1 + ledger.of(node).rebootsAsked]] as const) {
        const count = (stops.get(key) ?? 0) + 1
        stops.set(key, count)
        if (count > allowed) blame(key === id ? `order ${id} rebooted its node ${count} times` : `${node} was rebooted ${count} times, people asked for ${allowed - 1} more than one`)
      }
    }
  }
}
