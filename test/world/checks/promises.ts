// 4. Nothing is left behind: previous values are journaled, true and in the break-glass file before the change; paid when
// they may be; at the end everything is as before or somebody named has it.
import { unknownWeight } from '@pitstop/coordinator/domain/break-glass-lines'
import type { Books, Check } from './timeline.ts'

/** Seen well, a host may go down again while its weight is being put back. */
const seenBeforeMs = 20_000

export function promises(books: Books): Check {
  const { plan, evidence, ledger, truth, blame } = books
  const own = new Map(plan.nodes.flatMap(({ node, storages }) => storages.map((storage) => [storage, node] as const)))
  /** Writes without outcome, by step and node: the promises that each was made for. */
  const underWay = new Map<string, readonly string[]>()
  /** Taken over while a write for it was without outcome: what that leaves may be promised anew, as it was. */
  const mayBeAnew = new Set<string>()
  /** What was so when somebody took it over, or superseded it; in a journal that is lost too. */
  const theirs = new Map<string, { readonly how: 'void' | 'superseded', readonly was: number | boolean | undefined }>()
  return {
    journaled: (event, { at, epoch }) => {
      switch (event.type) {
        case 'obligation-opened': {
          // Promised again, it goes back to what is promised now.
          const taken = theirs.get(event.id)
          if (taken !== undefined) theirs.set(event.id, { ...taken, was: event.previous })
          const told = truth.told(truth.leaseHolder)
          const read = event.kind === 'weight' ? told.weights?.weights[event.subject] : told.schedule?.active
          const before = ledger.promises.get(event.id)
          // Of a store that was put back nobody counts here which writes it knows to be without outcome.
          if (before?.how === 'void' && before.previous === event.previous && (mayBeAnew.has(event.id) || ledger.putBackAt > 0)) return
          if (read !== undefined && read !== event.previous) blame(`${event.id} promises ${String(event.previous)}; what was read is ${String(read)}`)
          return
        }
        case 'obligation-settled': {
          const promise = ledger.promises.get(event.id)
          if (promise === undefined) return
          if (event.how !== 'paid') {
            theirs.set(event.id, { how: event.how, was: promise.kind === 'weight' ? truth.weights[promise.subject] : truth.assignerActive })
            if (event.how === 'void' && [...underWay.values()].some((ids) => ids.includes(event.id))) mayBeAnew.add(event.id)
            return
          }
          if (promise.kind === 'weight' && truth.weights[promise.subject] !== promise.previous && !touched(promise.subject, at)) {
            blame(`${event.id} is called paid and is ${truth.weights[promise.subject] ?? 'nothing'}, not ${String(promise.previous)}`)
          }
          if (promise.kind === 'assigner' && truth.assignerActive !== promise.previous && at - (truth.assignerTouchedAt ?? 0) > 5000) blame('the assigner is called as before, and it is not')
          return
        }
        case 'step-done': case 'step-ended': {
          const key = `${event.step} ${event.node ?? ''}`
          for (const id of underWay.get(key) ?? []) mayBeAnew.delete(id)
          underWay.delete(key)
          return
        }
        case 'step-intended':
          if (event.facts.landsBy !== undefined) underWay.set(`${event.step} ${event.node ?? ''}`, event.node === null ? ['assigner'] : Object.keys(event.facts.weights ?? {}).map((storage) => `weight:${storage}`))
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
          for (const key of underWay.keys()) blame(`the window is closed and nobody has looked what became of a write (${key})`)
          for (const each of [underWay, mayBeAnew]) each.clear()
          return
        default:
      }
    },
    happened: (happening) => {
      if (happening.what === 'weights-sent' || happening.what === 'schedule-sent') heldAfterRestore(happening.what)
      if (happening.what === 'store-put-back') for (const each of [underWay, mayBeAnew]) each.clear()
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
      const { initialWeights, finalWeights, assignerActive, journal } = evidence
      for (const [storage, weight] of Object.entries(initialWeights)) {
        if (finalWeights[storage] === weight || truth.foreign.has(storage)) continue
        if (!isTheirs(`weight:${storage}`, finalWeights[storage])) blame(`weight of ${storage} was ${weight} and is left at ${finalWeights[storage] ?? 'nothing'}`)
      }
      const opened = journal.filter(({ event }) => event.type === 'window-opened').at(-1)?.event
      if (opened?.type === 'window-opened' && opened.assignerActive !== assignerActive && !isTheirs('assigner', assignerActive) && truth.assignerTouchedAt === null) blame('the assigner is not as it was')
    }
  }

  function heldAfterRestore(what: string): void {
    if (ledger.unsettled && ledger.phase !== 'none' && ledger.phase !== 'closed') blame(`${what} though the store was put back and no person has said what becomes of the window`)
  }

  /** Found healthy since, it is proven like any other; so is one that a person mended and that was judged again. A person may have accepted what its log said. */
  function isUnseen(node: string, at: number): boolean {
    const { healthyAt, standsAgainAt } = ledger.of(node)
    const { serving } = truth.of(node)
    const isProven = (healthyAt ?? 0) > ledger.putBackAt || (serving && (standsAgainAt ?? 0) > ledger.putBackAt)
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

  /** The person who took it over knows how it was then; what pitstop has done to it since, that person does not. */
  function isTheirs(id: string, now: number | boolean | undefined): boolean {
    const taken = theirs.get(id)
    if (taken === undefined) return false
    const node = ledger.promises.get(id)?.node
    return taken.how === 'superseded' || ledger.putBackAt > 0 || (node != null && ledger.of(node).writtenOff) || taken.was === now
  }

  function touched(storage: string, at: number): boolean {
    return at - (truth.foreign.get(storage) ?? -Infinity) < 5000
  }
}
