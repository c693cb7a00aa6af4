// Reads and writes of GitLab. One writer, one write at a time, the whole hash, read back; the intent is journaled before
// the write leaves, and a write whose answer is lost stays in doubt until it can no longer land.
import { Fault, type Reason, asFault } from '@pitstop/shared/fault'
import type { FaultCode } from '@pitstop/shared/fault-table'
import { audit } from '../domain/audit.ts'
import type { Effect } from '../domain/effect.ts'
import type { Event } from '../domain/event.ts'
import { type Shown, allArrived, isOfWeights, lostWrites, outcomeOfLost } from '../domain/lost-writes.ts'
import type { GitLabReading, HostView, Observed } from '../domain/observed.ts'
import { isAssignerOff, pausedAfterHandOver, planScheduleWrite } from '../domain/schedule.ts'
import { type State, assignerObligation, stillHolds } from '../domain/state.ts'
import { type Weights, contradictsOwnWrites, handedOverMeanwhile, notAsWritten, planWeightWrite, raisedByOthers } from '../domain/weights.ts'
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
/** For how long after its intent was journaled a write may land. Whoever is overtaken just then may still send it: the store cannot call it back. */
export const mayLandForMs = ({ gitlab, landsWithinMs }: Pick<Hands, 'landsWithinMs'> & { readonly gitlab: Pick<Hands['gitlab'], 'requestTimeoutMs'> }): number => leavesWithinMs + gitlab.requestTimeoutMs + landsWithinMs
const landsBy = (hands: Hands): number => hands.clock.now() + mayLandForMs(hands)

type Reading = Pick<Hands, 'gitlab' | 'clock'> & { readonly journal?: Hands['journal'] }

/** GitLab's databases answer from replicas too, and a setting is cached: so often and so far apart is asked before news is believed. */
const confirmations = 2
const confirmAfterMs = 1000

/**
 * GitLab's answer, asked for again while `isNews`: a reading from before our own write would be written back with the whole hash, or
 * be taken for somebody else's. What it still says then is so.
 */
async function confirmed<T>({ clock }: Pick<Hands, 'clock'>, read: () => Promise<T>, isNews: (answer: T) => boolean): Promise<T> {
  let answer = await read()
  for (let again = 0; again < confirmations && isNews(answer); again++) {
    await new Promise<void>((resolve) => { clock.after(confirmAfterMs, resolve) })
    answer = await read()
  }
  return answer
}

/** Without a journal nothing was written by us yet. */
const readWeights = ({ gitlab, clock, journal }: Reading): Promise<Weights> =>
  confirmed({ clock }, () => gitlab.readWeights(), (weights) => journal !== undefined && contradictsOwnWrites(journal.state, weights, clock.now()))

/** Of a schedule that pitstop has switched off: an assigner awake halts the window. */
const readSchedule = ({ gitlab, clock, journal }: Reading): ReturnType<Hands['gitlab']['readSchedule']> =>
  confirmed({ clock }, () => gitlab.readSchedule(), ({ active }) => active && journal !== undefined && isAssignerOff(journal.state))

const askedNow = ({ clock, journal }: Reading): Pick<GitLabReading, 'at' | 'seq'> => ({ at: clock.now(), seq: journal?.state.seq ?? 0 })

export async function readGitLab(reading: Reading): Promise<GitLabReading> {
  const { gitlab } = reading
  const asked = askedNow(reading)
  const [weights, schedule, pipelines, moves] = await Promise.all([
    readWeights(reading),
    gitlab.hasAssigner ? readSchedule(reading) : null,
    gitlab.hasAssigner ? gitlab.livePipelines() : [],
    gitlab.storageMoves()
  ])
  const moving = [...new Set((moves ?? []).flatMap(({ source, destination }) => [source, destination]))]
  return { ...asked, weights, scheduleActive: schedule?.active ?? null, pipelines, moving }
}

