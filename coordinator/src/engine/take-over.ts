// Becoming the acting coordinator: read what the store holds, see that it is understood and that it is the store it was,
// take the lease, read what came meanwhile. Whatever cannot be understood leaves the lease to others.
import { Fault, type Reason, asFault, reason } from '@pitstop/shared/fault'
import type { Inventory } from '../adapters/inventory/port.ts'
import type { Event, FleetEvent, Recorded } from '../domain/event.ts'
import { type FleetState, foldFleet } from '../domain/fleet-state.ts'
import { apply, fold } from '../domain/fold.ts'
import { disputed, lostPromises } from '../domain/lost-promises.ts'
import { type StoreFacts, type StoreMemory, type StrangeOrder, distinct, gitlabNotRead, implausibleMemory, isPlausibleEpoch, pauseRestored, restoredAdvice, whyRestored } from '../domain/restored.ts'
import type { State } from '../domain/state.ts'
import { waitOut } from '../domain/weights.ts'
import { type Agents, type Clock, type GitLab, type Incarnation, type LeaseRow, type Store, fleetStream } from '../ports.ts'
import { askAgents, tellAgents } from './ask-agents.ts'
import { mayLandForMs } from './gitlab-effects.ts'
import { LeaseWatch } from './lease-watch.ts'
import type { LeaseKeeper, LeaseSettings } from './lease-keeper.ts'
import { type LeftPromises, leftPromises } from './left-promises.ts'
import { readPresent } from './gitlab-present.ts'
import type { StoreWatch } from './store-watch.ts'

/** What this machine keeps of the store beside it, so that a store that knows less is noticed. */
export interface StoreRecollection {
  read(): Promise<StoreMemory | null>
  write(memory: StoreMemory): Promise<void>
  /** This row is journaled. Nobody waits until that is on disk: a memory that lags behind is no worse than a shorter one. */
  note(seq: number): void
  /** The break-glass file as it was left; empty = none. */
  promises(): Promise<string>
  /** For messages. */
  readonly file: string
}

export interface TakeOverParts {
  readonly store: Store
  readonly clock: Clock
  readonly agents: Agents
  readonly gitlab: GitLab
  readonly inventory: Inventory
  readonly lease: LeaseSettings
  readonly landsWithinMs: number
  readonly release?: string
  /** Without it (in a simulation) only an agent's word shows that a store was restored. */
  readonly recollection?: StoreRecollection
}

export interface Taken {
  readonly row: LeaseRow
  readonly fleet: FleetState
  /** State of the open window's plan. */
  readonly state: State | null
  /** Why the store was found not to be what it was; empty = it is. */
  readonly restored: readonly Reason[]
  /** Who did not say what it knows, or was not believed: agents, and this machine's memory. */
  readonly disbelieved: readonly Reason[]
}

/** Another's. */
export interface Held {
  readonly holder: LeaseRow
  readonly incarnation: Incarnation
  /** Why this is not the store of the last look, if it is not. */
  readonly less: readonly Reason[]
}

interface Loaded {
  readonly fleet: FleetState
  readonly window: { readonly plan: string, readonly number: number } | null
  readonly state: State | null
  /** Of the open plan: those that the store knows of. */
  readonly orders: ReadonlySet<string>
}

/**
 * @param doubt why an agent made us distrust the store, if one did.
 * @returns the row of who holds the lease instead, or what was taken. @throws Fault STORE_*, PLAN_CHANGED: then nothing is held.
 */
