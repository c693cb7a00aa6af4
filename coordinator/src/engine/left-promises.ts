// This machine's break-glass file as it was left, held against the store: what it had promised that the journal does not
// account for. A journal that holds the entry from which the file was written knows all that the file says, and what came of it.
import { type GlassMark, type PromiseLine, glassMark, planOfGlass, promiseLines } from '../domain/break-glass-lines.ts'
import type { Event, FleetEvent } from '../domain/event.ts'
import { fold } from '../domain/fold.ts'
import type { State } from '../domain/state.ts'
import { type Store, fleetStream } from '../ports.ts'

export interface LeftPromises {
  readonly mark: GlassMark | null
  /** None where the journal accounts for the whole file. */
  readonly lines: readonly PromiseLine[]
  /** For a file that does not say how far it knew: the plan that it is about, as the journal has it; null = not there, or not needed. */
  readonly known: State | null
}

/** @throws Fault STORE_* */
export async function leftPromises(store: Store, text: string): Promise<LeftPromises> {
  const mark = glassMark(text)
  const lines = promiseLines(text)
  if (lines.length === 0 || (mark !== null && await isHeld(store, mark))) return { mark, lines: [], known: null }
  return { mark, lines, known: mark === null ? await planNamed(store, planOfGlass(text)) : null }
}

/** An epoch alone proves nothing: a restored store may give it out again. The holder's name is never given out twice. */
async function isHeld(store: Store, { holder, epoch, entry }: GlassMark): Promise<boolean> {
  const ours = (await store.read<FleetEvent>(fleetStream)).some((row) => row.epoch === epoch && row.event.type === 'lease-taken' && row.event.holder === holder)
  if (!ours) return false
  const [row] = await store.readAll(entry - 1, 1)
  return row?.recorded.seq === entry && row.recorded.epoch === epoch
}

async function planNamed(store: Store, hash: string | null): Promise<State | null> {
  const stored = hash === null ? undefined : (await store.listPlans()).find((each) => each.hash.startsWith(hash))
  return stored === undefined ? null : fold(stored, await store.read<Event>(stored.hash))
}