/**
 * What can change from one moment to the next, read again just before a node goes down. Pipelines and moves (a dozen
 * requests) are taken from the last full reading: with the schedule off no pipeline begins, and gates want it fresh.
 */
export async function rereadGitLab(reading: Reading, last: GitLabReading): Promise<GitLabReading> {
  const { gitlab } = reading
  const asked = askedNow(reading)
  const [weights, schedule] = await Promise.all([readWeights(reading), gitlab.hasAssigner ? readSchedule(reading) : null])
  return { ...last, ...asked, weights, scheduleActive: schedule?.active ?? null }
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
    const { seq } = journal.state
    const read = await readWeights(hands)
    const plannedAt = clock.now()
    if (raisedByOthers(journal.state, { seq, weights: read }).length > 0) {
      // Raised by somebody else: what that means is decided upon before anything is written beside it.
      hands.observe({ gitlab: await readGitLab(hands), gitlabFault: null })
      return
    }
    const plan = planWeightWrite(journal.state, read, changes, landsBy(hands))
    const refused = new Map(hands.observed().refusedChanges)
    for (const { node } of changes) refused.delete(node)
    for (const [node, reasons] of plan.refused) refused.set(node, { seq, reasons })
    // Refused changes are tried again after a while, not at once.
    const held = plan.refused.size > 0 && plan.send === null ? [...plan.refused.values()][0]?.[0] : undefined
    hands.observe({ refusedChanges: refused, ...(held === undefined ? {} : { writeFault: pauseFor(hands, held, seq) }) })
    if (!await intend(hands, plan.intent, decidedOn, { nodes })) return
    const { send } = plan
    if (send !== null) {
      hands.guard(gitlab.requestTimeoutMs)
      await refusable(hands, () => { requireInTime(hands, plannedAt); return gitlab.writeWeights(send) }, plan.intent)
      const differs = notAsWritten(plan.own, await confirmed(hands, () => gitlab.readWeights(), (weights) => notAsWritten(plan.own, weights).length > 0))
      if (differs.length > 0) {
        await journal.append((state) => [...ended(plan.intent, differs), ...(state.window.phase === 'rolling' && state.window.halt === null ? [{ type: 'window-halted', reasons: differs } as const] : [])])
        hands.observe({ writeFault: pauseFor(hands, differs[0] ?? asFault('read back').toReason(), seq) })
        return
      }
    }
    await journal.append((state) => [...(send === null ? [] : handedOverMeanwhile(state, plan)), ...plan.outcome])
  })
}

/**
 * Readings that are asked for when none of them can land any more. What a write would have left and GitLab does not show is asked for
 * again. Only what was to be written is read, and each ends by its own reading: no weight waits for a schedule that cannot be read.
 */
export async function settleWrites(hands: Hands): Promise<void> {
  const { gitlab, journal } = hands
  await attempt(hands, async () => {
    requireSettled(hands)
    const lost = lostWrites(journal.state)
    const readings: (() => Promise<Shown>)[] = []
    if (lost.some(isOfWeights)) readings.push(async () => ({ weights: await gitlab.readWeights() }))
    if (!lost.every(isOfWeights)) readings.push(async () => ({ scheduleActive: gitlab.hasAssigner ? (await gitlab.readSchedule()).active : null }))
    const faults: Fault[] = []
    for (const reading of readings) {
      const shown = await confirmed(hands, reading, (shown) => !allArrived(journal.state, shown)).catch((error: unknown) => { faults.push(asFault(error)) })
      if (shown !== undefined) await journal.append((state) => outcomeOfLost(state, shown))
    }
    const [fault] = faults
    if (fault !== undefined) throw Object.assign(fault, { isOfLost: true })
  })
}

