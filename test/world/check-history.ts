// Proves the invariants of the design from what the world wrote down and what the journal says, independent of the code
// that made the decisions. Returns violations in words; none = held.
import type { Event, Recorded } from '@pitstop/coordinator/domain/event'
import type { Plan } from '@pitstop/coordinator/domain/plan'
import type { Happening } from './history.ts'

/** What the checker needs of a simulated world or of a fleet of real processes. */
export interface Evidence {
  readonly happenings: readonly Happening[]
  readonly journal: readonly Recorded<Event>[]
  readonly plan: Plan
  readonly initialWeights: Readonly<Record<string, number>>
  readonly finalWeights: Readonly<Record<string, number>>
  readonly assignerActive: boolean
  readonly mostWritesAtOnce: number
  /** Weight writes sent while a lost one could still land. */
  readonly overtakenWrites: number
}

export function checkHistory(source: Evidence | { evidence(): Evidence }): string[] {
  const evidence = 'happenings' in source ? source : source.evidence()
  const { happenings, journal, plan } = evidence
  return [
    ...neverTooManyDown(happenings, plan.policy.groupSize),
    ...oneRebootPerOrder(happenings, journal),
    ...neverLate(happenings, plan.closesAt),
    ...(evidence.overtakenWrites > 0 ? [`${evidence.overtakenWrites} weight writes were sent while a lost one could still land`] : []),
    ...weightsWrittenWithCare(happenings, new Set(plan.nodes.flatMap(({ storages }) => storages)), evidence.mostWritesAtOnce),
    ...drainedBeforeDown(happenings, journal, plan),
    ...intentBeforeEffect(happenings, journal),
    ...epochsGrow(journal),
    ...successNeedsProof(journal, happenings),
    ...promisesKept(evidence)
  ]
}

/** Slots are freed by health: at no moment are more nodes down than the plan allows. */
function neverTooManyDown(happenings: readonly Happening[], groupSize: number): string[] {
  const down = new Set<string>()
  const violations: string[] = []
  for (const happening of happenings) {
    if (happening.what === 'gitaly-stopped') down.add(happening.node)
    if (happening.what === 'gitaly-serving') down.delete(happening.node)
    if (down.size > groupSize) violations.push(`${down.size} nodes down at once (${[...down].join(', ')}), the plan allows ${groupSize}`)
  }
  return violations
}

/** At most one reboot per node and attempt. */
function oneRebootPerOrder(happenings: readonly Happening[], journal: readonly Recorded<Event>[]): string[] {
  const violations: string[] = []
  const stops = happenings.filter((each) => each.what === 'gitaly-stopped').filter(({ id }) => id !== null)
  for (const [id, times] of Map.groupBy(stops, ({ id }) => id)) if (times.length > 1) violations.push(`order ${String(id)} rebooted its node ${times.length} times`)
  for (const [node, times] of Map.groupBy(stops, ({ node }) => node)) {
    const asked = journal.filter(({ event }) => (event.type === 'node-retried' && event.node === node) || (event.type === 'window-opened' && event.window > 1)).length
    if (times.length > 1 + asked) violations.push(`${node} was rebooted ${times.length} times, people asked for ${asked} more than one`)
  }
  return violations
}

function neverLate(happenings: readonly Happening[], closesAt: number): string[] {
  return happenings.flatMap((each) => {
    if (each.at < closesAt) return []
    if (each.what === 'gitaly-stopped' && each.id !== null) return [`${each.node} went down ${each.at - closesAt} ms after closing time`]
    return each.what === 'order-accepted' ? [`${each.step} began on ${each.node} ${each.at - closesAt} ms after closing time`] : []
  })
}

/** One writer, one write at a time, own keys only, never to a sum of zero. */
function weightsWrittenWithCare(happenings: readonly Happening[], own: ReadonlySet<string>, mostAtOnce: number): string[] {
  const violations = mostAtOnce > 1 ? [`${mostAtOnce} weight writes at once`] : []
  for (const each of happenings) {
    if (each.what !== 'weights-written' || each.by !== 'pitstop') continue
    for (const [storage, weight] of Object.entries(each.after)) {
      if (!own.has(storage) && weight !== each.before[storage]) violations.push(`weight of ${storage}, not in the plan, went from ${each.before[storage] ?? 'nothing'} to ${weight}`)
    }
    if (Object.values(each.after).every((weight) => weight === 0)) violations.push('all weights are zero')
  }
  return violations
}

