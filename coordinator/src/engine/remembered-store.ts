// The store, and what this process and this machine remember of how far its journal went: a copy from before that is then
// known for what it is.
import type { Store } from '../ports.ts'

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
