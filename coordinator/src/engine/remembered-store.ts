// The store, and what this process and this machine remember of how far its journal went: a copy from before that is then
// known for what it is.
import { Fault } from '@pitstop/shared/fault'
import type { FleetEvent } from '../domain/event.ts'
import { foldFleet } from '../domain/fleet-state.ts'
import { type StoreMemory, whyRestored } from '../domain/restored.ts'
import { type Incarnation, type Store, fleetStream } from '../ports.ts'

/** @param note told of the newest row after each append. */
export function remembered(store: Store, note: (seq: number) => void): Store {
  return {
    ...store,
    append: async (epoch, stream, at, events, window) => {
      const recorded = await store.append(epoch, stream, at, events, window)
      const seq = recorded.at(-1)?.seq
      if (seq !== undefined) note(seq)
      return recorded
    }
  }
}

/** Whether the store knows all that this machine remembers: then its memory may go on with this one. @param epoch of the lease. @throws Fault STORE_* */
export async function accountsFor(store: Store, { id, seq }: Incarnation, epoch: number, memory: StoreMemory | null): Promise<boolean> {
  if (memory === null) return true
  const past = memory.incarnation === id ? new Set<string>() : await pastOf(store)
  return whyRestored({ incarnation: id, epoch, seq, moved: null, past, memory, watched: [], agents: null, strange: [] }).length === 0
}

/** Of a journal that a newer release wrote nothing is known here; who acts is told all the same. */
async function pastOf(store: Store): Promise<ReadonlySet<string>> {
  try {
    return foldFleet(await store.read<FleetEvent>(fleetStream)).past
  } catch (error) {
    if (error instanceof Fault && error.code === 'STORE_NEWER') return new Set()
    throw error
  }
}
