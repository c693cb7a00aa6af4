// 11. Everything can say why, and 12. fail closed: what holds or fails names typed reasons, what a person says names the person;
// nothing begins on a reading of GitLab that is old or speaks against it.
import type { Reason } from '@pitstop/shared/fault'
import type { Books, Check } from './timeline.ts'

/** A reading of GitLab older than this opens no gate; a moment more for the journal to be written. */
const freshMs = 62_000
/** Gates judge by the regular reading, every 15 s; what another reading showed before counts by then. */
const noticedMs = 16_000

export function reasons({ plan, ledger, truth, blame }: Books): Check {
  const storagesOf = new Map(plan.nodes.map(({ node, storages }) => [node, storages]))

  const explained = (what: string, given: readonly Reason[]): void => {
    if (given.length === 0) blame(`${what} and nobody says why`)
    for (const { code, text, hint } of given) if (code === undefined || text === '' || hint === '') blame(`${what}: a reason without code, text or hint (${code}: ${text})`)
  }

  const onAFreshReading = (what: string, at: number): void => {
    const { weights, schedule, knows, clockSetAt } = truth.told(truth.leaseHolder)
    if (truth.leaseHolder === '' || at - clockSetAt < freshMs) return
    if (weights === null || at - weights.asked > freshMs) blame(`${what} on a reading of GitLab that is ${weights === null ? 'missing' : `${at - weights.asked} ms old`}`)
    const knowsLong = (fact: string): boolean => at - (knows.get(fact) ?? at) > noticedMs
    // A person who says that it may go on says so about what was read before, too; the last look reads it anyway.
    if (knowsLong('assigner') && (schedule?.seq ?? 0) >= ledger.resumedSeq && plan.policy.assigner !== 'none') blame(`${what} while the assigner was read active`)
    for (const { node, holdsSlot, slotTakenAt, failed } of ledger.nodes.values()) {
      if (plan.policy.drain === 'none' || !holdsSlot || failed || slotTakenAt === null || weights === null || weights.asked < slotTakenAt) continue
      const promised = storagesOf.get(node)?.filter((storage) => ledger.promises.get(`weight:${storage}`)?.open === true) ?? []
      for (const storage of promised) if (knowsLong(storage)) blame(`${what} while ${storage} of ${node}, which is down, was read at weight ${weights.weights[storage] ?? 0}`)
    }
  }

  return {
    journaled: (event, { at }) => {
      switch (event.type) {
        case 'window-halted': case 'window-paused': case 'node-failed': case 'node-overdue': case 'node-postponed': case 'node-pending-reboot': case 'node-current': case 'step-ended':
          // GitLab's own answer to a write that was read back otherwise stands in the halt beside it.
          if (event.type !== 'step-ended' || event.node !== null) explained(`${event.type}${'node' in event && event.node !== null ? ` of ${event.node}` : ''}`, event.reasons)
          return
        case 'window-opened': case 'window-resumed': case 'window-unpaused': case 'window-aborted': case 'node-retried': case 'node-skipped': case 'node-written-off':
          if (event.by === '' || event.reason === '') blame(`${event.type} without a name or a reason`)
          return
        case 'obligation-settled':
          if (event.by === '' || event.text === '') blame(`${event.id} was settled without a name or an explanation`)
          return
        case 'node-admitted': case 'slot-taken': onAFreshReading(`${event.type} of ${event.node}`, at); return
        default:
      }
    },
    happened: (happening) => {
      if (happening.what === 'unexplained') blame(happening.text)
      if (happening.what === 'report-acknowledged' && !ledger.intents.has(happening.orderId) && happening.orderId !== '') blame(`a report of ${happening.node} about ${happening.orderId} was acknowledged and never ordered`)
    }
  }
}
