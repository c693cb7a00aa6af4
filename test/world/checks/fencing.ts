// 1. Fencing: whoever was overtaken changes nothing any more, at the store, at agents and at GitLab; frozen means nothing.
import type { Books, Check } from './timeline.ts'

export function fencing({ ledger, truth, blame }: Books): Check {
  let newest = 0
  return {
    journaled: (event, { seq, epoch }) => {
      if (epoch < newest) blame(`event ${seq} (${event.type}) has epoch ${epoch} after ${newest}`)
      if (truth.leaseEpoch > 0 && epoch !== truth.leaseEpoch) blame(`event ${seq} (${event.type}) was journaled under epoch ${epoch} while epoch ${truth.leaseEpoch} held the lease`)
      newest = Math.max(newest, epoch)
    },
    happened: (happening) => {
      switch (happening.what) {
        case 'lease-taken':
          if (happening.epoch <= truth.leaseEpoch) blame(`${happening.by} took the lease with epoch ${happening.epoch} after ${truth.leaseEpoch}`)
          return
        case 'epoch-seen': case 'order-accepted': {
          const { highestEpoch } = truth.of(happening.node)
          if (happening.epoch < highestEpoch) blame(`${happening.node} obeyed epoch ${happening.epoch} after it had seen ${highestEpoch}`)
          return
        }
        case 'order-sent': case 'weights-sent': case 'schedule-sent': case 'pipeline-cancelled': case 'cancel-sent':
          if (!happening.leased) blame(`${happening.by}: ${happening.what} though the lease was not its own any more`)
          if (ledger.frozen && happening.what !== 'cancel-sent') blame(`${happening.by}: ${happening.what} while frozen`)
          if (happening.what === 'order-sent' && happening.leased && happening.epoch !== truth.leaseEpoch && truth.leaseEpoch > 0) {
            blame(`${happening.by} sent ${happening.id} under epoch ${happening.epoch}; its lease has ${truth.leaseEpoch}`)
          }
          return
        default:
      }
    }
  }
}
