// Journal → state. Knows what each event means for the state, and nothing of order, time or policy.
import { Fault } from '@pitstop/shared/fault'
import type { Event, NodeStepName, Recorded, StepName } from './event.ts'
import { Making } from './making.ts'
import type { StoredPlan } from './plan.ts'
import type { NodePhase, NodeState, State, StepState, WindowState } from './state.ts'

const damaged = (seq: number, what: string): Fault => new Fault('STORE_CORRUPT', `event ${seq} of the journal ${what}`)

function nodeIn(state: Making, name: string, seq: number): NodeState {
  const node = state.nodes.get(name)
  if (node === undefined) throw damaged(seq, `is about ${name}, which is not in the plan`)
  return node
}

const noWindow: WindowState = {
  number: 0, phase: 'none', by: '', reason: '', version: 0, openedAt: 0, openedSeq: 0, closesAt: 0, halt: null, pause: null, abort: null, resumedSeq: 0, restoredSeq: 0, failureBudget: 0,
  weightsAtOpening: {}, assignerAtOpening: null, audit: null, closedAt: null
}

const freshNode = (node: string): NodeState => ({
  node, phase: 'waiting', attempt: 1, steps: {}, holdsSlot: false, overdue: false, failedStep: null, reasons: [], phaseSince: 0, phaseSeq: 0,
  slotTakenAt: null, slotFreedAt: null, slotTakenSeq: 0, slotFreedSeq: 0, outageMs: null, recheck: false, askedFor: false, unproven: false, upgraded: false, reportedSeq: 0, version: 0
})

export const emptyState = (stored: StoredPlan): State => ({
  stored, window: noWindow, nodes: new Map(stored.plan.nodes.map(({ node }) => [node, freshNode(node)])), windowSteps: {},
  manifests: new Map(), obligations: new Map(), writesInDoubt: new Map(), seq: 0, lastAt: 0
})

export const fold = (stored: StoredPlan, journal: readonly Recorded<Event>[]): State => applyAll(emptyState(stored), journal)

export const apply = (state: State, recorded: Recorded<Event>): State => applyAll(state, [recorded])

/** The state before stays as it was. */
export function applyAll(state: State, journal: readonly Recorded<Event>[]): State {
  const next = new Making(state)
  for (const recorded of journal) {
    next.writesInDoubt = writesInDoubt(next, recorded)
    enter(next, recorded)
    next.seq = recorded.seq
    next.lastAt = recorded.at
  }
  return next.made()
}

function writesInDoubt({ writesInDoubt: before }: Making, { event, seq }: Recorded<Event>): State['writesInDoubt'] {
  if (event.type !== 'step-intended' && event.type !== 'step-done' && event.type !== 'step-ended') return before
  const { step, node } = event
  const key = `${step} ${node ?? ''}`
  const { landsBy, weights = {} } = event.type === 'step-intended' ? event.facts : {}
  if (landsBy === undefined && !before.has(key)) return before
  const after = new Map(before)
  if (landsBy === undefined) after.delete(key)
  else after.set(key, { landsBy, intent: { step, node, seq, weights } })
  return after
}

