// Reads and writes of GitLab. One writer, one write at a time, the whole hash, read back; the intent is journaled before
// the write leaves, and a write whose answer is lost stays in doubt until it can no longer land.
import { Fault, asFault } from '@pitstop/shared/fault'
import type { FaultCode } from '@pitstop/shared/fault-table'
import { audit } from '../domain/audit.ts'
import type { Effect } from '../domain/effect.ts'
import type { Event } from '../domain/event.ts'
import type { GitLabReading, HostView } from '../domain/observed.ts'
import { planScheduleWrite } from '../domain/schedule.ts'
import { type State, stillHolds } from '../domain/state.ts'
import { notAsWritten, planWeightWrite } from '../domain/weights.ts'
import type { Hands } from './hands.ts'
import { inGroups } from './planning.ts'

/** Answers that prove that GitLab did not write. */
const refusals: ReadonlySet<FaultCode> = new Set(['GITLAB_UNREACHABLE', 'GITLAB_REFUSED', 'GITLAB_TOKEN', 'GITLAB_FORBIDDEN', 'GITLAB_NOT_FOUND', 'GITLAB_RATE_LIMITED',
  'GITLAB_CONFLICT', 'INVALID_INPUT', 'WEIGHT_FLOOR', 'WEIGHT_NOT_SETTLED'])

const retryAfterMs = 5000
/** How many agents are asked at once. */
const atOnce = 32

/** A write leaves this soon after it was planned, or never: behind a slow store it would land later than its intent says. */
const leavesWithinMs = 1000
const landsBy = ({ clock, gitlab, landsWithinMs }: Hands): number => clock.now() + leavesWithinMs + gitlab.requestTimeoutMs + landsWithinMs

export async function readGitLab({ gitlab, clock }: Pick<Hands, 'gitlab' | 'clock'>): Promise<GitLabReading> {
  const at = clock.now()
  const [weights, schedule, pipelines, moves] = await Promise.all([
    gitlab.readWeights(),
    gitlab.hasAssigner ? gitlab.readSchedule() : null,
    gitlab.hasAssigner ? gitlab.livePipelines() : [],
    gitlab.storageMoves()
  ])
  const moving = [...new Set((moves ?? []).flatMap(({ source, destination }) => [source, destination]))]
  return { at, weights, scheduleActive: schedule?.active ?? null, pipelines, moving }
}

/**
 * What can change from one moment to the next, read again just before a node goes down. Pipelines and moves (a dozen
 * requests) are taken from the last full reading: with the schedule off no pipeline begins, and gates want it fresh.
 */
export async function rereadGitLab({ gitlab, clock }: Pick<Hands, 'gitlab' | 'clock'>, last: GitLabReading): Promise<GitLabReading> {
  const at = clock.now()
  const [weights, schedule] = await Promise.all([gitlab.readWeights(), gitlab.hasAssigner ? gitlab.readSchedule() : null])
  return { ...last, at, weights, scheduleActive: schedule?.active ?? null }
}

export async function observeGitLab(hands: Hands): Promise<void> {
  try {
    hands.observe({ gitlab: await readGitLab(hands), gitlabFault: null })
  } catch (error) {
    hands.observe({ gitlabFault: { reason: asFault(error).toReason(), at: hands.clock.now() } })
  }
}

/** @param decidedOn the state that the changes were decided on; if it no longer holds nothing is sent. */
export async function writeWeights(hands: Hands, { changes }: Extract<Effect, { kind: 'write-weights' }>, decidedOn: State): Promise<void> {
  const { gitlab, journal, clock } = hands
  const nodes = changes.map(({ node }) => node)
  await attempt(hands, async () => {
    requireSettled(hands)
    const read = await gitlab.readWeights()
    const plannedAt = clock.now()
    const plan = planWeightWrite(journal.state, read, changes, landsBy(hands))
    const refused = new Map(hands.observed().refusedChanges)
    for (const { node } of changes) refused.delete(node)
    for (const [node, reasons] of plan.refused) refused.set(node, reasons)
    // Refused changes are tried again after a while, not at once.
    const held = plan.refused.size > 0 && plan.send === null ? [...plan.refused.values()][0]?.[0] : undefined
    hands.observe({ refusedChanges: refused, ...(held === undefined ? {} : { writeFault: { reason: held, retryAt: clock.now() + retryAfterMs } }) })
    if (!await intend(hands, plan.intent, decidedOn, nodes)) return
    const { send } = plan
    if (send !== null) {
      hands.guard(gitlab.requestTimeoutMs)
      await refusable(hands, () => { requireInTime(hands, plannedAt); return gitlab.writeWeights(send) }, plan.intent)
      const differs = notAsWritten(plan.own, await gitlab.readWeights())
      if (differs.length > 0) {
        await journal.append((state) => [...ended(plan.intent, differs), ...(state.window.phase === 'rolling' && state.window.halt === null ? [{ type: 'window-halted', reasons: differs } as const] : [])])
        hands.observe({ writeFault: { reason: differs[0] ?? asFault('read back').toReason(), retryAt: clock.now() + retryAfterMs } })
        return
      }
    }
    await journal.append(() => plan.outcome)
  })
}

