// What a person may tell an open window, and what that means in events. Pure; refusals are faults that say what to do
// instead. Every command carries who, why and what the person saw: a stale view is refused with what changed.
import { formatDuration } from '@pitstop/shared/duration'
import { Fault, reason } from '@pitstop/shared/fault'
import type { Event } from './event.ts'
import { handedOver } from './fleet-state.ts'
import { lostWrites } from './lost-writes.ts'
import { mayBeginUntil } from './order-time.ts'
import type { Shown } from './obligations.ts'
import { budgetSpent, failures } from './slots.ts'
import { type NodePhase, type NodeState, type State, awaitsPerson, labelOf, openObligations } from './state.ts'

interface Said {
  readonly by: string
  readonly reason: string
  /** Version of the node, or seq of the journal for the window, that the person saw; undefined = takes it as it is. */
  readonly seen?: number | undefined
}
export type RetryMode = 'recheck' | 'reboot' | 'again'
export type Command = Said & (
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume', readonly raiseBudgetBy?: number | undefined }
  | { readonly kind: 'abort' }
  | { readonly kind: 'retry', readonly node: string, readonly mode?: RetryMode | undefined }
  | { readonly kind: 'skip', readonly node: string }
  | { readonly kind: 'write-off', readonly node: string }
  /** shown: what GitLab shows of it now. */
  | { readonly kind: 'hand-over', readonly obligation: string, readonly shown?: Shown | undefined }
)

/** @param now epoch ms. @throws Fault NOT_NOW, NOT_FOUND, STALE_VIEW, BUDGET_SPENT, NO_WINDOW, INVALID_INPUT */
export function command(state: State, said: Command, now: number): Event[] {
  if (said.by.trim() === '') throw new Fault('INVALID_INPUT', 'a command needs a name: who are you?')
  if (said.reason.trim() === '') throw new Fault('INVALID_INPUT', `${said.kind} needs a reason`, { hint: 'add --reason "why"' })
  const { phase } = state.window
  if (phase === 'none' || phase === 'closed') throw new Fault('NO_WINDOW', 'no window is open')
  const { by, reason: why } = said
  if (said.seen !== undefined && said.seen > state.seq) throw new Fault('INVALID_INPUT', `nobody can have seen ${said.seen}: the journal of this plan is at ${state.seq}`, { hint: 'take the number from pitstop window show or node show of this plan' })
  if (!('node' in said) && said.seen !== undefined && state.window.version > said.seen) {
    throw new Fault('STALE_VIEW', `the window changed since you looked (you saw ${said.seen}, it is at ${state.window.version}): it is ${labelOf(state)} now`)
  }
  switch (said.kind) {
    case 'pause':
      requirePhase(state, ['opening', 'rolling'], 'pause')
      return state.window.pause === null ? [{ type: 'window-paused', by, reasons: [reason('NOT_NOW', `paused by ${by}: ${why}`, 'pitstop window resume --reason "…"')] }] : []
    case 'resume': return resume(state, said, said.raiseBudgetBy ?? 0)
    case 'abort':
      // A restored window may have been aborted, or be settling, by a journal that knows half of it: a person says it anew.
      if (!awaitsPerson(state)) requirePhase(state, ['opening', 'rolling', 'closing'], 'abort')
      return state.window.abort === null || awaitsPerson(state) ? [{ type: 'window-aborted', by, reason: why }] : []
    case 'retry': return retry(state, nodeNamed(state, said.node, said.seen), said.mode, by, why)
    case 'skip': {
      const node = nodeNamed(state, said.node, said.seen)
      if (node.phase !== 'waiting') throw notNow(node, 'only a node that has not started can be skipped', 'abort the window, or wait for the node')
      return [{ type: 'node-skipped', node: node.node, by, reason: why }]
    }
    case 'write-off': {
      const node = nodeNamed(state, said.node, said.seen)
      if (node.phase !== 'failed' && !node.overdue) throw notNow(node, 'only a failed or overdue node can be written off', 'nothing to do')
      // Its slot would be free for another, and it could go down beside that one.
      const leftMs = node.steps.reboot?.status === 'intended' ? mayBeginUntil(node.steps.reboot) - now : 0
      if (leftMs > 0) throw notNow(node, 'its reboot may still begin', `say it again in ${formatDuration(leftMs)}`)
      const debts = openObligations(state).filter((each) => each.node === node.node)
      return [
        { type: 'node-written-off', node: node.node, by, reason: why },
        ...debts.map((each): Event => ({ type: 'obligation-settled', id: each.id, how: 'void', by, text: `${by} took over ${node.node} with ${weightByJournal(state, node, each.subject)} (before: ${Number(each.previous)}): ${why}` }))
      ]
    }
    case 'hand-over': {
      const obligation = state.obligations.get(said.obligation)
      if (obligation === undefined) throw new Fault('NOT_FOUND', `there is no obligation ${said.obligation}`, { hint: 'pitstop obligations' })
      if (obligation.status !== 'open') throw new Fault('NOT_NOW', `${obligation.id} is ${obligation.status} already (${obligation.text ?? ''})`)
      return [{ type: 'obligation-settled', id: obligation.id, how: 'void', by, text: handedOver(by, why, said.shown?.text), ...said.shown?.now == null ? {} : { shown: said.shown.now } }]
    }
    default: return said satisfies never
  }
}

