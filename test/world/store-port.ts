// The store as one coordinator process has it: slow, away, or gone before it could answer; and the process may be killed at
// any append, before or after it is stored.
import { Fault } from '@pitstop/shared/fault'
import type { Store } from '@pitstop/coordinator/ports'
import type { MemoryStore } from './memory-store.ts'
import type { Process } from './process.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** unanswered: what was asked is done, and nobody hears of it. */
export type StoreGoes = 'well' | 'away' | 'unanswered' | { readonly slowMs: number }

/** Says whether the coordinator dies at this append, before or after it is stored. */
export type Killer = (append: number, events: readonly { readonly type: string }[]) => 'before' | 'after' | null

export interface StoreHooks {
  readonly goes: () => StoreGoes
  readonly killAt: (events: readonly { readonly type: string }[]) => 'before' | 'after' | null
  readonly kill: (process: Process) => void
}

export function storeFor(process: Process, store: MemoryStore, clock: VirtualClock, { goes, killAt, kill }: StoreHooks): Store {
  const away = (): Fault => new Fault('STORE_UNAVAILABLE', 'the store does not answer')
  const through = <T>(work: () => Promise<T>): Promise<T> => {
    const fate = goes()
    return fate === 'well' ? work() : badly(fate, work)
  }
  const badly = async <T>(fate: Exclude<StoreGoes, 'well'>, work: () => Promise<T>): Promise<T> => {
    if (typeof fate === 'object') {
      await clock.sleep(fate.slowMs)
      return work()
    }
    await clock.sleep(3000)
    if (fate === 'unanswered') await work()
    throw away()
  }
  const append: Store['append'] = async (epoch, stream, at, events, window) => {
    const fate = killAt(events)
    if (fate === 'before' && process.alive) {
      kill(process)
      return new Promise(() => undefined)
    }
    const recorded = await store.append(epoch, stream, at, events, window)
    if (fate === 'after' && process.alive) kill(process)
    return recorded
  }
  const port: Record<string, unknown> = {}
  for (const key of new Set([...Object.getOwnPropertyNames(Object.getPrototypeOf(store)), ...Object.keys(store)])) {
    const method: unknown = Reflect.get(store, key)
    if (typeof method !== 'function') {
      port[key] = method
      continue
    }
    const call = (key === 'append' ? append : method.bind(store)) as (...args: unknown[]) => Promise<unknown>
    port[key] = (...args: unknown[]) => through(() => call(...args))
  }
  return port as unknown as Store
}
