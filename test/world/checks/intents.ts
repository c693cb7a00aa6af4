// 3. Intent before effect: whatever happens by order was journaled before; doubt is settled by asking, never by repeating.
import type { Books, Check } from './timeline.ts'

export function intents({ ledger, blame }: Books): Check {
  /** Orders that were sent and about which nothing was heard since. */
  const unheard = new Set<string>()
  return {
    happened: (happening) => {
      switch (happening.what) {
        // Whoever comes back with an older journal does not know what was sent; hosts know their orders by id.
        case 'store-put-back': unheard.clear(); return
        case 'order-sent':
          if (!ledger.intents.has(happening.id)) blame(`${happening.id} was sent and not journaled before`)
          if (unheard.has(happening.id)) blame(`${happening.id} was sent again before anybody asked what became of it`)
          unheard.add(happening.id)
          return
        case 'order-answered': unheard.delete(happening.id); return
        case 'order-accepted':
          if (!ledger.intents.has(happening.id)) blame(`${happening.id} was carried out and not journaled before`)
          return
        case 'weights-written': case 'schedule-set':
          if (happening.by === 'pitstop' && ledger.promises.size + ledger.lostPromises.size === 0) blame('GitLab was changed before a promise was journaled')
          return
        default:
      }
    }
  }
}
