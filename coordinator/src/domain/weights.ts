// What a weight write sends and promises. GitLab replaces the whole hash, coerces silently and cannot fence, so every
// write starts from a fresh reading, differs in own keys only and is refused here when it could drain the installation.
import { type Reason, reason } from '@pitstop/shared/fault'
import type { WeightChange } from './effect.ts'
import type { Event } from './event.ts'
import { perState, perStateAnd } from './per-state.ts'
import { type NodePhase, type NodeState, type Obligation, type State, openObligations, weightObligation } from './state.ts'

export type Weights = Readonly<Record<string, number>>

export interface WeightWrite {
  /** The whole hash to send; null = the world is as wanted already, nothing is sent. */
  readonly send: Weights | null
  /** Own keys and their value after the write. */
  readonly own: Weights
  /** Journaled before the write leaves. */
  readonly intent: readonly Event[]
  /** Journaled once the write is read back, or at once when nothing is sent. */
  readonly outcome: readonly Event[]
  readonly refused: ReadonlyMap<string, readonly Reason[]>
}

/** @param landsBy epoch ms until which this write may still land if its answer is lost. */
export function planWeightWrite(state: State, read: Weights, changes: readonly WeightChange[], landsBy: number): WeightWrite {
  const hash: Record<string, number> = { ...read }
  const own: Record<string, number> = {}
  const intent: Event[] = []
  const outcome: Event[] = []
  const refused = new Map<string, readonly Reason[]>()

  // Restoring comes first: it can only raise the number of storages that take new projects.
  for (const [node, storages] of Map.groupBy(changes.filter(({ to }) => to === 'previous'), ({ node }) => node)) {
    restore(node, storages.map(({ storage }) => storage))
  }
  for (const [node, storages] of Map.groupBy(changes.filter(({ to }) => to === 'zero'), ({ node }) => node)) {
    drain(node, storages.map(({ storage }) => storage))
  }
  const differs = Object.keys(hash).some((storage) => hash[storage] !== read[storage])
  return { send: differs ? hash : null, own, intent, outcome, refused }

  function restore(node: string, storages: readonly string[]): void {
    const weights: Record<string, number> = {}
    for (const storage of storages) {
      const obligation = state.obligations.get(weightObligation(storage))
      if (obligation?.status !== 'open') continue
      const previous = Number(obligation.previous)
      const verdict = judgeRestore(storage, read[storage], previous)
      if (verdict.how === 'paid' && verdict.by === 'pitstop' && previous !== 0) weights[storage] = previous
      outcome.push({ type: 'obligation-settled', id: obligation.id, ...verdict })
    }
    Object.assign(hash, weights)
    Object.assign(own, weights)
    const attempt = state.nodes.get(node)?.attempt ?? 1
    if (Object.keys(weights).length > 0) intent.push({ type: 'step-intended', node, step: 'restore-weight', attempt, facts: { weights, landsBy } })
    outcome.push({ type: 'step-done', node, step: 'restore-weight', attempt, facts: {} })
  }

  function drain(node: string, storages: readonly string[]): void {
    const missing = storages.filter((storage) => read[storage] === undefined)
    if (missing.length > 0) {
      refused.set(node, [reason('STORAGE_UNKNOWN', `GitLab has no storage ${missing.join(', ')} (of ${node})`)])
      return
    }
    const after = { ...hash, ...Object.fromEntries(storages.map((storage) => [storage, 0])) }
    const active = Object.values(after).filter((weight) => weight > 0).length
    const floor = Math.max(1, state.stored.plan.policy.activeStorageFloor)
    const lowers = storages.some((storage) => hash[storage] !== 0)
    if (lowers && active < floor) {
      refused.set(node, [reason('WEIGHT_FLOOR', `without ${storages.join(', ')} only ${active} storages would take new projects; the floor is ${floor}`)])
      return
    }
    for (const storage of storages) {
      const id = weightObligation(storage)
      const promise = state.obligations.get(id)
      const value = read[storage] ?? 0
      // An open obligation already holds the true previous value: a lost write of ours may have landed since. Anything but
      // that value and our 0 was set by somebody else meanwhile: that is what goes back then.
      const theirs = promise?.status === 'open' && value !== 0 && value !== promise.previous
      if (theirs) intent.push({ type: 'obligation-settled', id, how: 'superseded', by: 'somebody else', text: `weight of ${storage} was set to ${value} by somebody else before pitstop could set it to 0; before that it was ${Number(promise.previous)}` })
      if (theirs || promise?.status !== 'open') intent.push({ type: 'obligation-opened', id, kind: 'weight', subject: storage, node, previous: value })
      hash[storage] = 0
      own[storage] = 0
    }
    const attempt = state.nodes.get(node)?.attempt ?? 1
    const weights = Object.fromEntries(storages.map((storage) => [storage, 0]))
    intent.push({ type: 'step-intended', node, step: 'zero-weight', attempt, facts: { weights, landsBy } })
    outcome.push({ type: 'step-done', node, step: 'zero-weight', attempt, facts: {} })
  }
}

function judgeRestore(storage: string, current: number | undefined, previous: number): { how: 'paid' | 'superseded', by: string, text: string } {
  if (current === undefined) return { how: 'superseded', by: 'GitLab', text: `GitLab no longer has the storage ${storage}` }
  if (current === previous) return { how: 'paid', by: previous === 0 ? 'pitstop' : 'found restored', text: `weight of ${storage} is ${previous}, as before` }
  if (current === 0) return { how: 'paid', by: 'pitstop', text: `weight of ${storage} is back at ${previous}` }
  return { how: 'superseded', by: 'somebody else', text: `weight of ${storage} is ${current}; it was ${previous} before and 0 by pitstop: left as found` }
}