function enter(next: Making, { event, at, seq, epoch }: Recorded<Event>): void {
  const window = (change: Partial<WindowState>): void => { next.window = { ...next.window, ...change, version: seq } }
  const node = (name: string, change: (node: NodeState) => Partial<NodeState>): void => {
    const before = nodeIn(next, name, seq)
    next.setNode({ ...before, ...change(before), version: seq })
  }
  const phase = (name: string, to: NodePhase, change: Partial<NodeState> = {}): void => { node(name, () => ({ phase: to, phaseSince: at, phaseSeq: seq, ...change })) }
  /** What was compared with the snapshot has changed since. */
  const auditIsOld = (): void => { if (next.window.audit !== null) next.window = { ...next.window, audit: null } }
  const final = (name: string, to: NodePhase, change: Partial<NodeState> = {}): void => { phase(name, to, { holdsSlot: false, overdue: false, ...change }) }

  switch (event.type) {
    case 'window-opened':
      window({
        ...noWindow, number: event.window, phase: 'opening', by: event.by, reason: event.reason, openedAt: at, openedSeq: seq, closesAt: event.closesAt,
        failureBudget: Math.max(next.stored.plan.policy.failureBudget, next.window.failureBudget),
        weightsAtOpening: event.weights, assignerAtOpening: event.assignerActive
      })
      next.windowSteps = {}
      if (event.window > 1) for (const each of next.nodes.values()) next.setNode(carryOver(each, at, seq))
      return
    case 'window-rolling': return window({ phase: 'rolling' })
    case 'window-halted': return window({ halt: { reasons: event.reasons, at } })
    case 'window-paused': return window({
      pause: { by: event.by, reasons: event.reasons, at },
      // An audit of before says nothing of what was done in the time that was lost.
      ...event.reasons.some(({ code }) => code === 'STORE_RESTORED' || code === 'STALE_EPOCH') ? { restoredSeq: seq, audit: null } : {}
    })
    case 'window-resumed': return window({ halt: null, pause: null, resumedSeq: seq, failureBudget: event.failureBudget })
    case 'window-unpaused': return window({ pause: null, resumedSeq: seq })
    case 'window-aborted': return window({ phase: 'closing', abort: { by: event.by, reason: event.reason, at, seq } })
    case 'window-closing': return window({ phase: 'closing' })
    case 'window-settling': return window({ phase: 'settling' })
    case 'window-audited': return window({ audit: event.differences })
    case 'window-closed': return window({ phase: 'closed', closedAt: at })
    case 'manifest-resolved':
      next.manifests = new Map(next.manifests).set(event.platform, { hash: event.hash, packages: event.packages, node: event.node })
      return

    case 'step-intended':
      return withStep(next, event.node, event.step, seq, () =>
        ({ status: 'intended', attempt: event.attempt, facts: event.facts, epoch, intendedAt: at, endedAt: null, intendedSeq: seq, endedSeq: null }))
    case 'step-done':
      return withStep(next, event.node, event.step, seq, (before) =>
        ({ status: 'done', attempt: event.attempt, facts: { ...before?.facts, ...event.facts }, epoch, intendedAt: before?.intendedAt ?? at, endedAt: at, intendedSeq: before?.intendedSeq ?? seq, endedSeq: seq }))
    case 'step-ended':
      return withStep(next, event.node, event.step, seq, (before) =>
        ({ status: 'ended', attempt: event.attempt, facts: before?.facts ?? {}, epoch, intendedAt: before?.intendedAt ?? at, endedAt: at, intendedSeq: before?.intendedSeq ?? seq, endedSeq: seq }))

    case 'node-admitted': return phase(event.node, 'preparing', { reasons: [] })
    case 'node-prepared': return phase(event.node, 'prepared')
    case 'slot-taken': return phase(event.node, 'down', { holdsSlot: true, slotTakenAt: at, slotTakenSeq: seq, slotFreedAt: null, outageMs: null })
    case 'slot-returned': return node(event.node, (before) =>
      ({ phase: 'prepared', phaseSince: at, phaseSeq: seq, holdsSlot: false, overdue: false, recheck: false, slotTakenAt: null, reasons: event.reasons, steps: without(before.steps, slotSteps) }))
    case 'node-healthy': return phase(event.node, 'returning', { holdsSlot: false, overdue: false, askedFor: false, unproven: false, slotFreedAt: at, slotFreedSeq: seq, outageMs: event.outageMs, reasons: [] })
    case 'node-done': return final(event.node, 'done', { reasons: [] })
    case 'node-current': return final(event.node, 'current', { reasons: event.reasons, unproven: false, askedFor: false })
    case 'node-postponed': return final(event.node, 'postponed', { reasons: event.reasons })
    case 'node-pending-reboot': return final(event.node, 'pending-reboot', { reasons: event.reasons })
    case 'node-failed': return phase(event.node, 'failed', { holdsSlot: event.down, overdue: false, askedFor: false, unproven: true, failedStep: event.step, reasons: event.reasons })
    case 'node-overdue': return node(event.node, () => ({ overdue: true, reasons: event.reasons }))
    case 'node-skipped': return final(event.node, 'skipped')
    case 'node-written-off':
      auditIsOld()
      return final(event.node, 'written-off', { slotFreedAt: at, slotFreedSeq: seq })
    case 'node-retried': return node(event.node, (before) => retried(before, event.mode, at, seq))
    case 'node-reported': return node(event.node, () => ({ reportedSeq: seq }))

    case 'obligation-opened': {
      const { id, kind, subject, previous } = event
      auditIsOld()
      next.setObligation({ id, kind, subject, node: event.node, previous, openedAt: at, openedSeq: seq, status: 'open', settledBy: null, text: null, shown: null })
      return
    }
    case 'obligation-settled': {
      const before = next.obligations.get(event.id)
      if (before === undefined) throw damaged(seq, `settles ${event.id}, which was never promised`)
      auditIsOld()
      next.setObligation({ ...before, status: event.how, settledBy: event.by, text: event.text, shown: event.shown ?? null })
      return
    }
    default: event satisfies never
  }
}