export async function setSchedule(hands: Hands, { active, step }: Extract<Effect, { kind: 'set-schedule' }>, decidedOn: State): Promise<void> {
  const { gitlab, journal, clock } = hands
  await attempt(hands, async () => {
    requireSettled(hands)
    const found = await confirmed(hands, () => gitlab.readSchedule(), (schedule) => step === 'resume-assigner' && schedule.active)
    const plannedAt = clock.now()
    const plan = planScheduleWrite(journal.state, found.active, active, step, landsBy(hands))
    if (!await intend(hands, plan.intent, decidedOn, { nodes: [], promise: assignerObligation })) return
    if (plan.send) {
      hands.guard(gitlab.requestTimeoutMs)
      await refusable(hands, () => { requireInTime(hands, plannedAt); return gitlab.setScheduleActive(active) }, plan.intent)
      const now = await gitlab.readSchedule()
      if (now.active !== active) {
        await journal.append(() => ended(plan.intent, []))
        throw new Fault('GITLAB_CONFLICT', `the assigner's schedule was set ${active ? 'active' : 'inactive'} and reads back otherwise: somebody else changes it`, { hint: 'find out who does' })
      }
    }
    await journal.append((state) => [...(plan.send ? pausedAfterHandOver(state, step) : []), ...plan.outcome])
  })
}

export async function cancelPipeline(hands: Hands, id: number): Promise<void> {
  await attempt(hands, async () => {
    hands.guard(hands.gitlab.requestTimeoutMs)
    try {
      await hands.gitlab.cancelPipeline(id)
      hands.observe({ cancelled: new Set([...hands.observed().cancelled, id]) })
    } finally {
      // Cancelled or not: it may have ended by itself meanwhile.
      await observeGitLab(hands)
    }
  })
}

export async function auditWeights(hands: Hands): Promise<void> {
  await attempt(hands, async () => {
    const [reading, hosts] = await Promise.all([readGitLab(hands), askHosts(hands)])
    await hands.journal.append((state) => [{ type: 'window-audited', differences: audit(state, { weights: reading.weights, scheduleActive: reading.scheduleActive, hosts, takenOver: hands.takenOver(), now: hands.clock.now() }) }])
  })
}

/** Those that had an order in this plan, if they answer. */
async function askHosts({ agents, journal: { state } }: Hands): Promise<ReadonlyMap<string, HostView>> {
  const touched = state.stored.plan.nodes.filter(({ node }) => Object.keys(state.nodes.get(node)?.steps ?? {}).length > 0)
  const views = await inGroups(touched, atOnce, async (node): Promise<[string, HostView | undefined]> => [node.node, await agents.describe(node, 0, []).catch(() => undefined)])
  return new Map(views.flatMap(([node, view]) => view === undefined ? [] : [[node, view]]))
}

/** False: a command or a freeze came in between; nothing is journaled, and it is decided anew. */
async function intend(hands: Hands, intent: readonly Event[], decidedOn: State, { nodes, promise = null }: { readonly nodes: readonly string[], readonly promise?: string | null }): Promise<boolean> {
  let holds = true
  await hands.journal.append((state) => {
    holds = hands.observed().frozen === null && stillHolds(decidedOn, state, nodes, promise)
    return holds ? intent : []
  })
  return holds
}

/** A fault of GitLab becomes an observation and a pause; a fault of the store or lease goes up and stops the engine. */
async function attempt(hands: Hands, work: () => Promise<void>): Promise<void> {
  const { seq } = hands.journal.state
  try {
    await work()
  } catch (error) {
    const fault = asFault(error)
    if (!fault.code.startsWith('GITLAB_') && !refusals.has(fault.code)) throw fault
    hands.observe({ writeFault: { ...pauseFor(hands, fault.toReason(), seq, retryDelay(fault)), isOfLost: 'isOfLost' in fault } })
    return
  }
  if (hands.observed().refusedChanges.size === 0) hands.observe({ writeFault: null })
}

/** @param seq of the journal when the write was begun. */
function pauseFor({ clock }: Hands, reason: Reason, seq: number, ms = retryAfterMs): NonNullable<Observed['writeFault']> {
  const at = clock.now()
  return { reason, at, seq, retryAt: at + ms, isOfLost: false }
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
