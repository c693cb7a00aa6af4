// Promises that a restored store had lost, as people see and settle them. They belong to the fleet and to no window.
import { formatDuration } from '@pitstop/shared/duration'
import { Fault, asFault, reason } from '@pitstop/shared/fault'
import { idOfFound } from '../domain/break-glass-lines.ts'
import type { FleetState, FoundObligation } from '../domain/fleet-state.ts'
import { type ByHand, type Promised, payByHand, shownNow } from '../domain/obligations.ts'
import { type Present, type StrangeOrder, lostPromises } from '../domain/restored.ts'
import type { State } from '../domain/state.ts'
import type { ObligationView } from '../domain/view.ts'
import type { Clock, GitLab } from '../ports.ts'

export const lostPromiseViews = ({ found }: FleetState, byHand: ByHand): ObligationView[] => [...found.values()].map((each) => ({
  id: each.id, kind: each.kind, subject: each.subject, node: each.node, previous: each.previous, openedAt: each.foundAt, status: 'open', settledBy: null, text: each.text,
  because: reason('STORE_RESTORED', `${each.id}: ${each.text}`, `look at GitLab; put it back by hand if it is not, then: pitstop obligations hand-over ${each.id} --reason "…"`),
  payByHand: payByHand(byHand, { ...each, id: idOfFound(each.id) })
}))

export const lostWeights = ({ found }: Pick<FleetState, 'found'>): number => [...found.values()].filter(({ kind }) => kind === 'weight').length

/** @param what "a window is opened" @throws Fault STORE_RESTORED */
export function requireNothingLost({ found }: FleetState, what: string): void {
  if (found.size > 0) throw new Fault('STORE_RESTORED', `before ${what}, a person settles what the restored store had lost: ${[...found.keys()].join(', ')}`, { hint: 'pitstop obligations; then for each: pitstop obligations hand-over ID --reason "…"' })
}

/** A moment of trouble is no reason to tell less than there is. */
const readAgainMs = 2000

/** @throws Fault GITLAB_*: twice. */
export async function readPresent(gitlab: GitLab, clock: Pick<Clock, 'after'>): Promise<Present> {
  const read = async (): Promise<Present> => ({ weights: await gitlab.readWeights(), scheduleActive: gitlab.hasAssigner ? (await gitlab.readSchedule()).active : null })
  return await read().catch(async () => {
    await new Promise<void>((resolve) => { clock.after(readAgainMs, resolve) })
    return await read()
  })
}

/** Whoever settles a weight, or builds upon it, sees it as it stays. @param landsInMs for how long a write of the lost time may still land. @throws Fault STORE_RESTORED */
export function requireLanded(landsInMs: number): void {
  if (landsInMs > 0) throw new Fault('STORE_RESTORED', 'a write to GitLab from before the store was put back may still land', { hint: `look again in ${formatDuration(landsInMs)}, then say it again` })
}

/** What agents had at the restore, and the plans that the store holds. */
export interface KnownAtRestore { readonly strange: readonly StrangeOrder[], readonly plans: readonly State[] }

/**
 * Before a person's word counts, GitLab is held against the restored journal once more: it may not have been readable when the store
 * was found restored, and a write of the lost time may have landed since.
 * @param state of the open window's plan; null = a window is about to be opened. @returns what was not told yet. @throws Fault STORE_RESTORED: the comparison cannot be made.
 */
export async function notToldYet({ gitlab, clock }: { readonly gitlab: GitLab, readonly clock: Pick<Clock, 'after'> }, state: State | null, { strange, plans }: KnownAtRestore, { found, takenOver, restoredSeq }: FleetState): Promise<Omit<FoundObligation, 'foundAt'>[]> {
  const present = await readPresent(gitlab, clock).catch((error: unknown) => {
    throw new Fault('STORE_RESTORED', `GitLab cannot be held against the restored journal: ${asFault(error).message}`, { cause: error, hint: 'when GitLab answers, say it again' })
  })
  const settled = new Set([...takenOver].flatMap(([id, { seq }]) => seq > restoredSeq ? [id] : []))
  // Of the window's own nodes a weight at 0 is told without an order, unless the journal says why.
  const others = strange.filter(({ node }) => state?.nodes.has(node) !== true)
  return lostPromises({ state, lines: [], known: null, strange: others, plans, found, from: '', present }).filter(({ id }) => !settled.has(idOfFound(id)))
}

/** Never throws: a promise can be taken over while GitLab is away. */
export async function whatGitLabShows(gitlab: GitLab, { kind, subject, previous }: Promised): Promise<string> {
  try {
    const now = kind === 'weight' ? (await gitlab.readWeights())[subject] ?? null : gitlab.hasAssigner ? (await gitlab.readSchedule()).active : null
    return shownNow({ kind, previous }, now)
  } catch (error) {
    return `GitLab could not be asked: ${asFault(error).message}`
  }
}