/** Nobody has read it just now. */
function weightByJournal(state: State, { node, steps }: NodeState, storage: string): string {
  if (lostWrites(state).some((write) => write.node === node)) return `the weight of ${storage} in doubt`
  return steps['zero-weight']?.status === 'done' ? `${storage} at weight 0` : `the weight of ${storage} not set to 0`
}

/** Phases in which another window of the plan has nothing for a node, and a person could not ask for it either. */
const through: ReadonlySet<NodePhase> = new Set(['done', 'current', 'skipped', 'written-off'])

/** A window that would close at once is not opened. @throws Fault NOT_NOW */
export function requireWorkLeft({ stored, window, nodes }: State): void {
  const phases = [...nodes.values()].map(({ phase }) => phase)
  if (!phases.every((phase) => through.has(phase))) return
  const counts = [...through].flatMap((phase) => { const times = phases.filter((each) => each === phase).length; return times === 0 ? [] : [`${times} ${phase}`] })
  throw new Fault('NOT_NOW', `nothing is left to do in plan ${stored.hash.slice(0, 12)} after window ${window.number}: ${counts.join(', ')}`, { hint: 'make a new plan: pitstop plan create --for 6h --reason "…"; or one node: pitstop node patch FQDN' })
}

function resume(state: State, said: Said, raiseBudgetBy: number): Event[] {
  const { phase } = state.window
  const isEnding = awaitsPerson(state) && phase !== 'opening' && phase !== 'rolling'
  if (!isEnding) requirePhase(state, ['opening', 'rolling'], 'resume')
  if (!Number.isInteger(raiseBudgetBy) || raiseBudgetBy < 0) throw new Fault('INVALID_INPUT', `--raise-budget must be a whole number from 0, not ${raiseBudgetBy}`)
  if (state.window.halt === null && state.window.pause === null) throw new Fault('NOT_NOW', 'the window is neither halted nor paused')
  if (isEnding) return [{ type: 'window-unpaused', by: said.by, reason: said.reason }]
  const failureBudget = state.window.failureBudget + raiseBudgetBy
  if (budgetSpent({ ...state, window: { ...state.window, failureBudget } })) {
    if (state.window.pause !== null) return [{ type: 'window-unpaused', by: said.by, reason: said.reason }]
    throw new Fault('BUDGET_SPENT', `${failures(state).map(({ node }) => node).join(', ')} count as failed; the budget is ${failureBudget}`,
      { hint: 'retry them until healthy, or accept them: pitstop window resume --raise-budget 1 --reason "…"' })
  }
  return [{ type: 'window-resumed', by: said.by, reason: said.reason, failureBudget }]
}

/** Without a mode: judge again what was down, begin again what was not. Another reboot must be asked for by name. */
function retry(state: State, node: NodeState, asked: RetryMode | undefined, by: string, why: string): Event[] {
  const wasDown = node.phase === 'failed' && node.holdsSlot
  const mode = asked ?? (wasDown ? 'recheck' : 'again')
  const event: Event = { type: 'node-retried', node: node.node, by, reason: why, mode }
  if (mode === 'again') {
    if (node.phase !== 'postponed' && node.phase !== 'skipped' && node.phase !== 'pending-reboot' && node.phase !== 'failed') throw notNow(node, 'there is nothing to begin again', 'nothing to do')
    if (node.phase === 'failed' && node.holdsSlot) throw notNow(node, 'it is down', `judge it again: pitstop node retry ${node.node}, or reboot it again with --reboot`)
    requirePhase(state, ['rolling'], 'begin a node again')
    return [event]
  }
  if (node.phase !== 'failed' || !node.holdsSlot) throw notNow(node, `only a node that failed while down can be ${mode === 'reboot' ? 'rebooted' : 'judged'} again`, 'nothing to do')
  if (mode === 'reboot') {
    requirePhase(state, ['rolling'], 'reboot a node again')
    if (state.window.pause !== null) throw new Fault('NOT_NOW', `the window is paused by ${state.window.pause.by}: nothing goes down`, { hint: 'lift the pause first: pitstop window resume --reason "…" (the halt stays until the node is healthy)' })
  }
  return [event]
}

function nodeNamed(state: State, name: string, seen: number | undefined): NodeState {
  const node = state.nodes.get(name)
  const meant = [...state.nodes.keys()].filter((each) => each.startsWith(`${name}.`))
  if (node === undefined) throw new Fault('NOT_FOUND', `${name} is not in this plan`, { hint: meant.length > 0 ? `did you mean ${meant.join(' or ')}?` : 'pitstop node list' })
  if (seen !== undefined && node.version > seen) {
    throw new Fault('STALE_VIEW', `${name} changed since you looked (you saw ${seen}, it is at ${node.version}): it is ${node.phase} now`)
  }
  return node
}

const notNow = (node: NodeState, why: string, hint: string): Fault => new Fault('NOT_NOW', `${node.node} is ${node.phase}: ${why}`, { hint })

function requirePhase(state: State, phases: readonly string[], what: string): void {
  if (!phases.includes(state.window.phase)) throw new Fault('NOT_NOW', `cannot ${what}: the window is ${state.window.phase}`)
}