const slotSteps: readonly NodeStepName[] = ['point-of-no-return', 'reboot', 'check-service', 'check-log', 'soak', 'restore-weight', 'watch']
const checkSteps: readonly NodeStepName[] = ['check-service', 'check-log', 'soak', 'restore-weight', 'watch']

const without = (steps: NodeState['steps'], names: readonly NodeStepName[]): NodeState['steps'] =>
  Object.fromEntries(Object.entries(steps).filter(([name]) => !names.some((each) => each === name)))

/** A person's retry: judge again, reboot again, or begin again. Only the last two are new orders. */
function retried(before: NodeState, mode: 'recheck' | 'reboot' | 'again', at: number, seq: number): Partial<NodeState> {
  const common = { phaseSince: at, phaseSeq: seq, failedStep: null, reasons: [], overdue: false }
  switch (mode) {
    case 'recheck': return { ...common, phase: 'down', recheck: true, steps: without(before.steps, checkSteps) }
    case 'reboot': return { ...common, phase: 'down', recheck: false, askedFor: true, slotTakenAt: at, slotTakenSeq: seq, holdsSlot: true, attempt: before.attempt + 1, steps: without(before.steps, slotSteps) }
    case 'again': return { ...common, phase: 'waiting', recheck: false, askedFor: before.unproven, attempt: before.attempt + 1, steps: {}, holdsSlot: false, slotTakenAt: null, slotFreedAt: null }
    default: return mode satisfies never
  }
}

/** Another window of the same plan: what was left undone may go again, under new orders; what failed waits for a person. */
function carryOver(node: NodeState, at: number, seq: number): NodeState {
  const again: readonly NodePhase[] = ['waiting', 'postponed', 'pending-reboot']
  // Opened again is not asked for by name: what counts as failed waits at the halt like everybody.
  return again.includes(node.phase) ? { ...node, ...retried(node, 'again', at, seq), askedFor: false, version: seq } : node
}

function withStep(next: Making, node: string | null, step: StepName, seq: number, change: (before: StepState | undefined) => StepState): void {
  if (node === null) {
    next.windowSteps = { ...next.windowSteps, [step]: change(next.windowSteps[step]) }
    return
  }
  const before = nodeIn(next, node, seq)
  const name = step as NodeStepName
  const after = change(before.steps[name])
  // Drained anew, new projects must settle anew.
  const steps = name === 'zero-weight' && after.status === 'ended' ? without(before.steps, ['settle']) : before.steps
  const upgraded = before.upgraded || (name === 'upgrade' && after.status === 'done' && (after.facts.changes ?? 0) > 0)
  // An answer that came late is the truth all the same; a node that is down is cleared by health alone.
  const overdue = before.overdue && (after.status === 'intended' || before.phase === 'down')
  next.setNode({ ...before, upgraded, overdue, steps: { ...steps, [name]: after }, version: seq })
}
