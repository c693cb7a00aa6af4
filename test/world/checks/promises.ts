// 4. Nothing is left behind: previous values are journaled, true and in the break-glass file before the change; paid when
// they may be; at the end everything is as before or somebody named has it.
import { unknownWeight } from '@pitstop/coordinator/domain/break-glass-lines'
import type { Event } from '@pitstop/coordinator/domain/event'
import type { Books, Check } from './timeline.ts'

/** Seen well, a host may go down again while its weight is being put back. */
const seenBeforeMs = 20_000

export function promises(books: Books): Check {
  const { plan, evidence, ledger, truth, blame } = books
  const own = new Map(plan.nodes.flatMap(({ node, storages }) => storages.map((storage) => [storage, node] as const)))
  return {
    journaled: (event, { at, epoch }) => {
      switch (event.type) {
        case 'obligation-opened': {
          const told = truth.told(truth.leaseHolder)
          const read = event.kind === 'weight' ? told.weights?.weights[event.subject] : told.schedule?.active
          // Handed over while the write was on its way: the promise is made anew, as it was.
          const before = ledger.promises.get(event.id)
          if (before?.how === 'void' && before.previous === event.previous) return
          if (read !== undefined && read !== event.previous) blame(`${event.id} promises ${String(event.previous)}; what was read is ${String(read)}`)
          return
        }
        case 'obligation-settled': {
          const promise = ledger.promises.get(event.id)
          if (promise === undefined || event.how !== 'paid') return
          if (promise.kind === 'weight' && truth.weights[promise.subject] !== promise.previous && !touched(promise.subject, at)) {
            blame(`${event.id} is called paid and is ${truth.weights[promise.subject] ?? 'nothing'}, not ${String(promise.previous)}`)
          }
          if (promise.kind === 'assigner' && truth.assignerActive !== promise.previous && at - (truth.assignerTouchedAt ?? 0) > 5000) blame('the assigner is called as before, and it is not')
          return
        }
        case 'step-intended':
          if (event.step === 'restore-weight' && event.node !== null) {
            const entry = ledger.of(event.node)
            if (!entry.writtenOff && (entry.holdsSlot || (entry.failed && !entry.asked && !entry.standsAgain))) blame(`the weight of ${event.node} goes back though it is not healthy`)
          }
          if (event.step === 'resume-assigner' && [...ledger.promises.values()].some(({ kind, open }) => kind === 'weight' && open)) blame('the assigner is enabled before all weights are settled')
          return
        case 'window-opened': case 'window-resumed':
          nothingLost(`${event.type} under epoch ${epoch}`)
          return
        case 'window-closed':
          for (const { id, open } of ledger.promises.values()) if (open) blame(`the window is closed and ${id} is not settled`)
          return
        default:
      }
    },
    happened: (happening) => {
      if (happening.what === 'weights-sent' || happening.what === 'schedule-sent') heldAfterRestore(happening.what)
      if (happening.what === 'weights-sent') {
        const read = truth.told(happening.by).weights?.weights ?? truth.weights
        for (const [storage, weight] of Object.entries(happening.weights)) {
          if (weight === read[storage] || !own.has(storage)) continue
          const promise = ledger.promises.get(`weight:${storage}`)
          if (promise?.open !== true) blame(`weight of ${storage} is changed to ${weight} without an open promise`)
          else if (promise.openedSeq <= ledger.kept && weight !== 0 && isUnseen(own.get(storage) ?? '', happening.at)) blame(`weight of ${storage} goes back on the word of a store that was put back: its host is not well`)
          else if (weight !== 0 && weight !== promise.previous) blame(`weight of ${storage} goes to ${weight}; before it was ${String(promise.previous)}`)
          if (!happening.owed.includes(`# weight:${storage}:`)) blame(`weight of ${storage} is changed and the break-glass file does not say what it was`)
        }
      }
      if (happening.what === 'schedule-sent') {
        if (happening.active && [...ledger.foundOpen].some((id) => id.startsWith('found:weight:'))) blame('the assigner is enabled before a person has settled the weights that a restored store had lost')
        if (ledger.promises.get('assigner')?.open !== true) blame('the assigner is switched without an open promise')
        if (!happening.active && ledger.promises.get('assigner')?.previous === false) blame('the assigner is switched off, and it was somebody else who had enabled it: it was inactive before')
        if (!happening.owed.includes('# assigner:')) blame('the assigner is switched and the break-glass file does not say how it was')
      }
    },
    ended: () => {
      nothingLost('the end')
      if (ledger.phase !== 'closed') return
      const { initialWeights, finalWeights, assignerActive, journal, happenings } = evidence
      const told: Event[] = [...journal.map(({ event }) => event), ...happenings.flatMap((happening) => (happening.what === 'store-put-back' ? happening.lost.map(({ recorded }) => recorded.event as Event) : []))]
      for (const [storage, weight] of Object.entries(initialWeights)) {
        if (finalWeights[storage] === weight || truth.foreign.has(storage)) continue
        // Also in a journal that is lost: the person who took it over knows.
        const handedOver = told.some((event) => event.type === 'obligation-settled' && event.id === `weight:${storage}` && event.how !== 'paid')
        if (!handedOver) blame(`weight of ${storage} was ${weight} and is left at ${finalWeights[storage] ?? 'nothing'}`)
      }
      const opened = journal.filter(({ event }) => event.type === 'window-opened').at(-1)?.event
      const handedOver = journal.some(({ event }) => event.type === 'obligation-settled' && event.id === 'assigner' && event.how !== 'paid')
      if (opened?.type === 'window-opened' && opened.assignerActive !== assignerActive && !handedOver && truth.assignerTouchedAt === null) blame('the assigner is not as it was')
    }
  }

  function heldAfterRestore(what: string): void {
    if (ledger.unsettled && ledger.phase !== 'none' && ledger.phase !== 'closed') blame(`${what} though the store was put back and no person has said what becomes of the window`)
  }

  /** Found healthy since, it is proven like any other; a person may have accepted what its log said. */
  function isUnseen(node: string, at: number): boolean {
    const isProven = (ledger.of(node).healthyAt ?? 0) > ledger.putBackAt
    return !isProven && at - (truth.of(node).unwellSince ?? at) > seenBeforeMs
  }

  /** What was promised in a journal that is lost is told to a person, or is as it was. */
  function nothingLost(when: string): void {
    for (const { id, kind, subject, previous } of ledger.lostPromises.values()) {
      const isAsBefore = kind === 'assigner' ? truth.assignerActive === previous : previous === 0 || truth.weights[subject] !== 0
      // Told as a weight that nobody knows any more, it is told.
      const isTold = ledger.found.get(id) === previous || (kind === 'weight' && ledger.found.get(id) === unknownWeight)
      if (!isAsBefore && !isTold && ledger.promises.get(id)?.open !== true) blame(`${id} was promised (${String(previous)}) before the store was put back; at ${when} it is not paid and nobody was told`)
    }
  }

  function touched(storage: string, at: number): boolean {
    return at - (truth.foreign.get(storage) ?? -Infinity) < 5000
  }
}
