// Becoming the acting coordinator: read what the store holds, see that it is understood and that it is the store it was,
// take the lease, read what came meanwhile. Whatever cannot be understood leaves the lease to others.
import { Fault, type Reason } from '@pitstop/shared/fault'
import type { Inventory } from '../adapters/inventory/port.ts'
import { promiseLines } from '../domain/break-glass-lines.ts'
import type { Event, FleetEvent } from '../domain/event.ts'
import { type FleetState, foldFleet } from '../domain/fleet-state.ts'
import { apply, fold } from '../domain/fold.ts'
import { type Present, type StoreMemory, lostPromises, pauseRestored, strangeReason, whyRestored } from '../domain/restored.ts'
import type { State } from '../domain/state.ts'
import { waitOut } from '../domain/weights.ts'
import { type Agents, type Clock, type GitLab, type LeaseRow, type Store, fleetStream } from '../ports.ts'
import { askAgents } from './ask-agents.ts'
import type { LeaseKeeper, LeaseSettings } from './lease-keeper.ts'

/** What this machine keeps of the store beside it, so that a store that knows less is noticed. */
export interface StoreRecollection {
  read(): Promise<StoreMemory | null>
  write(memory: StoreMemory): Promise<void>
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
}

interface Loaded { readonly fleet: FleetState, readonly window: { readonly plan: string, readonly number: number } | null, readonly state: State | null }

/**
 * @param doubt why an agent made us distrust the store, if one did.
 * @returns the row of who holds the lease instead, or what was taken. @throws Fault STORE_*, PLAN_CHANGED: then nothing is held.
 */
export async function takeOver(parts: TakeOverParts, keeper: LeaseKeeper, doubt: Reason | null): Promise<{ readonly taken: Taken } | { readonly holder: LeaseRow }> {
  const { store, lease, recollection } = parts
  const seen = await store.readLease()
  if (store.shared && seen !== null && seen.leftMs > 0 && seen.holder !== lease.holder) return { holder: seen }
  // Before the lease: a standby that does not understand the journal must not take it.
  const before = await load(store)
  const incarnation = await store.incarnation()
  const memory = await recollection?.read() ?? null
  const facts = { incarnation: incarnation.id, epoch: seen?.epoch ?? 0, moved: incarnation.moved, past: before.fleet.past, memory, agents: null }
  const known = [...doubt === null ? [] : [doubt], ...whyRestored(facts)]
  // Agents are asked when there is reason to; else a take-over would wait for every host that is just rebooting.
  const asked = known.length > 0 || (recollection !== undefined && memory === null) ? await askAgents(parts, before.state) : null
  const restored = [...known, ...whyRestored({ ...facts, moved: null, memory: null, agents: asked?.highest ?? null })]

  const row = await keeper.take(Math.max(asked?.highest?.epoch ?? 0, memory?.epoch ?? 0))
  if (row === null) {
    const holder = await store.readLease()
    if (holder === null) throw new Fault('LEASE_LOST', 'the lease was another\'s and vanished', { hint: 'nothing to do: it is tried again' })
    return { holder }
  }
  try {
    const now = await catchUp(store, before)
    const told: FleetEvent[] = [{ type: 'lease-taken', holder: lease.holder, address: lease.address, ...parts.release === undefined ? {} : { release: parts.release } }]
    let id = incarnation.id
    if (restored.length > 0) {
      id = await store.reincarnate(row.epoch)
      const lines = promiseLines(await recollection?.promises() ?? '')
      const present = await readPresent(parts.gitlab)
      const found = lostPromises(now.state, lines, asked?.strange ?? [], recollection?.file ?? 'the break-glass file', present).filter((each) => !now.fleet.found.has(each.id))
      told.push({ type: 'store-restored', incarnation: id, was: memory?.incarnation ?? incarnation.id, reasons: restored }, ...found.map((each): FleetEvent => ({ type: 'obligation-found', ...each })))
    } else if (!incarnation.placed) await store.reincarnate(row.epoch, id)
    const fleet = foldFleet(await store.append<FleetEvent>(row.epoch, fleetStream, parts.clock.now(), told), now.fleet)
    const state = now.state === null ? null : await paused(parts, row.epoch, now.state, restored.length === 0 ? [] : [...restored, ...(asked?.strange ?? []).map(strangeReason)])
    // Last: from here on the store is what we remember, and nobody doubts it again.
    await recollection?.write({ incarnation: id, epoch: row.epoch })
    // A predecessor's write had timed out when its lease ended: it is waited out from now on, by our own clock. On a store of
    // our own nobody waited for that end: a write may have left a moment ago.
    const mayLandForMs = parts.landsWithinMs + (store.shared ? 0 : parts.gitlab.requestTimeoutMs)
    return { taken: { row, fleet, state: state === null ? null : waitOut(state, parts.clock.now() + mayLandForMs) } }
  } catch (error) {
    await keeper.release().catch(() => undefined)
    throw error
  }
}

const readPresent = async (gitlab: GitLab): Promise<Present | null> => {
  try {
    return { weights: await gitlab.readWeights(), scheduleActive: gitlab.hasAssigner ? (await gitlab.readSchedule()).active : null }
  } catch {
    return null
  }
}

async function paused({ store, clock }: TakeOverParts, epoch: number, state: State, reasons: readonly Reason[]): Promise<State> {
  const events = pauseRestored(state, reasons)
  return events.length === 0 ? state : (await store.append<Event>(epoch, state.stored.hash, clock.now(), events)).reduce(apply, state)
}

async function load(store: Store): Promise<Loaded> {
  const fleet = foldFleet(await store.read<FleetEvent>(fleetStream))
  const window = await store.openWindow()
  try {
    return { fleet, window, state: window === null ? null : await loadPlan(store, window.plan) }
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'STORE_NEWER' || fleet.release === null) throw error
    throw new Fault('STORE_NEWER', error.message, { hint: `the last to act was release ${fleet.release}: run that one or a newer one here` })
  }
}

async function loadPlan(store: Store, hash: string): Promise<State> {
  const stored = await store.readPlan(hash)
  if (stored === null) throw new Fault('STORE_CORRUPT', `the store has a window for plan ${hash} and not the plan`)
  return fold(stored, await store.read<Event>(hash))
}

/** What the predecessor journaled between our reading and its end. */
async function catchUp(store: Store, { fleet, window, state }: Loaded): Promise<Loaded> {
  const open = await store.openWindow()
  if (open?.plan !== window?.plan || open?.number !== window?.number) return await load(store)
  const later = foldFleet(await store.read<FleetEvent>(fleetStream, fleet.seq), fleet)
  return { fleet: later, window, state: state === null ? null : (await store.read<Event>(state.stored.hash, state.seq)).reduce(apply, state) }
}