/**
 * Promises that a person took over while the write that they were made for was on its way: the person saw the weight as it was, and
 * it is 0 now by our hand. They are made anew, but for those that were shown at 0 already. A node that was written off meanwhile was taken over with its weight at 0.
 */
export const handedOverMeanwhile = (state: State, { own }: Pick<WeightWrite, 'own'>): readonly Event[] =>
  Object.keys(own).flatMap((storage): Event[] => {
    const promise = state.obligations.get(weightObligation(storage))
    const isTheirs = promise?.node == null || state.nodes.get(promise.node)?.phase === 'written-off'
    if (own[storage] !== 0 || promise?.status !== 'void' || promise.previous === 0 || promise.shown === 0 || isTheirs) return []
    return [{ type: 'obligation-opened', id: promise.id, kind: 'weight', subject: storage, node: promise.node, previous: promise.previous }]
  })

/** Own keys that do not read back as written, in words. */
export const notAsWritten = (own: Weights, readBack: Weights): Reason[] =>
  Object.entries(own).filter(([storage, weight]) => readBack[storage] !== weight).map(([storage, weight]) =>
    reason('WEIGHT_CHANGED', `weight of ${storage} was set to ${weight} and reads back as ${readBack[storage] ?? 'nothing'}: somebody else writes weights`))

/** GitLab asks no replica that is further behind than this. */
const replicaLagMs = 60_000

/** Own keys as our last write left them, and until when a reading that says otherwise is more likely old than news. */
const leftAt = perState((state) => [...state.obligations.values()].flatMap(({ kind, subject, node, status, settledBy, previous }) => {
  const steps = kind === 'weight' && node !== null ? state.nodes.get(node)?.steps : undefined
  if (status === 'open') return steps?.['zero-weight']?.status === 'done' && steps['restore-weight']?.status !== 'intended' ? [{ storage: subject, weight: 0, until: Infinity }] : []
  const restored = steps?.['restore-weight']
  return status === 'paid' && settledBy === 'pitstop' && restored?.status === 'done' ? [{ storage: subject, weight: Number(previous), until: (restored.endedAt ?? 0) + replicaLagMs }] : []
}))

/**
 * Whether a reading contradicts what pitstop wrote itself: it is from a replica that lags behind, or somebody else wrote meanwhile.
 * A write begun on the former would undo our own, because the whole hash goes back.
 */
export const contradictsOwnWrites = (state: State, read: Weights, now: number): boolean =>
  leftAt(state).some(({ storage, weight, until }) => now < until && read[storage] !== undefined && read[storage] !== weight)

/** The answer to a write that puts the node's weight back was lost: it may have landed, or may land yet. */
export const mayBeRestored = (state: State, node: string): boolean => state.writesInDoubt.has(`restore-weight ${node}`)

/** What GitLab shows is what such a write of ours leaves: nobody else has raised it. */
export const isOwnRestore = (state: State, node: string, storage: string, weight: number): boolean =>
  mayBeRestored(state, node) && weight === state.obligations.get(weightObligation(storage))?.previous

const mustStayZero: ReadonlySet<NodePhase> = new Set(['preparing', 'prepared', 'down', 'failed'])

/** Weights that somebody else raised from our 0, by the latest reading; only readings asked for after our write count. */
export const raisedByOthers = perStateAnd((state, reading: { readonly seq: number, readonly weights: Weights } | null): readonly { obligation: Obligation, node: NodeState, weight: number }[] =>
  reading === null ? [] : zeroed(state).flatMap(({ obligation, node, since }) => {
    const weight = reading.weights[obligation.subject] ?? 0
    return reading.seq < since || weight === 0 || isOwnRestore(state, node.node, obligation.subject, weight) ? [] : [{ obligation, node, weight }]
  }))

/** What pitstop has set to 0 and not yet to put back. Healthy nodes are about to get it back anyway; the write finds out. */
const zeroed = perState((state) => openObligations(state).flatMap((obligation) => {
  const node = obligation.kind === 'weight' && obligation.node !== null ? state.nodes.get(obligation.node) : undefined
  const step = node?.steps['zero-weight']
  if (node === undefined || !mustStayZero.has(node.phase) || step?.status !== 'done' || step.endedSeq === null) return []
  return [{ obligation, node, since: step.endedSeq }]
}))

/** Until when a write to GitLab without outcome may still land; 0 = none is in doubt. The next write waits it out, then reads. */
export const writesLandBy: (state: State) => number = perState((state) => Math.max(0, ...[...state.writesInDoubt.values()].map(({ landsBy }) => landsBy)))

/** The same state, with every write in doubt waited for at least until then: a predecessor's clock is not ours. */
export const waitOut = (state: State, until: number): State =>
  ({ ...state, writesInDoubt: new Map([...state.writesInDoubt].map(([key, write]) => [key, { ...write, landsBy: Math.max(write.landsBy, until) }])) })

/** The same state, with a write in doubt of which its journal knows nothing: the store lost the last of it. */
export const waitOutUnknown = (state: State, until: number): State => ({ ...state, writesInDoubt: new Map(state.writesInDoubt).set('a lost journal', { landsBy: until, intent: null }) })