export async function takeOver(parts: TakeOverParts, keeper: LeaseKeeper, watch: StoreWatch, doubt: Reason | null, leaseWatch: LeaseWatch = new LeaseWatch()): Promise<Taken | Held> {
  const { store, clock, lease, recollection } = parts
  const seen = await store.readLease()
  leaseWatch.saw(seen, clock.monotonic())
  const incarnation = await store.incarnation()
  const less = watch.look(incarnation, seen, clock.monotonic())
  const anothers = store.shared && seen !== null && seen.leftMs > 0 && seen.holder !== lease.holder
  if (anothers && !leaseWatch.isAbandoned(clock.monotonic())) return { holder: seen, incarnation, less }
  // Before the lease: a standby that does not understand the journal must not take it.
  const before = await load(store)
  const left = await leftPromises(store, await recollection?.promises() ?? '')
  const epoch = seen?.epoch ?? 0
  const { memory, damaged } = await recall(recollection, epoch)
  const facts: StoreFacts = { incarnation: incarnation.id, epoch, seq: incarnation.seq, moved: incarnation.moved, past: before.fleet.past, memory, watched: watch.known.filter((each) => isPlausibleEpoch(each.epoch, epoch)), agents: null, strange: [] }
  const known = distinct([...incarnation.restoring, ...doubt === null ? [] : [doubt], ...watch.doubts(incarnation.id), ...whyRestored(facts), ...unheld(left, recollection?.file)])
  // A row whose answer was lost is known from here on: this machine may be ended before it holds the lease.
  if (known.length === 0) recollection?.note(incarnation.seq)
  // A take-over that asks waits for hosts that are just rebooting; one of a store that was watched all the time need not.
  const about = known.length > 0 || !watch.vouched ? await askedAbout(store, before, clock.now()) : null
  const asked = about === null ? null : await askAgents(parts, { epoch, ...about, holdsPlan: holdsPlan(store) })
  const restored = distinct([...known, ...whyRestored({ ...facts, moved: null, memory: null, watched: [], agents: asked?.highest ?? null, strange: asked?.strange ?? [] })])
  if (restored.length === 0) watch.vouch()

  // With the lease, in one transaction, it is written down that there is something to see to: whoever comes after a crash finds it.
  const above = Math.max(asked?.highest?.epoch ?? 0, memory?.epoch ?? 0, ...facts.watched.map((each) => each.epoch))
  const row = await keeper.take({ above, judged: epoch, restored, ...anothers ? { abandoned: seen } : {} })
  if (row === null) {
    const holder = await store.readLease()
    leaseWatch.saw(holder, clock.monotonic())
    if (holder === null) throw new Fault('LEASE_LOST', 'the lease was another\'s and vanished', { hint: 'nothing to do: it is tried again' })
    return { holder, incarnation, less }
  }
  try {
    const now = await catchUp(store, before)
    const told: FleetEvent = { type: 'lease-taken', holder: lease.holder, address: lease.address, ...parts.release === undefined ? {} : { release: parts.release } }
    const [was = incarnation.id, ...ended] = endedIn(incarnation, [...memory === null ? [] : [memory], ...facts.watched], before.fleet)
    const { id, fleet, state } = restored.length > 0
      ? await seeToRestore(parts, row.epoch, now, { reasons: restored, was, ended, told, left, strange: asked?.strange ?? [], plans: about?.plans ?? [] })
      : { ...now, id: incarnation.id, fleet: foldFleet(await store.append<FleetEvent>(row.epoch, fleetStream, clock.now(), [told]), now.fleet) }
    if (restored.length === 0 && !incarnation.placed) await store.reincarnate(row.epoch, id)
    // Last: from here on the store is what we remember, and nobody doubts it again.
    const remembered = { incarnation: id, epoch: row.epoch, seq: Math.max(fleet.seq, state?.seq ?? 0) }
    await recollection?.write(remembered)
    watch.settled(remembered)
    // A predecessor's write is waited out from now on, by our own clock. Where its lease ended in time, that write had timed out by
    // then; but the store's clock may have jumped ahead under one who lives, and a store of our own waits for no lease's end.
    return { row, fleet, restored, disbelieved: [...damaged, ...about?.unread ?? [], ...asked?.disbelieved ?? []], state: state === null ? null : waitOut(state, clock.now() + mayLandForMs(parts)) }
  } catch (error) {
    await keeper.release().catch(() => undefined)
    throw error
  }
}

interface Found { readonly reasons: readonly Reason[], readonly was: string, readonly ended: readonly string[], readonly told: FleetEvent, readonly left: LeftPromises, readonly strange: readonly StrangeOrder[], readonly plans: readonly State[] }

/** Agents first, while the note in the store still stands: whoever comes after a crash tells them again. Then everything at once. */
async function seeToRestore(parts: TakeOverParts, epoch: number, { fleet, state }: Loaded, { reasons, was, ended, told, left, strange, plans }: Found): Promise<{ readonly id: string, readonly fleet: FleetState, readonly state: State | null }> {
  const { store, clock, gitlab, recollection } = parts
  const [present] = await Promise.all([readPresent(gitlab, clock).catch(() => null), tellAgents(parts, state, epoch)])
  const from = recollection?.file ?? 'the break-glass file'
  const events = state === null ? [] : [...disputed(state, left.lines, from), ...pauseRestored(state, present === null ? [...reasons, gitlabNotRead] : reasons)]
  const found = lostPromises({ state, lines: left.lines, known: left.known, strange, plans, found: fleet.found, from, present })
  const lostPlans = strange.flatMap(({ node, step, id: order, plan, storages = [] }) => (plan === undefined ? [] : [{ node, step, id: order, plan, storages }]))
  let id = ''
  const recorded = await store.concludeRestore(epoch, clock.now(), (incarnation) => {
    id = incarnation
    const restored: FleetEvent = { type: 'store-restored', incarnation, was, reasons, ...ended.length === 0 ? {} : { ended }, ...strange.length === 0 ? {} : { orders: strange.map((each) => each.id) }, ...lostPlans.length === 0 ? {} : { lostPlans } }
    return [
      ...state === null ? [] : [{ stream: state.stored.hash, events }],
      { stream: fleetStream, events: [told, restored, ...found.map((each): FleetEvent => ({ type: 'obligation-found', ...each }))] }
    ]
  })
  const of = <E>(stream: string): Recorded<E>[] => recorded.flatMap((each) => (each.stream === stream ? [each.recorded as Recorded<E>] : []))
  return { id, fleet: foldFleet(of<FleetEvent>(fleetStream), fleet), state: state === null ? null : of<Event>(state.stored.hash).reduce(apply, state) }
}