export async function setSchedule(hands: Hands, { active, step }: Extract<Effect, { kind: 'set-schedule' }>, decidedOn: State): Promise<void> {
  const { gitlab, journal, clock } = hands
  await attempt(hands, async () => {
    requireSettled(hands)
    const found = await gitlab.readSchedule()
    const plannedAt = clock.now()
    const plan = planScheduleWrite(journal.state, found.active, active, step, landsBy(hands))
    if (!await intend(hands, plan.intent, decidedOn, [])) return
    if (plan.send) {
      hands.guard(gitlab.requestTimeoutMs)
      await refusable(hands, () => { requireInTime(hands, plannedAt); return gitlab.setScheduleActive(active) }, plan.intent)
      const now = await gitlab.readSchedule()
      if (now.active !== active) {
        await journal.append(() => ended(plan.intent, []))
        throw new Fault('GITLAB_CONFLICT', `the assigner's schedule was set ${active ? 'active' : 'inactive'} and reads back otherwise: somebody else changes it`, { hint: 'find out who does' })
      }
    }
    await journal.append(() => plan.outcome)
  })
}

export async function cancelPipeline(hands: Hands, id: number): Promise<void> {
  await attempt(hands, async () => {
    hands.guard(hands.gitlab.requestTimeoutMs)
    await hands.gitlab.cancelPipeline(id)
    await observeGitLab(hands)
  })
}

export async function auditWeights(hands: Hands): Promise<void> {
  await attempt(hands, async () => {
    const [reading, hosts] = await Promise.all([readGitLab(hands), askHosts(hands)])
    await hands.journal.append((state) => [{ type: 'window-audited', differences: audit(state, reading.weights, reading.scheduleActive, hosts, hands.clock.now()) }])
  })
}

/** Those that had an order in this plan, if they answer. */
async function askHosts({ agents, journal: { state } }: Hands): Promise<ReadonlyMap<string, HostView>> {
  const touched = state.stored.plan.nodes.filter(({ node }) => Object.keys(state.nodes.get(node)?.steps ?? {}).length > 0)
  const views = await inGroups(touched, atOnce, async (node): Promise<[string, HostView | undefined]> => [node.node, await agents.describe(node, 0, []).catch(() => undefined)])
  return new Map(views.flatMap(([node, view]) => view === undefined ? [] : [[node, view]]))
}

/** False: a command or a freeze came in between; nothing is journaled, and it is decided anew. */
async function intend(hands: Hands, intent: readonly Event[], decidedOn: State, nodes: readonly string[]): Promise<boolean> {
  let holds = true
  await hands.journal.append((state) => {
    holds = hands.observed().frozen === null && stillHolds(decidedOn, state, nodes)
    return holds ? intent : []
  })
  return holds
}

/** A fault of GitLab becomes an observation and a pause; a fault of the store or lease goes up and stops the engine. */
async function attempt(hands: Hands, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const fault = asFault(error)
    if (!fault.code.startsWith('GITLAB_') && !refusals.has(fault.code)) throw fault
    hands.observe({ writeFault: { reason: fault.toReason(), retryAt: hands.clock.now() + retryDelay(fault) } })
    return
  }
  if (hands.observed().refusedChanges.size === 0) hands.observe({ writeFault: null })
}

/** Ms that GitLab asked us to wait, or our own. */
const retryDelay = (fault: Fault): number => 'after' in fault && typeof fault.after === 'number' ? Math.max(fault.after, 1000) : retryAfterMs

/** A refusal is an outcome: nothing was written. Anything else leaves the write in doubt. */
async function refusable(hands: Hands, write: () => Promise<unknown>, intent: readonly Event[]): Promise<void> {
  const { clock, gitlab, landsWithinMs, lost } = hands
  lost.mayLandUntil = clock.monotonic() + gitlab.requestTimeoutMs + landsWithinMs
  try {
    await write()
    lost.mayLandUntil = 0
  } catch (error) {
    const fault = asFault(error)
    if (refusals.has(fault.code)) {
      lost.mayLandUntil = 0
      await hands.journal.append(() => ended(intent, [fault.toReason()]))
    }
    throw fault
  }
}

/** @throws Fault WEIGHT_NOT_SETTLED while a write of this process whose answer was lost may land, whatever the wall clock says. */
function requireSettled({ clock, lost }: Hands): void {
  const after = lost.mayLandUntil - clock.monotonic()
  if (after > 0) throw Object.assign(new Fault('WEIGHT_NOT_SETTLED', 'the answer to a write was lost; it may still land'), { after })
}

/** @throws Fault GITLAB_CONFLICT, which is a refusal: nothing was sent. */
function requireInTime({ clock }: Hands, plannedAt: number): void {
  const late = clock.now() - plannedAt
  if (late > leavesWithinMs) throw new Fault('GITLAB_CONFLICT', `the write was not sent: it took ${late} ms to journal it, and what GitLab says may have changed`, { hint: 'nothing to do: pitstop reads and tries again; if it goes on, look at the store\'s response times' })
}

const ended = (intent: readonly Event[], reasons: Extract<Event, { type: 'step-ended' }>['reasons']): Event[] =>
  intent.flatMap((event) => event.type === 'step-intended' ? [{ type: 'step-ended', node: event.node, step: event.step, attempt: event.attempt, reasons } as const] : [])