/** Nobody creates projects on a node that goes down: its weights are 0 and the assigner sleeps when Gitaly stops. */
function drainedBeforeDown(happenings: readonly Happening[], journal: readonly Recorded<Event>[], plan: Plan): string[] {
  const noDrain = plan.policy.drain === 'none'
  const storagesOf = new Map(plan.nodes.map(({ node, storages }) => [node, storages]))
  const weights = new Map<string, number>()
  const opened = journal.find(({ event }) => event.type === 'window-opened')?.event
  if (opened?.type === 'window-opened') for (const [storage, weight] of Object.entries(opened.weights)) weights.set(storage, weight)
  let assigner = opened?.type === 'window-opened' && opened.assignerActive === true
  const violations: string[] = []
  for (const each of happenings) {
    if (each.what === 'weights-written') for (const [storage, weight] of Object.entries(each.after)) weights.set(storage, weight)
    if (each.what === 'schedule-set') assigner = each.active
    if (each.what === 'gitaly-stopped' && each.id !== null) {
      for (const storage of noDrain ? [] : storagesOf.get(each.node) ?? []) {
        if (weights.get(storage) !== 0) violations.push(`${each.node} went down with ${storage} at weight ${weights.get(storage) ?? 'unknown'}`)
      }
      if (assigner) violations.push(`${each.node} went down while the assigner was active`)
    }
  }
  return violations
}

/** Whatever happened by order had been journaled before. */
function intentBeforeEffect(happenings: readonly Happening[], journal: readonly Recorded<Event>[]): string[] {
  const intended = new Map<string, number>()
  for (const { event, at } of journal) {
    if (event.type === 'step-intended' && event.facts.orderId !== undefined && !intended.has(event.facts.orderId)) intended.set(event.facts.orderId, at)
  }
  const promised = journal.find(({ event }) => event.type === 'obligation-opened')?.at ?? Infinity
  return happenings.flatMap((each) => {
    if (each.what === 'order-accepted') {
      const at = intended.get(each.id)
      return at === undefined || at > each.at ? [`${each.id} was carried out and not journaled before`] : []
    }
    return (each.what === 'weights-written' || each.what === 'schedule-set') && each.by === 'pitstop' && each.at < promised ? ['GitLab was changed before a promise was journaled'] : []
  })
}

function epochsGrow(journal: readonly Recorded<Event>[]): string[] {
  return journal.flatMap(({ epoch, seq }, index) => epoch < (journal[index - 1]?.epoch ?? 0) ? [`event ${seq} has epoch ${epoch} after ${journal[index - 1]?.epoch ?? 0}`] : [])
}

/** "Done" only for nodes that really booted and really served again. */
function successNeedsProof(journal: readonly Recorded<Event>[], happenings: readonly Happening[]): string[] {
  return journal.flatMap(({ event, at }) => {
    if (event.type !== 'node-healthy') return []
    const booted = happenings.some((each) => each.what === 'booted' && each.node === event.node && each.bootId === event.bootId && each.at <= at)
    const serving = happenings.some((each) => each.what === 'gitaly-serving' && each.node === event.node && each.at <= at)
    return booted && serving ? [] : [`${event.node} was called healthy without proof`]
  })
}

/** A closed window left nothing behind: weights and assigner as before, or somebody named took them over. */
function promisesKept({ journal, happenings, initialWeights, finalWeights, assignerActive }: Evidence): string[] {
  if (!journal.some(({ event }) => event.type === 'window-closed')) return []
  const excused = new Set(journal.flatMap(({ event }) => event.type === 'obligation-settled' && event.how !== 'paid' ? [event.id] : []))
  const foreign = new Set(happenings.flatMap((each) => each.what === 'weights-written' && each.by !== 'pitstop' ? Object.keys(each.after).filter((storage) => each.after[storage] !== each.before[storage]) : []))
  const violations = Object.entries(initialWeights).flatMap(([storage, weight]) =>
    finalWeights[storage] === weight || excused.has(`weight:${storage}`) || foreign.has(storage) ? [] : [`weight of ${storage} was ${weight} and is left at ${finalWeights[storage] ?? 'nothing'}`])
  const opened = journal.filter(({ event }) => event.type === 'window-opened').at(-1)?.event
  const touched = happenings.some((each) => each.what === 'schedule-set' && each.by !== 'pitstop')
  if (opened?.type === 'window-opened' && opened.assignerActive !== assignerActive && !excused.has('assigner') && !touched) violations.push('the assigner is not as it was')
  return violations
}
