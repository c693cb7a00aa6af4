// 5. Weights: one writer, one write at a time, the whole hash on a fresh reading, own keys only, never under the floor, what
// somebody else set is not overwritten, and no write while a lost one can still land.
import type { Books, Check } from './timeline.ts'

/** GitLab's request time-out and how long after it a write may still land: what pitstop was told of this GitLab. */
const mayLandForMs = 30_000

interface Sent { readonly write: number, readonly at: number, how: 'sent' | 'well' | 'refused' | 'unknown' }

export function weights({ plan, evidence, ledger, truth, blame }: Books): Check {
  const own = new Set(plan.nodes.flatMap(({ storages }) => storages))
  const floor = Math.max(1, plan.policy.activeStorageFloor)
  const sent: Sent[] = []
  /** Nodes that were let go as never hurt while their Gitaly was down, and when. */
  const letGoDown = new Map<string, number>()
  const nodeOf = new Map(plan.nodes.flatMap(({ node, storages }) => storages.map((storage) => [storage, node] as const)))
  /** Keys whose raised weight was seen, and at which row. */
  const raised = new Map<string, number>()

  const oneAtATime = (write: number, at: number, by: string): void => {
    for (const before of sent.slice(-3)) {
      if (before.how === 'sent') blame(`${by} sent write ${write} while write ${before.write} was under way`)
      if (before.how === 'unknown' && at - before.at < mayLandForMs) blame(`${by} sent write ${write} ${at - before.at} ms after write ${before.write}, whose answer was lost and which could still land`)
    }
    sent.push({ write, at, how: 'sent' })
  }

  /** Whose Gitaly dies after that is not pitstop's. */
  const goesBackBlindly = (storage: string): boolean => {
    const node = nodeOf.get(storage) ?? ''
    const letGoAt = letGoDown.get(node)
    return letGoAt !== undefined && (truth.of(node).stoppedAt ?? Infinity) < letGoAt
  }

  return {
    journaled: (event, { at }) => {
      if (event.type === 'node-healthy') letGoDown.delete(event.node)
      if (event.type !== 'node-postponed' && event.type !== 'node-pending-reboot' && event.type !== 'node-current') return
      if (truth.isKnownDown(event.node, at)) letGoDown.set(event.node, at)
      else letGoDown.delete(event.node)
    },
    happened: (happening) => {
      switch (happening.what) {
        case 'weights-sent': {
          const { by, at, write, weights: after } = happening
          oneAtATime(write, at, by)
          const read = truth.told(by).weights
          if (read === null) return blame(`${by} wrote weights without reading them`)
          if (read.asked < truth.landedAt) blame(`${by} wrote weights on a reading from before the last write landed`)
          for (const storage of new Set([...Object.keys(read.weights), ...Object.keys(after)])) {
            const [was, is] = [read.weights[storage], after[storage]]
            if (is === undefined) blame(`${storage} is missing in a weight write: GitLab would set it to 0`)
            else if (was !== is && !own.has(storage)) blame(`weight of ${storage}, not in the plan, goes from ${was ?? 'nothing'} to ${is}`)
            else if (was === is && truth.weights[storage] !== is && at - (truth.foreign.get(storage) ?? -Infinity) > 5000) blame(`weight of ${storage} is ${truth.weights[storage] ?? 'nothing'} and is written back as ${is}: the reading was older than pitstop's own write`)
            else if (was === 0 && is > 0 && goesBackBlindly(storage)) blame(`weight of ${storage} goes back though Gitaly of ${nodeOf.get(storage) ?? ''} was down when the node was let go, and is`)
            else if (was !== is && is !== 0 && was !== 0) blame(`weight of ${storage} was ${was ?? 'nothing'} by somebody else and is overwritten with ${is}`)
            else if (was !== is && is === 0 && was !== ledger.promises.get(`weight:${storage}`)?.previous && ledger.resumedSeq < (raised.get(storage) ?? -1) && (ledger.promises.get(`weight:${storage}`)?.openedSeq ?? 0) < (raised.get(storage) ?? -1)) blame(`weight of ${storage} was raised to ${was ?? 'nothing'} by somebody else and is set to 0 again without a person`)
          }
          const active = Object.values(after).filter((weight) => weight > 0).length
          if (active === 0) blame('all weights are zero')
          const lowers = Object.keys(after).some((storage) => after[storage] === 0 && read.weights[storage] !== 0)
          if (lowers && active < floor) blame(`a weight write leaves ${active} active storages; the floor is ${floor}`)
          return
        }
        // Rows are counted anew from there.
        case 'store-put-back': raised.clear(); return
        case 'schedule-sent': oneAtATime(happening.write, happening.at, happening.by); return
        case 'write-answered': {
          const found = sent.find(({ write }) => write === happening.write)
          if (found !== undefined) found.how = happening.how
          return
        }
        case 'weights-read':
          for (const { kind, subject, open, previous } of ledger.promises.values()) {
            const weight = happening.weights[subject]
            if (kind === 'weight' && open && weight !== 0 && weight !== previous && !raised.has(subject)) raised.set(subject, happening.seq ?? 0)
          }
          return
        case 'weights-written': {
          if (happening.by !== 'pitstop') return
          for (const [storage, weight] of Object.entries(happening.after)) {
            // Without a record of what the writer had read, the world just before it landed has to do.
            if (happening.write === undefined && !own.has(storage) && weight !== happening.before[storage]) blame(`weight of ${storage}, not in the plan, went from ${happening.before[storage] ?? 'nothing'} to ${weight}`)
          }
          if (Object.values(happening.after).every((weight) => weight === 0)) blame('all weights are zero')
          if (sent.some(({ write }) => happening.write !== undefined && write > happening.write)) blame(`write ${happening.write ?? ''} landed after a later one had been sent`)
          return
        }
        default:
      }
    },
    ended: () => {
      if (evidence.mostWritesAtOnce > 1) blame(`${evidence.mostWritesAtOnce} weight writes at once`)
      if (evidence.overtakenWrites > 0) blame(`${evidence.overtakenWrites} weight writes were sent while a lost one could still land`)
    }
  }
}
