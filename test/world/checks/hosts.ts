// 9. and 10. What hosts do: nothing that was refused or taken back, one order at a time, the same packages everywhere; and the
// protocol's last look before Gitaly stops: weights 0 and the assigner off by a reading made just before the order.
import type { Books, Check } from './timeline.ts'

/** A final check is at most 3 s old when it is acted upon; the journal and the way take the rest. */
const finalCheckMs = 8000

export function hosts({ plan, ledger, truth, blame }: Books): Check {
  const nodes = new Map(plan.nodes.map((node) => [node.node, node]))
  const accepted = new Set<string>()
  const takenBack = new Set<string>()
  /** Reboot orders by id: when each was sent last. */
  const sentAt = new Map<string, number>()
  /** Reboot orders by id: the intent that was sent first. */
  const firstSent = new Map<string, number>()
  return {
    happened: (happening) => {
      switch (happening.what) {
        case 'order-accepted': accepted.add(happening.id); return
        case 'order-cancelled': takenBack.add(happening.id); return
        case 'apt-ran': case 'gitaly-stopped':
          if (happening.id === null) return
          if (!accepted.has(happening.id)) blame(`${happening.node} carried out ${happening.id}, which it had not accepted`)
          if (takenBack.has(happening.id)) blame(`${happening.node} carried out ${happening.id}, which had been taken back`)
          if (happening.what === 'gitaly-stopped') drained(happening.node, sentAt.get(happening.id) ?? happening.at)
          return
        case 'order-sent': {
          const node = nodes.get(happening.node)
          const known = node === undefined ? undefined : ledger.manifests.get(node.platform)
          if (happening.step !== 'stage' && known !== undefined && happening.manifest !== known) blame(`${happening.id} installs manifest ${happening.manifest.slice(0, 8)}; ${node?.platform ?? ''} has ${known.slice(0, 8)}`)
          if (happening.step === 'reboot') sentAt.set(happening.id, happening.at)
          const intent = ledger.intents.get(happening.id)
          if (happening.step !== 'reboot' || intent === undefined || firstSent.get(happening.id) === intent.row.seq) return
          firstSent.set(happening.id, intent.row.seq)
          lookedJustBefore(happening.by, happening.node, happening.at)
          return
        }
        default:
      }
    }
  }

  function lookedJustBefore(by: string, name: string, at: number): void {
    const { weights, schedule } = truth.told(by)
    if (plan.policy.drain === 'zero-weight') {
      if (weights === null || at - weights.asked > finalCheckMs) blame(`${name} was told to reboot and weights had not been read just before`)
      for (const storage of nodes.get(name)?.storages ?? []) {
        if (weights !== null && weights.weights[storage] !== 0) blame(`${name} was told to reboot and ${storage} was read at weight ${weights.weights[storage] ?? 'nothing'}`)
      }
    }
    if (plan.policy.assigner === 'none') return
    if (schedule === null || at - schedule.asked > finalCheckMs) blame(`${name} was told to reboot and the assigner had not been read just before`)
    else if (schedule.active) blame(`${name} was told to reboot and the assigner was read active`)
  }

  /** By the world itself, unless somebody changed it after the last look: hooks may run for minutes since. */
  function drained(name: string, sent: number): void {
    const looked = sent - finalCheckMs
    for (const storage of plan.policy.drain === 'none' ? [] : nodes.get(name)?.storages ?? []) {
      const isNews = (truth.foreign.get(storage) ?? -Infinity) > looked
      if (truth.weights[storage] !== 0 && !isNews) blame(`${name} went down with ${storage} at weight ${truth.weights[storage] ?? 'unknown'}`)
    }
    if (truth.assignerActive && plan.policy.assigner !== 'none' && (truth.assignerTouchedAt ?? -Infinity) <= looked) blame(`${name} went down while the assigner was active`)
  }
}