/** Those that were known here, and the copy's own: put back once more, it would be held against every other machine for ever. */
const endedIn = ({ id }: Incarnation, known: readonly StoreMemory[], { past }: FleetState): string[] =>
  [...new Set([...known.map(({ incarnation }) => incarnation), id])].filter((each) => !past.has(each))

/** A memory that no coordinator can have left is none: believed, its epoch would be told to every agent, and no agent be believed again. */
async function recall(recollection: StoreRecollection | undefined, epoch: number): Promise<{ readonly memory: StoreMemory | null, readonly damaged: readonly Reason[] }> {
  const memory = await recollection?.read() ?? null
  if (recollection === undefined || memory === null || isPlausibleEpoch(memory.epoch, epoch)) return { memory, damaged: [] }
  return { memory: null, damaged: [implausibleMemory(recollection.file, memory, epoch)] }
}

/** Whatever else speaks for the store: it does not hold the entry from which we wrote down what we owed. */
const unheld = ({ mark, lines }: LeftPromises, file = 'the break-glass file'): Reason[] => mark === null || lines.length === 0 ? []
  : [reason('STORE_RESTORED', `${file} was written at entry ${mark.entry} of the journal under epoch ${mark.epoch}, and the store does not hold that entry`, restoredAdvice)]

async function load(store: Store): Promise<Loaded> {
  const fleet = foldFleet(await store.read<FleetEvent>(fleetStream))
  const window = await store.openWindow()
  try {
    return { fleet, window, ...window === null ? { state: null, orders: new Set() } : await loadPlan(store, window.plan, fleet) }
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'STORE_NEWER' || fleet.release === null) throw error
    throw new Fault('STORE_NEWER', error.message, { hint: `the last to act was release ${fleet.release}: run that one or a newer one here` })
  }
}

async function loadPlan(store: Store, hash: string, { toldOrders }: FleetState): Promise<Pick<Loaded, 'state' | 'orders'>> {
  const stored = await store.readPlan(hash)
  if (stored === null) throw new Fault('STORE_CORRUPT', `the store has a window for plan ${hash} and not the plan`)
  const events = await store.read<Event>(hash)
  return { state: fold(stored, events), orders: new Set([...toldOrders.keys(), ...ordersIn(events)]) }
}

const ordersIn = (events: readonly Recorded<Event>[]): string[] => events.flatMap(({ event }) => (event.type === 'step-intended' && event.facts.orderId !== undefined ? [event.facts.orderId] : []))

/** A window may settle for days behind its plan's closing time. One that nobody saw to within so many is not found by its orders any more. */
const settlesWithinMs = 7 * 24 * 3_600_000

interface AskedAbout { readonly plans: State[], readonly orders: ReadonlySet<string>, /** Plans about which nobody could be asked. */ readonly unread: readonly Reason[] }

/**
 * The open window's plan first, then the newest: all of which a window may have been opened since, and may not be over. One that is past
 * closing and cannot be read keeps nobody from acting: it is named.
 */
async function askedAbout(store: Store, { fleet, state, orders }: Loaded, now: number): Promise<AskedAbout> {
  const unread: Reason[] = []
  const name = (what: string, error: unknown): void => { unread.push(reason(asFault(error).code, `${what} cannot be read, so agents are not asked about it: ${asFault(error).message}`, asFault(error).hint)) }
  const stored = await store.listPlans().catch((error: unknown) => { name('the list of plans', error); return [] })
  const others = await Promise.all(stored.filter(({ hash, plan }) => hash !== state?.stored.hash && plan.closesAt + settlesWithinMs > now).toReversed().map(async ({ hash, plan }) => {
    const loaded = loadPlan(store, hash, fleet)
    return plan.closesAt > now ? await loaded : await loaded.catch((error: unknown) => { name(`plan ${hash.slice(0, 12)}`, error); return null })
  }))
  return { unread, plans: [...state === null ? [] : [state], ...others.flatMap((each) => each?.state ?? [])], orders: new Set([...fleet.toldOrders.keys(), ...orders, ...others.flatMap((each) => [...each?.orders ?? []])]) }
}

/** Asked when an agent names it: whoever acted until now may have made it meanwhile. One that cannot be read is there. */
function holdsPlan(store: Store): (hash: string) => Promise<boolean> {
  const asked = new Map<string, Promise<boolean>>()
  return (hash) => asked.getOrInsertComputed(hash, () => store.readPlan(hash).then((plan) => plan !== null, () => true))
}

/** What the predecessor journaled between our reading and its end. */
async function catchUp(store: Store, { fleet, window, state, orders }: Loaded): Promise<Loaded> {
  const open = await store.openWindow()
  if (open?.plan !== window?.plan || open?.number !== window?.number) return await load(store)
  const later = foldFleet(await store.read<FleetEvent>(fleetStream, fleet.seq), fleet)
  return { fleet: later, window, orders, state: state === null ? null : (await store.read<Event>(state.stored.hash, state.seq)).reduce(apply, state) }
}
